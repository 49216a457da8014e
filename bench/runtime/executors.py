"""Long work in many pieces, by several processes: the only pool of processes there is."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
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
) -> Iterator[tuple[J, R | Exception]]:
    """Do the jobs in any order; what a job raises is its result.

    A job whose process dies is tried once more in a process of its own; if that dies too, its
    result is a :class:`WorkerDiedError`, and the other jobs are done all the same.

    Args:
        work: a function of a module, called with each job.
        jobs: what to do; pickled for the processes.
        workers: processes; 0 for one a core, 1 for none beside this one.
        start: called once in each process before its first job; pickled too.

    Yields:
        Each job with its result, as soon as it is done.
    """
    workers = min(workers or cores(), len(jobs))
    if workers <= 1:
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
    except BrokenProcessPool:
        log.warning("a worker died; the %d jobs left are done one at a time", len(left))
        for number, job in left.items():
            try:
                yield from ((job, result) for _, result in _pool(work, {number: job}, 1, start))
            except BrokenProcessPool:
                yield job, WorkerDiedError("its worker process died, most likely of lack of memory")


def _pool(
    work: Callable[[J], R],
    jobs: dict[int, J],
    workers: int,
    start: Callable[[], None] | None,
) -> Iterator[tuple[int, R | Exception]]:
    """Results by the number of the job.

    Raises:
        BrokenProcessPool: a process died.
    """
    # Spawned, not forked: torch and numba keep threads that a fork would break.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(os.getpid(), start)
    ) as pool:
        futures = {pool.submit(work, job): number for number, job in jobs.items()}
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


def _begin(parent: int, start: Callable[[], None] | None) -> None:
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
