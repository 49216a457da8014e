"""Jobs done by the workers of a Dask cluster: ``dask[distributed]``, an extra of bench.

Each thread of a worker has a process of its own for the jobs (:mod:`bench.runtime.child`): a job
that ends its process ends no worker, so that a cluster which other people use stays whole, and
what is called off is ended at once. Only so many jobs are with the scheduler as its workers can
take, so that neither its memory nor this process's grows with the number of jobs.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

from bench.errors import BenchError
from bench.runtime.child import CalledOffError, Child, ChildDiedError
from bench.runtime.executors import WorkerDiedError, death

if TYPE_CHECKING:
    from distributed import Client

J = TypeVar("J")
R = TypeVar("R")

TIMES: Final = 3
"""Processes that a job may end before it is given up."""
GPU: Final = "GPU"
"""The resource that a worker with a GPU is started with: ``--resources GPU=1``."""
_AHEAD: Final = 2
"""Jobs with the scheduler for each thread of the workers."""
_LOOK: Final = 2.0
"""Seconds between two looks at who the workers are."""
_WAIT: Final = 60.0
"""Seconds that a cluster without any worker is waited for."""


def connect(scheduler: str) -> Client:
    """Connect to a scheduler, at ``tcp://HOST:8786`` or as its file says.

    Raises:
        BenchError: Dask is not installed, or there is no scheduler.
    """
    try:
        from distributed import Client
    except ImportError:
        hint = "Install it: pip install 'bench-hearing[cluster]'"
        raise BenchError("Dask is not installed here", where="--scheduler", hint=hint) from None
    is_file = "://" not in scheduler and (scheduler.endswith(".json") or Path(scheduler).exists())
    if is_file and not Path(scheduler).exists():
        hint = "dask scheduler --scheduler-file FILE writes it."
        raise BenchError("there is no such scheduler file", where=scheduler, hint=hint)
    try:
        if is_file:
            return Client(scheduler_file=scheduler, timeout="10s")
        return Client(scheduler, timeout="10s")
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        hint = "Start one: dask scheduler; and workers: dask worker tcp://HOST:8786 --nthreads 1"
        raise BenchError(f"no scheduler answers: {why}", where=scheduler, hint=hint) from error


class Cluster:
    """Jobs are done by the workers of a Dask cluster, who come and go as they like.

    Args:
        client: connected to the scheduler.
        check: called in each process before its first job, such as to refuse another version of
            the code; pickled.
    """

    def __init__(self, client: Client, check: Callable[[], None] | None = None) -> None:
        self.client = client
        self.check = check

    def workers(self, wanted: int = 0) -> int:
        """The threads of all workers there are now, each of which does a job."""
        threads: int = sum(worker["nthreads"] for worker in self._known().values())
        return max(1, threads)

    def run(
        self,
        work: Callable[[J], R],
        jobs: Sequence[J],
        workers: int = 0,
        *,
        start: Callable[[], None] | None = None,
        apart: bool = False,
        needs_gpu: bool = False,
    ) -> Iterator[tuple[J, R | Exception]]:
        """Do the jobs, as :func:`bench.runtime.executors.run_jobs` does.

        Raises:
            BenchError: the cluster has no worker, or it went away.
        """
        if not jobs:
            return
        from distributed import as_completed

        begin = pickle.dumps((work, _both(self.check, start)))
        key = uuid4().hex
        left = deque(enumerate(jobs))
        pending: dict[Any, int] = {}
        resources: dict[str, float] = {}
        done = as_completed()
        room, looked = 0, 0.0
        self._wait_for_workers()
        try:
            while left or pending:
                if time.monotonic() - looked > _LOOK:
                    room, looked = self.workers() * _AHEAD, time.monotonic()
                    resources = {GPU: 1} if needs_gpu and self._has_gpus() else {}
                while left and len(pending) < room:
                    number, job = left.popleft()
                    future = self.client.submit(
                        do_job, key, begin, pickle.dumps(job),
                        key=f"bench-{key}-{number}", pure=False, resources=resources or None,
                    )  # fmt: skip
                    pending[future] = number
                    done.add(future)
                future = next(done)
                number = pending.pop(future)
                yield jobs[number], self._result(future)
                future.release()
        finally:
            # Called off, whether an error, a signal or the end of the iteration is why.
            if pending:
                with suppress(Exception):
                    self.client.cancel(list(pending), force=True)

    @property
    def dashboard(self) -> str:
        """The address of the cluster's dashboard."""
        return str(self.client.dashboard_link)

    def _known(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.client.scheduler_info(n_workers=-1)["workers"]
        return found

    def _has_gpus(self) -> bool:
        return any(worker.get("resources", {}).get(GPU) for worker in self._known().values())

    def _wait_for_workers(self) -> None:
        try:
            self.client.wait_for_workers(1, timeout=_WAIT)
        except TimeoutError:
            where = str(self.client.scheduler.address)
            hint = f"Start one: dask worker {where} --nthreads 1"
            raise BenchError("the cluster has no worker", where=where, hint=hint) from None

    def _result(self, future: Any) -> Any:
        from distributed import KilledWorker

        if future.status == "cancelled":
            where = str(self.client.scheduler.address)
            hint = "The same command goes on where it stopped."
            raise BenchError(
                "the scheduler went away, or called the work off", where=where, hint=hint
            )
        try:
            went_well, result = future.result()
        except KilledWorker:
            return WorkerDiedError("the workers that did it died one after the other")
        if not went_well and not isinstance(result, Exception):
            raise result
        return result


def _both(
    one: Callable[[], None] | None, two: Callable[[], None] | None
) -> Callable[[], None] | None:
    """Both, one after the other, as something that can be pickled."""
    wanted = [each for each in (one, two) if each is not None]
    return _InTurn(wanted) if wanted else None


class _InTurn:
    def __init__(self, functions: Sequence[Callable[[], None]]) -> None:
        self.functions = functions

    def __call__(self) -> None:
        for function in self.functions:
            function()


_own = threading.local()


def do_job(key: str, begin: bytes, job: bytes) -> tuple[bool, Any]:
    """Do a job in the process of this thread of a worker: whether it went well, and the result."""
    from distributed import Reschedule, get_worker
    from distributed.worker import thread_state

    worker, task = get_worker(), str(thread_state.key)

    def is_wanted() -> bool:
        known = worker.state.tasks.get(task)
        return known is not None and known.state == "executing" and worker.status.name == "running"

    child: Child | None = getattr(_own, "child", None)
    if child is None:
        child = _own.child = Child()
    for _ in range(TIMES):
        try:
            return child.do(key, begin, job, is_wanted)
        except ChildDiedError as error:
            code = error.code
        except CalledOffError:
            raise Reschedule from None
    why = f"it ended {TIMES} processes of {worker.name} ({death(code)})"
    return True, WorkerDiedError(why)
