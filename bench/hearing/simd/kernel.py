"""The decorator of compiled kernels, with a cache that notices every change of their sources.

The first compilation of HAAQI is announced in the log. Where nothing can be kept (a read-only
installation without a home, a full disk), kernels are compiled by each process.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from numba import njit
from numba.core import event
from numba.core.caching import FunctionCache

_HEARING: Final = Path(__file__).parents[1]
_ANNOUNCED: Final = ("bench.hearing.haaqi.", "bench.hearing.simd.")
_log = logging.getLogger("bench.hearing.haaqi")


def _sources() -> str:
    """Compute a hash of all source files that kernels are made of."""
    digest = hashlib.sha256()
    for path in sorted([*_HEARING.glob("haaqi/**/*.py"), *_HEARING.glob("simd/*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


_SOURCES: Final = _sources()


class _Cache(FunctionCache):  # type: ignore[misc]
    """A cache that what cannot be read or written does not stop."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with contextlib.suppress(Exception):  # a damaged file raises anything
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` on its first call, and keep the result on disk where possible.

    numba would take a kept result for good as long as the function's own file is unchanged, but
    kernels contain others from other files. So the hash of all of them goes with it.
    """
    dispatcher = njit(nogil=True, error_model="numpy")(function)
    try:
        cache = _Cache(function)
    except (RuntimeError, OSError):  # no directory that can be written
        return dispatcher
    kept = cache._cache_file
    kept._source_stamp = (kept._source_stamp, _SOURCES)
    dispatcher._cache = cache
    return dispatcher


class _Announcement(event.Listener):  # type: ignore[misc]
    """A message, given once, that kernels are being compiled, since that takes a while."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: Any) -> None:
        module = event.data["dispatcher"].py_func.__module__
        if not self._said and module.startswith(_ANNOUNCED):
            self._said = True
            _log.warning("Compiling HAAQI for this machine (about ten seconds, only once).")

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Announcement())
