"""Files by the names that metadata give them, however another system spelt them.

A Mac writes ``é`` as two characters where metadata have one, and leaves ``._x`` beside ``x``;
Windows takes ``Mixture.WAV`` for ``mixture.wav``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from bench.errors import BenchError


def composed(text: str) -> str:
    """A text in Unicode's composed form (NFC), in which names are compared and kept."""
    return unicodedata.normalize("NFC", text)


def entries(folder: Path) -> Iterator[Path]:
    """What lies in a folder, in the order of its names; without hidden files.

    Raises:
        OSError: it cannot be read.
    """
    return (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))


def relative_path(text: str, where: str) -> PurePosixPath:
    """A path that metadata give below a folder.

    Raises:
        BenchError: it leaves the folder: it is absolute, or has ``..`` in it.
    """
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        hint = "A path in metadata lies below its folder; links there are followed."
        raise BenchError(f"the path '{text}' leaves its folder", where=where, hint=hint)
    return path


def folder_at(parent: Path, relative: PurePosixPath) -> Path:
    """The folder `relative` below `parent`; where there is none, one that differs in form alone."""
    for name in relative.parts:
        parent = _alike(parent, name, composed)
    return parent


def file_at(folder: Path, name: str) -> Path:
    """The file `name` in a folder; where there is none, one that differs in case alone."""
    return _alike(folder, name, lambda text: composed(text).casefold())


def _alike(folder: Path, name: str, form: Callable[[str], str]) -> Path:
    exact = folder / name
    if exact.exists():
        return exact
    try:
        found = [path for path in entries(folder) if form(path.name) == form(name)]
    except OSError:
        return exact
    if len(found) > 1:
        both = " and ".join(path.name for path in found)
        raise BenchError(f"it has {both}", where=str(folder), hint="Remove one of them.")
    return found[0] if found else exact
