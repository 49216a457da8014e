"""Digests of whole files, each computed once.

What was computed is kept in the cache by a file's path, size, times and inode, so that a set of
many gigabytes is read whole once, and again only where a file is another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from bench.runtime.files import replacing
from bench.runtime.machine import cache_folder, cores
from bench.runtime.progress import Step, current_progress

_KEPT_FROM: Final = 1 << 20
"""Bytes from which a digest is worth keeping."""
_SHOWN_FROM: Final = 200 << 20
"""Bytes from which it is said that files are read."""
_SETTLED: Final = 2.0
"""Seconds: a file that was changed more recently may change once more without showing it."""
MISSING: Final = "missing"

_Key = list[int]


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits; MISSING where it cannot be read."""
    return digests_of([path])[path]


def digests_of(paths: Iterable[Path], of: Path | None = None) -> dict[Path, str]:
    """The SHA-256 of each file, in hexadecimal digits; MISSING where it cannot be read.

    Files are read by one thread a core.

    Args:
        paths: the files.
        of: the folder that they belong to, whose digests are kept together; by default that of
            each.
    """
    found: dict[Path, str] = {}
    by_place: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(paths):
        by_place.setdefault(of or path.parent, []).append(path)
    for place, files in by_place.items():
        found |= _digests(place, files)
    return found


def tree_digest(folder: Path) -> str:
    """The digest of all files below a folder, by their names and contents; hidden ones left out."""
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(_is_left_out(p) for p in path.relative_to(folder).parts)
    ]
    content = digests_of(files, of=folder)
    named = [(path.relative_to(folder).as_posix(), content[path]) for path in files]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name in ("__pycache__", "node_modules") or name[-4:] == ".pyc"


def _digests(place: Path, files: list[Path]) -> dict[Path, str]:
    found: dict[Path, str] = {}
    keys: dict[Path, _Key] = {}
    for path in files:
        try:
            status = path.stat()
        except OSError:
            found[path] = MISSING
            continue
        keys[path] = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    large = [path for path, key in keys.items() if key[0] >= _KEPT_FROM]
    kept = _read(place) if large else {}
    todo = []
    for path, key in keys.items():
        known = kept.get(str(path.absolute()))
        if known and known[0] == key:
            found[path] = known[1]
        else:
            todo.append(path)
    size = sum(keys[path][0] for path in todo)
    step: Step = lambda note, done: None  # noqa: E731
    read, fresh = 0, set(todo)
    try:
        with contextlib.ExitStack() as stack:
            if size >= _SHOWN_FROM:
                shown = current_progress().stage(f"reading {place.name}, MB", size >> 20)
                step = stack.enter_context(shown)
            pool = ThreadPoolExecutor(min(cores(), max(1, len(todo))))
            # Broken off, it does not read the files that are left.
            stack.callback(pool.shutdown, cancel_futures=True)
            for path, digest in zip(todo, pool.map(_hash, todo), strict=True):
                found[path] = digest
                before, read = read, read + keys[path][0]
                step(path.name, (read >> 20) - (before >> 20))
    finally:
        now = time.time_ns()
        new = {
            str(path.absolute()): [keys[path], found[path]]
            for path in large
            if path in fresh
            and found.get(path, MISSING) != MISSING
            and now - keys[path][2] > _SETTLED * 1e9
        }
        if new:
            _keep(place, {**kept, **new})
    return found


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return MISSING


def _file(place: Path) -> Path:
    name = hashlib.sha256(os.fsencode(place.absolute())).hexdigest()[:16]
    return cache_folder() / "digests" / f"{name}.json"


def _read(place: Path) -> dict[str, Any]:
    """What is kept of a folder; a damaged file counts as nothing."""
    try:
        content = json.loads(_file(place).read_text(encoding="utf-8"))
        return {
            str(path): [list(map(int, key)), str(digest)] for path, (key, digest) in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _keep(place: Path, content: Mapping[str, Any]) -> None:
    """Keep digests; where that is impossible they are computed again next time."""
    with contextlib.suppress(OSError, ValueError), replacing(_file(place), durable=False) as draft:
        draft.write_text(json.dumps(content), encoding="utf-8")
