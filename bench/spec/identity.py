"""The identity of a run beside its specification: the code, and the files that it names."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, Final

from bench.runtime.digests import digest_of, tree_digest

WITHOUT_SCORES: Final = (
    *("ablation", "cli", "commands", "leaderboard", "listening", "pretraining", "report"),
    *("scaffold", "tables", "testing", "data/generate"),
)
"""Packages that cannot change a score: they ask for runs, show their results, or make and check
plugins, weights and sets (a set that changes has another fingerprint). It is a list of what does
not count, so that a new package changes ids needlessly rather than not at all."""


FILE_MARK: Final = "sha256:"
"""What a file that was given as an option is kept as: the hash of its content."""


def by_content(options: Any) -> dict[str, Any]:
    """The values of an options instance; a path by the content of what it names.

    Of the name of a plugin the distribution is left out: a run's identity has it elsewhere.

    Args:
        options: an instance of a plugin's options class, or None.
    """
    if options is None:
        return {}
    found: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.metadata.get("plugin"):
            value = str(value).rpartition("/")[2]
        if field.metadata.get("path") and value not in ("", *field.metadata.get("names", ())):
            value = content_of(Path(value).expanduser()) or value
        found[field.name] = value
    return found


def read_besides(options: Any) -> dict[str, str]:
    """The further files that are read for options, by name, each by its content."""
    paths = _reads(options)
    return {path.name: content for path in paths if (content := content_of(path))}


def lacks_files(options: Any) -> bool:
    """Whether a name is given for a path, and what it stands for is not on this machine yet."""
    if options is None:
        return False
    named = any(
        getattr(options, field.name) in field.metadata.get("names", ())
        for field in dataclasses.fields(options)
        if field.metadata.get("path")
    )
    return named and not all(path.exists() for path in _reads(options))


def _reads(options: Any) -> list[Path]:
    try:
        return [Path(path) for path in getattr(options, "reads", ())]
    except ValueError:  # of a path that no file can have, as an empty one: that is told later
        return []


def content_of(path: Path) -> str:
    """The hash of a file, or of all that is in a folder; empty where there is neither."""
    try:
        if path.is_file():
            return FILE_MARK + digest_of(path.resolve())
        return FILE_MARK + tree_digest(path.resolve()) if path.is_dir() else ""
    except (OSError, ValueError):
        return ""


def counts(source: PurePath) -> bool:
    """Whether a source file of bench can change a score.

    Args:
        source: its path in the package.

    Example:
        >>> counts(PurePath("hearing/sdr.py")), counts(PurePath("report/page.py"))
        (True, False)
    """
    return not any(source.is_relative_to(package) for package in WITHOUT_SCORES)


@lru_cache(maxsize=1)
def code_hash() -> str:
    """A hash of the code and shipped weights that scores depend on.

    A changed program never finds an older one's scores.
    """
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.safetensors")]):
        name = path.relative_to(root)
        if counts(name):
            digest.update(name.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
