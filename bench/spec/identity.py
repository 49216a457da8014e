"""The identity of a run beside its specification: the code, and the files that it names."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, Final

WITHOUT_SCORES: Final = (
    *("ablation", "cli", "commands", "leaderboard", "listening", "pretraining", "report"),
    *("scaffold", "tables", "testing", "data/generate"),
)
"""Packages that cannot change a score: they ask for runs, show their results, or make and check
plugins, weights and sets (a set that changes has another fingerprint). It is a list of what does
not count, so that a new package changes ids needlessly rather than not at all."""


def by_content(value: Any) -> Any:
    """The value, or the hash of the file that it names."""
    if isinstance(value, str) and value and len(value) < 4096 and Path(value).is_file():
        path = Path(value).resolve()
        return "sha256:" + _file_hash(str(path), path.stat().st_size, path.stat().st_mtime_ns)
    return value


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


@lru_cache(maxsize=32)
def _file_hash(path: str, size: int, mtime: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
