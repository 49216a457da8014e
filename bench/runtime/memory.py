"""The memory of an evaluation's signals, and the allocator's use of freed memory.

A 4-minute song is 340 MB of stems in float32, twice, and its remixes in float64 as much again. Long
signals therefore lie in temporary files that are mapped into memory: the system writes out what is
not in use, and only what a stage computes on counts as memory that the process holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import tempfile
from typing import IO, Final

import numpy as np
import torch
from torch import Tensor

from bench.runtime.machine import cache_folder

MAPPED_FROM: Final = 64 << 20
"""Bytes from which a signal lies in a file: stems of 47 s in float32."""
_MMAP_MAX, _MMAP_THRESHOLD, _TOP_PAD, _TRIM_THRESHOLD = -4, -3, -2, -1  # of glibc's mallopt
# The threshold too: once it has grown, as it does by itself, large tensors leave holes behind.
_USUAL: Final = (
    (_MMAP_MAX, 65_536),
    (_MMAP_THRESHOLD, 128 << 10),
    (_TOP_PAD, 128 << 10),
    (_TRIM_THRESHOLD, 128 << 10),
)
_RECYCLING: Final = ((_MMAP_MAX, 0), (_TOP_PAD, 64 << 20), (_TRIM_THRESHOLD, 2**31 - 1))


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """An uninitialised tensor, in an unnamed temporary file where it is large.

    Raises:
        OSError: there is no room for the file.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < MAPPED_FROM:
        return torch.empty(shape, dtype=dtype)
    with _unnamed_file() as file:
        # Room is taken at once: a disk that fills up later would kill the process.
        os.posix_fallocate(file.fileno(), 0, size)
        return torch.from_numpy(np.memmap(file, np.uint8, shape=(size,))).view(dtype).view(shape)


def copy_of(signal: Tensor) -> Tensor:
    """A copy in memory of its own, in an unnamed temporary file where it is large.

    Raises:
        OSError: there is no room for the file.
    """
    if signal.device.type != "cpu":
        return signal.clone()
    return empty(tuple(signal.shape), signal.dtype).copy_(signal)


def _unnamed_file() -> IO[bytes]:
    """A temporary file in the cache folder; where that cannot be written, where such files go."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=cache_folder())
    except OSError:
        return tempfile.TemporaryFile()


def recycle(on: bool) -> None:
    """Let the allocator keep memory that is freed, or give it back as it does by default.

    The outputs of a network's layers are so large that glibc maps fresh memory for each and gives
    it back after use; clearing its pages is a quarter of the time of separating a short excerpt.
    Kept memory makes the peak a fifth higher. Without glibc nothing is changed.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for parameter, value in _RECYCLING if on else _USUAL:
            library.mallopt(parameter, value)
        if not on:
            library.malloc_trim(0)
