"""Jobs done by the workers of a Dask cluster: ``dask[distributed]``, an extra of bench.

Each thread of a worker has a process of its own for the jobs (:mod:`bench.runtime.child`): a job
that ends its process ends no worker, so that a cluster which other people use stays whole, and
what is called off is ended at once. Only so many jobs are with the scheduler as its workers can
take, so that neither its memory nor this process's grows with the number of jobs.
"""

from __future__ import annotations

import logging
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

from bench.errors import BenchError
from bench.runtime.child import DONE, RAISED, REFUSED, Answer, CalledOffError, Child, ChildDiedError
from bench.runtime.executors import Work, WorkerDiedError, death

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

J = TypeVar("J")
R = TypeVar("R")

TIMES: Final = 3
"""Processes that a job may end before it is given up."""
GPU: Final = "GPU"
"""The resource that a worker with a GPU is started with: ``--resources GPU=1``."""
_AHEAD: Final = 2
"""Batches of jobs with the scheduler for each thread of the workers."""
_BATCH: Final = 0.5
"""Seconds of work that go to a worker at once, where jobs are shorter than that."""
_MOST: Final = 64
"""Jobs of a batch."""
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
        self._seen: dict[str, dict[str, Any]] = {}
        self._looked = -_LOOK
        self._refused: set[str] = set()
        """Addresses of workers that cannot begin the work of the moment."""
        self._told: set[str] = set()

    def workers(self, wanted: int = 0, *, needs_gpu: bool = False) -> int:
        """The threads of all workers there are now, each of which does a job.

        Args:
            wanted: counts for nothing: all work.
            needs_gpu: whether only those with a GPU count, where there are any.
        """
        return max(1, _threads(self._able(needs_gpu)))

    def run(
        self, work: Work[J, R], jobs: Sequence[J], workers: int = 0
    ) -> Iterator[tuple[J, R | Exception]]:
        """Do the jobs, as :func:`bench.runtime.executors.run_jobs` does.

        Jobs that take less than half a second go to a worker several at a time: each way there and
        back costs some milliseconds.

        Raises:
            BenchError: the cluster has no worker, none can begin, or it is gone.
        """
        if not jobs:
            return
        first = [each for each in (self.check, work.start) if each is not None]
        begin = pickle.dumps((work.function, first))
        left = _Left(len(jobs))
        self._refused.clear()
        pending: dict[Any, list[int]] = {}
        done: Queue[Any] = Queue()
        self._wait_for_workers()
        try:
            while left or pending:
                able = self._able(work.needs_gpu)
                while left and len(pending) < _AHEAD * max(1, _threads(able)):
                    numbers = left.take(_AHEAD * max(1, _threads(able)))
                    batch = [pickle.dumps(jobs[number]) for number in numbers]
                    future = self._submit(left.name(), begin, batch, able, work.needs_gpu)
                    pending[future] = numbers
                    future.add_done_callback(done.put)
                try:
                    future = done.get(timeout=_LOOK)
                except Empty:  # workers may have come meanwhile, or all may be lost
                    if self.client.status == "closed":
                        raise self._gone() from None
                    continue
                numbers = pending.pop(future)
                answers = self._answers(future)
                future.release()
                for number, answer in zip(numbers, answers or (), strict=answers is not None):
                    if answer.kind == REFUSED:
                        left.put_back([number])
                        continue
                    left.note(answer.seconds)
                    yield jobs[number], _result(answer)
                if answers is None and len(numbers) == 1:
                    died = WorkerDiedError("the workers that ran it died one after another")
                    yield jobs[numbers[0]], died
                elif answers is None:  # one of them is why
                    left.put_back(numbers, alone=True)
        finally:
            # Called off, whether an error, a signal or the end of the iteration is why.
            if pending:
                with suppress(Exception):
                    self.client.cancel(list(pending), force=True)

    @property
    def dashboard(self) -> str:
        """The address of the cluster's dashboard."""
        return str(self.client.dashboard_link)

    def _submit(
        self,
        name: str,
        begin: bytes,
        batch: Sequence[bytes],
        able: Mapping[str, Mapping[str, Any]],
        needs_gpu: bool,
    ) -> Any:
        resources = {GPU: 1} if needs_gpu and any(map(_gpus, able.values())) else None
        # Whoever comes may do it, unless there is somebody who must not.
        only = list(able) if self._refused and able else None
        return self.client.submit(
            do_jobs, name, begin, batch,
            key=f"bench-{name}", pure=False, resources=resources, workers=only,
        )  # fmt: skip

    def _able(self, needs_gpu: bool) -> dict[str, dict[str, Any]]:
        """The workers that may do jobs, by address; those with a GPU where that is needed."""
        if time.monotonic() - self._looked > _LOOK:
            before = self._seen
            try:
                self._seen = dict(self.client.scheduler_info(n_workers=-1)["workers"])
            except (OSError, RuntimeError, TimeoutError) as error:
                raise self._gone() from error
            self._looked = time.monotonic()
            if before and not self._seen:
                log.warning("the cluster has no worker left; waiting for one")
        able = {name: about for name, about in self._seen.items() if name not in self._refused}
        with_gpu = {name: about for name, about in able.items() if _gpus(about)}
        return with_gpu if needs_gpu and with_gpu else able

    def _wait_for_workers(self) -> None:
        try:
            self.client.wait_for_workers(1, timeout=_WAIT)
        except TimeoutError:
            where = str(self.client.scheduler.address)
            hint = f"Start one: dask worker {where} --nthreads 1"
            raise BenchError("the cluster has no worker", where=where, hint=hint) from None

    def _answers(self, future: Any) -> list[Answer] | None:
        """What a batch came to; None where the workers that had it died.

        Raises:
            BenchError: the scheduler is gone, or no worker can begin.
        """
        from distributed import KilledWorker

        if future.status == "cancelled":
            raise self._gone()
        try:
            address, answers = future.result()
        except KilledWorker:
            return None
        found: list[Answer] = [Answer(*answer) for answer in answers]
        if found and found[0].kind == REFUSED:
            self._refuse(address, pickle.loads(found[0].value))
        return found

    def _refuse(self, address: str, why: Exception) -> None:
        self._refused.add(address)
        self._looked = -_LOOK
        if not self._able(False):
            raise why
        if address not in self._told:
            name = self._seen.get(address, {}).get("name", address)
            log.warning("worker %s (%s) gets no work: %s", name, address, why)
        self._told.add(address)

    def _gone(self) -> BenchError:
        where = str(self.client.scheduler.address) if self.client.scheduler else ""
        what = "the scheduler is gone, or cancelled the work"
        return BenchError(what, where=where, hint="Run the same command again to resume.")


def _threads(workers: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(int(about["nthreads"]) for about in workers.values())


def _gpus(about: Mapping[str, Any]) -> float:
    return float(about.get("resources", {}).get(GPU, 0))


def _result(answer: Answer) -> Any:
    result = pickle.loads(answer.value)
    if answer.kind == RAISED and not isinstance(result, Exception):
        raise result
    return result


class _Left:
    """The numbers of the jobs that are left to hand out, in batches of about half a second."""

    def __init__(self, count: int) -> None:
        self._key = uuid4().hex
        self._numbers = deque(range(count))
        self._alone: set[int] = set()
        self._pace = _BATCH
        self._names = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def name(self) -> str:
        """Another name for each batch, which begins with one for all."""
        self._names += 1
        return f"{self._key}-{self._names}"

    def note(self, seconds: float) -> None:
        """Take in what a job took."""
        self._pace += 0.2 * (seconds - self._pace)

    def take(self, places: int) -> list[int]:
        """The next batch, where so many are with the scheduler at a time."""
        size = int(_BATCH / max(self._pace, 1e-6))
        # Towards the end all should have something to do.
        size = max(1, min(size, _MOST, len(self._numbers) // (2 * places)))
        batch = [self._numbers.popleft()]
        while (
            len(batch) < size and self._numbers and not {batch[-1], self._numbers[0]} & self._alone
        ):
            batch.append(self._numbers.popleft())
        return batch

    def put_back(self, numbers: Sequence[int], *, alone: bool = False) -> None:
        """Hand them out again, each by itself where one of them may be fatal."""
        self._numbers.extendleft(reversed(numbers))
        if alone:
            self._alone.update(numbers)


_own = threading.local()


def do_jobs(name: str, begin: bytes, batch: Sequence[bytes]) -> tuple[str, list[Answer]]:
    """Do jobs in the process of this thread of a worker.

    Returns:
        The worker's address, and what became of each job.
    """
    from distributed import Reschedule, get_worker
    from distributed.worker import thread_state

    worker, task = get_worker(), str(thread_state.key)

    def is_wanted() -> bool:
        known = worker.state.tasks.get(task)
        return known is not None and known.state == "executing" and worker.status.name == "running"

    child: Child | None = getattr(_own, "child", None)
    if child is None:
        child = _own.child = Child()
    key = name.partition("-")[0]
    answers: list[Answer] = []
    try:
        for job in batch:
            if not answers or answers[-1].kind != REFUSED:
                answers.append(_do(child, key, begin, job, is_wanted, str(worker.name)))
            else:  # nor could it begin for the others
                answers.append(answers[-1])
    except CalledOffError:
        raise Reschedule from None
    return str(worker.address), answers


def _do(
    child: Child, key: str, begin: bytes, job: bytes, is_wanted: Callable[[], bool], worker: str
) -> Answer:
    """Do a job; one that ends its process is tried again."""
    for _ in range(TIMES):
        try:
            return child.do(key, begin, job, is_wanted)
        except ChildDiedError as error:
            code = error.code
    why = f"it ended {TIMES} processes of {worker} ({death(code)})"
    return Answer(DONE, pickle.dumps(WorkerDiedError(why)))
