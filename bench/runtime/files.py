"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

_FULL: Final = 1 << 16
"""Bytes; a disk with less room is full: what was to be written next did not fit."""


@contextmanager
def replacing(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """A path to write beside `target`, moved there when the block ends well.

    A process that is killed in between leaves ``.<name>.<machine>-<process>.part`` behind, never
    half of a file: the dot and the suffix hide it from readers of the folder. The next process of
    the machine that writes to the folder removes it.

    Args:
        target: where the file is to be; its folder is made.
        durable: whether it outlasts a power cut, which takes some milliseconds.

    Raises:
        OSError: it cannot be written, whatever the library that writes it raises then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_dead_drafts(target.parent.absolute(), os.getpid())
    draft = target.with_name(f".{target.name}.{_machine()}-{os.getpid()}.part")
    try:
        yield draft
        if durable:
            _sync(draft)
        _move(draft, target)
    except BaseException as error:
        number = _error_number(error, draft)
        draft.unlink(missing_ok=True)
        if number:
            raise OSError(number, os.strerror(number), str(target)) from error
        raise
    if durable:
        _sync(target.parent)


@cache
def _machine() -> str:
    """Where a process's number means this process: the host since it was booted, or a container."""
    about = [platform.node()]
    with contextlib.suppress(OSError):
        about.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        about.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:8]


@cache
def _remove_dead_drafts(folder: Path, process: int) -> None:
    """Remove what killed processes of this machine left in a folder; a process looks once."""
    draft = re.compile(rf"\..+\.{_machine()}-(\d+)\.part", re.DOTALL)
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            found = draft.fullmatch(name)
            if found and not _lives(int(found[1])):
                (folder / name).unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        pass
    return True


def _error_number(error: BaseException, draft: Path) -> int:
    """The number of the system's error behind an error, where that does not name the target.

    Of a full disk some libraries say so in a text, some that a position is wrong, some nothing.
    """
    if isinstance(error, OSError):
        return (error.errno or 0) if error.filename in (None, str(draft), draft) else 0
    if not isinstance(error, Exception):
        return 0
    said = re.search(r"\bos error (\d+)", str(error))
    if said:
        return int(said[1])
    try:
        place = os.statvfs(draft.parent)
    except (OSError, AttributeError):
        return 0
    return errno.ENOSPC if place.f_bavail * place.f_frsize < _FULL else 0


def content_problem(path: Path) -> str:
    """What is wrong with a file of weights, judging by its first bytes; empty if nothing is.

    What a proxy or a portal sends in place of a file is a page, and is kept under the file's name.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if not start:
        return "it is empty"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return "it is a web page, not a file of weights"
    if path.suffix == ".safetensors":
        header = int.from_bytes(start[:8], "little")
        if size < 8 or start[8:9] != b"{" or 8 + header > size:
            return "it is not a safetensors file, or is truncated"
    elif path.suffix in (".pt", ".pth", ".th", ".ckpt", ".bin") and start[:1] not in b"P\x80":
        return "it was not written by torch.save"
    elif start[:2] == b"PK" and not zipfile.is_zipfile(path):
        return "it is truncated"
    return ""


LONGEST_NAME: Final = 200
"""Bytes of a name that may become part of a file's."""


def fault_of(name: str) -> str:
    """Why a name cannot be part of a file's name, in words; empty where it can.

    Example:
        >>> fault_of("scene_1"), fault_of("../x")
        ('', "it holds '/'")
    """
    for sign in "/\\":
        if sign in name:
            return f"it holds '{sign}'"
    if ".." in name or name == ".":
        return "it holds '..'" if ".." in name else "it is '.'"
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in name):
        return "it holds a control character"
    if len(name.encode("utf-8")) > LONGEST_NAME:
        return f"it has more than {LONGEST_NAME} bytes"
    return ""


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step, UTF-8."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write as the challenge's files are written, in one step."""
    write_text(path, json.dumps(content, indent=4))


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that it holds; another process may do the same.

    Raises:
        OSError: it cannot be removed; of a folder some files may be gone.
    """
    while os.path.lexists(path):
        with contextlib.suppress(FileNotFoundError):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _move(draft: Path, target: Path) -> None:
    draft.replace(target)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
