"""The cause of a failure: one line with the place in the code, and the traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import BenchError, NoValueError

LONGEST: Final = 8000
"""Characters of a traceback that are kept, from its end."""
_HARNESS: Final = ("bench", "torch", "concurrent")
_PLUGINS: Final = "bench/builtin/"


@dataclass(frozen=True)
class Cause:
    """Why something failed.

    Attributes:
        reason: one line, as ``ValueError: no vocals (my_separator/separator.py:31)``.
        traceback: with paths relative to where they are imported from; empty where the error is
            about the input.
    """

    reason: str
    traceback: str = ""


def cause_of(error: BaseException) -> Cause:
    """The cause of an error.

    The place is the last line of the plugin: of the first package that the harness called and that
    is not its own. Where there is none, the line that raised.

    Example:
        >>> cause_of(KeyError("vocals")).reason
        "KeyError: 'vocals'"
    """
    text = " ".join(str(error).split())
    # What is about the input: where in the code it was raised says nothing.
    if isinstance(error, BenchError | NoValueError):
        return Cause(text)
    kind = type(error).__name__
    said = f"{kind}: {text}" if text else kind
    if kind == "OutOfMemoryError":  # torch's, of a GPU; its text goes on about an allocator
        what = text.partition(". GPU ")[0].rstrip(".")
        said = f"the GPU has too little memory ({what}): try --workers 1"
    if error.__traceback__ is None:
        return Cause(said)
    lines = "".join(traceback.format_exception(error))
    for root in _roots():
        lines = lines.replace(f'File "{root}{os.sep}', 'File "')
    return Cause(f"{said} ({_place(error)})", lines[-LONGEST:].strip())


def _place(error: BaseException) -> str:
    """``package/module.py:LINE``."""
    frames = [(_short(f.filename), f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    own = [number for number, (path, _) in enumerate(frames) if not _is_harness(path)]
    if own:
        package = _package(frames[own[0]][0])
        frames = [frames[number] for number in own if _package(frames[number][0]) == package]
    path, line = frames[-1]
    return f"{path}:{line}"


def _is_harness(path: str) -> bool:
    return _package(path) in _HARNESS and not path.startswith(_PLUGINS)


def _package(path: str) -> str:
    return Path(path).parts[0] if Path(path).parts else ""


def _short(filename: str) -> str:
    """A file's path from where it is imported, with forward slashes."""
    for root in _roots():
        if filename.startswith(f"{root}{os.sep}"):
            return Path(filename[len(root) + 1 :]).as_posix()
    return Path(filename).as_posix()


def _roots() -> Iterator[str]:
    """Folders that modules are imported from, the longest first, and the home folder last."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folders = {os.path.abspath(path or ".") for path in sys.path} | {here}
    yield from sorted((path for path in folders if len(path) > 1), key=len, reverse=True)
    yield str(Path.home())
