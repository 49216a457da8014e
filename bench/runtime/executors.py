"""Long work in many pieces: by several processes of this machine, or by the workers of a cluster.

All that fans out calls :func:`run_jobs`. Where its jobs are done is the executor that is in force,
:class:`LocalProcesses` unless :func:`using` says otherwise.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Final, Generic, Protocol, TypeVar

from bench.errors import BenchError
from bench.runtime.machine import cores

log = logging.getLogger(__name__)

_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of Linux's prctl

J = TypeVar("J")
R = TypeVar("R")

PATIENCE: Final = 10.0
"""Seconds after which a process that has no job left, and does not end, is killed."""


class WorkerDiedError(BenchError):
    """A job that ended the process that did it."""


@dataclass(frozen=True)
class Work(Generic[J, R]):
    """What is done with each of many jobs, and how; the arguments are those of :func:`run_jobs`."""

    function: Callable[[J], R]
    start: Callable[[], None] | None = None
    apart: bool = False
    needs_gpu: bool = False


class Executor(Protocol):
    """Where jobs are done."""

    def workers(self, wanted: int = 0, *, needs_gpu: bool = False) -> int:
        """Jobs that are done at a time, where `wanted` are asked for; 0 for all there can be."""

    def run(
        self, work: Work[J, R], jobs: Sequence[J], workers: int = 0
    ) -> Iterator[tuple[J, R | Exception]]:
        """Do the jobs, as :func:`run_jobs` does."""


_in_force: ContextVar[Executor | None] = ContextVar("executor", default=None)


@contextlib.contextmanager
def using(executor: Executor) -> Iterator[None]:
    """Jobs that are started in the block are done by an executor."""
    before = _in_force.set(executor)
    try:
        yield
    finally:
        _in_force.reset(before)


def executor() -> Executor:
    """The executor that is in force."""
    return _in_force.get() or LocalProcesses()


def is_local() -> bool:
    """Whether jobs are done by processes of this machine."""
    return isinstance(executor(), LocalProcesses)


def with_workers(note: str) -> str:
    """A note on progress, with the number of workers where a cluster does the work."""
    if is_local():
        return note
    count = executor().workers()
    return f"{note}, {count} worker{'' if count == 1 else 's'}"


def run_jobs(
    work: Callable[[J], R],
    jobs: Sequence[J],
    workers: int = 0,
    *,
    start: Callable[[], None] | None = None,
    apart: bool = False,
    needs_gpu: bool = False,
) -> Iterator[tuple[J, R | Exception]]:
    """Do the jobs in any order; what a job raises is its result.

    A job whose process dies is tried again in a process of its own; if that dies too, its
    result is a :class:`WorkerDiedError`, and the other jobs are done all the same. Where the
    iteration is broken off, or the process gets a signal, no job goes on.

    Args:
        work: a function of a module, called with each job.
        jobs: what to do; pickled for the processes.
        workers: processes; 0 for one a core, 1 for none beside this one. A cluster's workers are
            all used, whatever is said here.
        start: called once in each process before its first job; pickled too.
        apart: whether a single worker is a process of its own, too: what may end its process, or
            change it, is not done in this one.
        needs_gpu: whether the jobs go to workers that have a GPU, where a cluster has any.

    Yields:
        Each job with its result, as soon as it is done.
    """
    return executor().run(Work(work, start, apart, needs_gpu), jobs, workers)


class LocalProcesses:
    """Jobs are done by processes of this machine."""

    def workers(self, wanted: int = 0, *, needs_gpu: bool = False) -> int:
        """As many as are wanted, or one a core."""
        return wanted or cores()

    def run(
        self, work: Work[J, R], jobs: Sequence[J], workers: int = 0
    ) -> Iterator[tuple[J, R | Exception]]:
        """Do the jobs, as :func:`run_jobs` does."""
        workers = min(workers or cores(), len(jobs))
        if workers <= 1 and not (work.apart and jobs):
            if work.start is not None and jobs:
                work.start()
            for job in jobs:
                try:
                    yield job, work.function(job)
                except Exception as failure:
                    yield job, failure
            return
        left = dict(enumerate(jobs))
        try:
            for number, result in _pool(work, left, workers):
                yield left.pop(number), result
        except _PoolBrokeError:
            log.warning("a worker died; the remaining %d jobs are run one at a time", len(left))
            for number, job in left.items():
                try:
                    yield from ((job, result) for _, result in _pool(work, {number: job}, 1))
                except _PoolBrokeError as broke:
                    yield job, WorkerDiedError(f"its worker process died ({death(broke.code)})")


class _PoolBrokeError(Exception):
    """A process of a pool died; `code` is its exit code, where that is known."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def death(code: int | None) -> str:
    """What an exit code means.

    Example:
        >>> death(-9), death(-11), death(3)
        ('SIGKILL, most likely from lack of memory', 'SIGSEGV', 'exit code 3')
    """
    if code is None or code == -signal.SIGKILL:
        return "SIGKILL, most likely from lack of memory"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"


def _pool(
    work: Work[J, R], jobs: dict[int, J], workers: int
) -> Iterator[tuple[int, R | Exception]]:
    """Results by the number of the job.

    Raises:
        _PoolBrokeError: a process died.
    """
    # Spawned, not forked: torch and numba keep threads that a fork would break.
    context = multiprocessing.get_context("spawn")
    processes: Mapping[int, BaseProcess] = {}
    try:
        with ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(os.getpid(), work.start)
        ) as pool:
            processes = pool._processes  # the pool adds those that it starts
            try:
                with _without_main():
                    futures = {pool.submit(work.function, job): n for n, job in jobs.items()}
                for future in as_completed(futures):
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        raise error
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    yield futures[future], future.result() if error is None else error
            except BaseException as error:
                if not isinstance(error, Exception):  # called off: no job goes on
                    _kill(processes)
                raise
            finally:
                # One may never end: by a thread of a plugin's, or by a lock that another had died
                # with.
                timer = threading.Timer(PATIENCE, _kill, [processes])
                timer.daemon = True
                timer.start()
                # Waits for the pool's own thread, which else would write to what is closed when
                # the program ends.
                pool.shutdown(cancel_futures=True)
                timer.cancel()
    except BrokenProcessPool:
        # The pool itself ends the others by SIGTERM.
        codes = [process.exitcode for process in processes.values()]
        raise _PoolBrokeError(next((c for c in codes if c not in (0, None, -15)), None)) from None


def _kill(processes: Mapping[int, BaseProcess]) -> None:
    for process in list(processes.values()):
        process.kill()


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes that are started meanwhile do not import the program that this one runs.

    It would be run again by each of them, unless it is guarded by ``if __name__ == "__main__"``;
    one that was read from standard input cannot even be found.
    """
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is None:  # not of ``python -m``, which is found again
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _begin(parent: int, start: Callable[[], None] | None) -> None:
    # Standard output holds the results of a command, which a worker has no part in.
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    begin_worker(parent)
    if start is not None:
        start()


def begin_worker(parent: int) -> None:
    """Make this process a worker: it ends with its parent, and what it forks off ends with it."""
    _this.is_worker = True
    end_with(parent)
    _end_forks_with_this()


def in_worker() -> bool:
    """Whether this process does jobs that may be lost with it, and nothing else."""
    return _this.is_worker


class _Process:
    """This process."""

    is_worker: bool = False


_this = _Process()


def end_with(parent: int) -> None:
    """End this process when its parent is killed, which a pool's workers do not by themselves."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _end_forks_with_this() -> None:
    """Let what a plugin forks off this process be killed when this process ends (Linux alone)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        prctl = ctypes.CDLL(None).prctl
        os.register_at_fork(
            after_in_child=lambda: prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0) and None
        )
