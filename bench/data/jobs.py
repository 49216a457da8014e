"""Long work on many files, by several processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

J = TypeVar("J")
R = TypeVar("R")


def cores() -> int:
    """The cores that this process may use, which a cluster's grant or taskset may make fewer."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def run_jobs(
    work: Callable[[J], R], jobs: Sequence[J], workers: int = 0
) -> Iterator[tuple[J, R | Exception]]:
    """Do the jobs in any order; what a job raises is its result.

    Args:
        work: a function of a module, called with each job.
        jobs: what to do; pickled for the processes.
        workers: processes; 0 for one a core, 1 for none beside this one.
    """
    workers = min(workers or cores(), len(jobs))
    if workers <= 1:
        for job in jobs:
            try:
                yield job, work(job)
            except Exception as failure:
                yield job, failure
        return
    # Spawned, not forked: the caller may have threads that a fork would break.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_end_with, initargs=(os.getpid(),)
    ) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield futures[future], future.result() if error is None else error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with(parent: int) -> None:
    """End this process when its parent is killed, which a pool's workers do not by themselves."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
