"""Processes that need not import the libraries anew, which takes each seconds.

They are forks of a server, begun at the first, which has imported what workers and commands use
and has done nothing else. In all else such a process is as one that is spawned: what it does
reaches it pickled, and it has the folder, path, variables and output of the one that asks for it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Iterator
from multiprocessing.context import BaseContext, ForkServerContext, ForkServerProcess
from multiprocessing.reduction import DupFd
from typing import Any, Final

import pytest

_LIBRARIES: Final = "tests.helpers.warm_libraries"


class _Here:
    """What a process has of the one that asks for it; set as soon as it is unpickled."""

    def __getstate__(self) -> dict[str, Any]:
        outputs = [DupFd(1), DupFd(2)]
        return {"outputs": outputs, "variables": dict(os.environ), "parent": os.getpid()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for number, handle in enumerate(state["outputs"], start=1):
            own = handle.detach()
            os.dup2(own, number)
            os.close(own)
        os.environ.clear()
        os.environ.update(state["variables"])
        parent = state["parent"]
        server = os.getppid
        # A worker ends when it has another parent.
        os.getppid = lambda: parent if _is_there(parent) else server()


def _is_there(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


class _WarmProcess(ForkServerProcess):
    def __init__(self, *arguments: Any, **more: Any) -> None:
        self._here = _Here()  # first, so that it is set before all else is unpickled
        super().__init__(*arguments, **more)


class _WarmContext(ForkServerContext):
    Process = _WarmProcess


def context() -> BaseContext:
    """Of such processes, for :mod:`multiprocessing`."""
    found = _WarmContext()
    found.set_forkserver_preload([_LIBRARIES])
    return found


@contextlib.contextmanager
def warm_workers() -> Iterator[None]:
    """Workers of :func:`bench.runtime.executors.run_jobs` are such processes, on Linux."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.platform == "linux":
            patch.setattr(multiprocessing, "get_context", lambda method: context())
        yield
