"""The code of a plugin, as a digest: an edited plugin is another, whatever its version says."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from bench.runtime.digests import digests_of, tree_digest

_OWN: Final = "bench"
_INSTALLED: Final = ("site-packages", "dist-packages")


def source_digest(owner: str, modules: Iterable[str]) -> str:
    """A digest of a distribution's packages and of those that hold `modules`.

    Whole packages count, with all files in them, and where a module is a single file the others
    beside it. The code of bench has a digest of its own and does not count.

    Args:
        owner: name of the distribution.
        modules: full names, of the entry point and the target.

    Returns:
        16 hexadecimal digits, or an empty text where there is no code to be found.
    """
    tops = {name.partition(".")[0] for name in modules} | set(_packages(owner))
    places = {top: sorted(map(str, _places(top))) for top in sorted(tops - {_OWN, ""})}
    found = {top: [_digest(Path(place)) for place in own] for top, own in places.items()}
    if not any(found.values()):
        return ""
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]


def _packages(owner: str) -> Iterator[str]:
    """The top-level modules that were installed with a distribution."""
    with contextlib.suppress(PackageNotFoundError):
        for path in distribution(owner).files or ():
            if path.suffix == ".py" and path.parts[0] != "..":
                yield path.parts[0].removesuffix(".py")


def _places(top: str) -> list[Path]:
    """The folders or the file of a top-level module; it is not imported."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return [Path(place) for place in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin and Path(spec.origin).is_file() else []


def _digest(place: Path) -> str:
    if place.is_dir():
        return tree_digest(place)
    files = [place] if place.parent.name in _INSTALLED else sorted(place.parent.glob("*.py"))
    content = digests_of(files)
    return repr([(path.name, content[path]) for path in files])
