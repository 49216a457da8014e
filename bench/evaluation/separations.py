"""A cache of separated stems on disk, for other systems with the same separator.

Separating is four fifths of the time of a baseline's evaluation, and another gain strategy or
prescription needs the same stems. A file is found by the content of what it was made from (the
mixture's samples, the separator, its weights, the code), so that a changed input is never mistaken
for another; and it carries a digest of its own content, so that a damaged one is made again.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from bench.api import STEMS
from bench.runtime.kept import KeptFiles, limit_from_environment
from bench.runtime.machine import cache_folder
from bench.runtime.memory import empty

_DIGEST: Final = 32


class Separations:
    """Stems by what they were made from; the least recently used give way to new ones.

    Args:
        folder: where; by default in the cache.
        limit: bytes that may be kept.
        fresh: whether nothing that was kept before is used.
    """

    def __init__(
        self, folder: Path | None = None, limit: int | None = None, *, fresh: bool = False
    ) -> None:
        self.fresh = fresh
        self.limit = limit_from_environment() if limit is None else limit
        self.folder = folder or cache_folder() / "separations"
        self._files = KeptFiles(self.folder, self.limit)

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
        if not self.limit or self.fresh:
            return None
        try:
            stems = empty((len(STEMS), 2, frames), torch.float32)
            content = stems.numpy().data.cast("B")
            with path.open("rb") as file:
                digest = file.read(_DIGEST)
                whole = file.readinto(content) == len(content) and not file.read(1)
            if whole and digest == blake2b(content, digest_size=_DIGEST).digest():
                self._files.used(path)
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

        def write(draft: Path) -> None:
            with draft.open("wb") as file:
                file.write(blake2b(content, digest_size=_DIGEST).digest())
                file.write(content)

        self._files.put(self._path(key), write)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.stems"
