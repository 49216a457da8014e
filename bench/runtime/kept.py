"""Files that can be made again, kept in the cache: the least recently used give way to new ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.errors import BenchError
from bench.runtime.files import replacing

LIMIT_VARIABLE: Final = "BENCH_CACHE_GB"
DEFAULT_LIMIT: Final = 16.0
"""GB; separated stems of 10 s are 14 MB, so that the challenge's 967 validation excerpts fit."""


def limit_from_environment() -> int:
    """Bytes that may be kept, from ``$BENCH_CACHE_GB``; 0 for none.

    Raises:
        BenchError: it is not a number of at least 0.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip() or str(DEFAULT_LIMIT)
    try:
        limit = float(text)
        if not 0 <= limit < 1e9:
            raise ValueError
    except ValueError:
        raise BenchError(f"'{text}' is not a size in GB", where=f"${LIMIT_VARIABLE}") from None
    return int(limit * 1e9)


class KeptFiles:
    """A folder of files that can be made again, none of which is ever half there.

    Args:
        folder: where.
        limit: bytes that may be kept; 0 for none.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._total: int | None = None
        """Bytes in the folder, by what this process saw and wrote; None where it has not looked."""

    def used(self, path: Path) -> None:
        """Note that a file was used just now.

        Raises:
            OSError: it is not there.
        """
        os.utime(path)

    def put(self, path: Path, write: Callable[[Path], None]) -> None:
        """Keep a file, and let the least recently used go where there are too many.

        A disk that is full or not writable is no error: what is not kept is made again.

        Args:
            path: of the file, in the folder.
            write: writes it to the path that it is called with.
        """
        try:
            with replacing(path, durable=False) as draft:
                write(draft)
            if self._total is not None:
                self._total += path.stat().st_size
            if self._total is None or self._total > self.limit:
                self._total = self._prune()
        except OSError:
            return

    def _prune(self) -> int:
        """Let the least recently used go; the bytes that are left."""
        files = []
        # Drafts of processes that were killed count, and go, like any other file.
        for path in self.folder.iterdir():
            try:
                status = path.stat()
            except OSError:  # another process was first
                continue
            files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.limit:
                break
            path.unlink(missing_ok=True)
            total -= size
        return total
