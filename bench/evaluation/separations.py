"""Separated stems kept on disk, for every further system that has the same separator.

Separating is four fifths of the time of a baseline's evaluation, and another gain strategy or
prescription needs the same stems. A file is found by the content of what it was made from (the
mixture's samples, the separator, its weights, the code), so that a changed input is never mistaken
for another; and it carries a digest of its own content, so that a damaged one is made again.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from bench.api import STEMS
from bench.errors import BenchError
from bench.runtime.files import replacing
from bench.runtime.machine import cache_folder
from bench.runtime.memory import empty

LIMIT_VARIABLE: Final = "BENCH_CACHE_GB"
DEFAULT_LIMIT: Final = 16.0
"""GB; 10 s are 14 MB, so that the challenge's 967 validation excerpts fit."""
_DIGEST: Final = 32


def limit_from_environment() -> int:
    """Bytes that may be kept, from ``$BENCH_CACHE_GB``; 0 for none.

    Raises:
        BenchError: it is no number of at least 0.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip() or str(DEFAULT_LIMIT)
    try:
        limit = float(text)
        if not 0 <= limit < 1e9:
            raise ValueError
    except ValueError:
        raise BenchError(f"'{text}' is no size in GB", where=f"${LIMIT_VARIABLE}") from None
    return int(limit * 1e9)


class Separations:
    """Stems by what they were made from; the least recently used give way to new ones.

    Args:
        folder: where; by default in the cache.
        limit: bytes that may be kept.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self.folder = folder or cache_folder() / "separations"
        self.limit = limit_from_environment() if limit is None else limit

    def key(self, separator: str, mixture: Tensor) -> str:
        """The name under which the stems of a mixture float32 ``(2, N)`` are kept.

        Args:
            separator: all that the stems depend on but the mixture.
            mixture: float32 ``(2, N)``.
        """
        digest = blake2b(separator.encode() + b"\0", digest_size=_DIGEST)
        digest.update(str(tuple(mixture.shape)).encode())
        digest.update(np.ascontiguousarray(mixture.numpy()).data)
        return digest.hexdigest()

    def get(self, key: str, frames: int) -> Tensor | None:
        """The stems, float32 ``(4, 2, frames)``, or None where there are none that are whole."""
        path = self._path(key)
        if not self.limit:
            return None
        try:
            stems = empty((len(STEMS), 2, frames), torch.float32)
            content = stems.numpy().data.cast("B")
            with path.open("rb") as file:
                digest = file.read(_DIGEST)
                whole = file.readinto(content) == len(content) and not file.read(1)
            if whole and digest == blake2b(content, digest_size=_DIGEST).digest():
                os.utime(path)
                return stems
            path.unlink(missing_ok=True)
        except OSError:
            pass
        return None

    def put(self, key: str, stems: Tensor) -> None:
        """Keep stems, and let the least recently used go where there are too many.

        A disk that is full or not writable is no error: they are computed again next time.
        """
        content = np.ascontiguousarray(stems.numpy()).data.cast("B")
        if len(content) + _DIGEST > self.limit:
            return
        try:
            with replacing(self._path(key), durable=False) as draft, draft.open("wb") as file:
                file.write(blake2b(content, digest_size=_DIGEST).digest())
                file.write(content)
            self._prune()
        except OSError:
            return

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.stems"

    def _prune(self) -> None:
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
                return
            path.unlink(missing_ok=True)
            total -= size
