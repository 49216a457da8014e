"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """A path to write beside `target`, moved there when the block ends well.

    A process that is killed in between leaves ``.<name>.<process>.part`` behind, never half of a
    file: the dot and the suffix hide it from readers of the folder.

    Args:
        target: where the file is to be; its folder is made.
        durable: whether it outlasts a power cut, which takes some milliseconds.

    Raises:
        OSError: it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield draft
        if durable:
            _sync(draft)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if durable:
        _sync(target.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step, UTF-8."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write as the challenge's files are written, in one step."""
    write_text(path, json.dumps(content, indent=4))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
