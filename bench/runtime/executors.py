"""Long work in many pieces, by several processes: the only pool of processes there is."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import TypeVar

from bench.errors import BenchError
from bench.runtime.machine import cores

log = logging.getLogger(__name__)

J = TypeVar("J")
R = TypeVar("R")


class WorkerDiedError(BenchError):
    """A job that ended the process that did it."""


def run_jobs(
    work: Callable[[J], R],
    jobs: Sequence[J],
    workers: int = 0,
    *,
    start: Callable[[], None] | None = None,
    apart: bool = False,
) -> Iterator[tuple[J, R | Exception]]:
    """Do the jobs in any order; what a job raises is its result.

    A job whose process dies is tried once more in a process of its own; if that dies too, its
    result is a :class:`WorkerDiedError`, and the other jobs are done all the same.

    Args:
        work: a function of a module, called with each job.
        jobs: what to do; pickled for the processes.
        workers: processes; 0 for one a core, 1 for none beside this one.
        start: called once in each process before its first job; pickled too.
        apart: whether a single worker is a process of its own, too: what may end its process, or
            change it, is not done in this one.

    Yields:
        Each job with its result, as soon as it is done.
    """
    workers = min(workers or cores(), len(jobs))
    if workers <= 1 and not (apart and jobs):
        if start is not None and jobs:
            start()
        for job in jobs:
            try:
                yield job, work(job)
            except Exception as failure:
                yield job, failure
        return
    left = dict(enumerate(jobs))
    try:
        for number, result in _pool(work, left, workers, start):
            yield left.pop(number), result
    except _PoolBrokeError:
        log.warning("a worker died; the %d jobs left are done one at a time", len(left))
        for number, job in left.items():
            try:
                yield from ((job, result) for _, result in _pool(work, {number: job}, 1, start))
            except _PoolBrokeError as broke:
                yield job, WorkerDiedError(f"its worker process died ({_death(broke.code)})")


class _PoolBrokeError(Exception):
    """A process of a pool died; `code` is its exit code, where that is known."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def _death(code: int | None) -> str:
    """What an exit code means.

    Example:
        >>> _death(-9), _death(-11), _death(3)
        ('SIGKILL, most likely of lack of memory', 'SIGSEGV', 'exit code 3')
    """
    if code is None or code == -signal.SIGKILL:
        return "SIGKILL, most likely of lack of memory"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"


def _pool(
    work: Callable[[J], R],
    jobs: dict[int, J],
    workers: int,
    start: Callable[[], None] | None,
) -> Iterator[tuple[int, R | Exception]]:
    """Results by the number of the job.

    Raises:
        _PoolBrokeError: a process died.
    """
    # Spawned, not forked: torch and numba keep threads that a fork would break.
    context = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = []
    try:
        with ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(os.getpid(), start)
        ) as pool:
            futures = {pool.submit(work, job): number for number, job in jobs.items()}
            processes += (pool._processes or {}).values()
            try:
                for future in as_completed(futures):
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        raise error
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    yield futures[future], future.result() if error is None else error
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except BrokenProcessPool:
        # The pool itself ends the others by SIGTERM.
        codes = [process.exitcode for process in processes]
        raise _PoolBrokeError(next((c for c in codes if c not in (0, None, -15)), None)) from None


def _begin(parent: int, start: Callable[[], None] | None) -> None:
    # Standard output holds the results of a command, which a worker has no part in.
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    _end_with(parent)
    if start is not None:
        start()


def _end_with(parent: int) -> None:
    """End this process when its parent is killed, which a pool's workers do not by themselves."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
