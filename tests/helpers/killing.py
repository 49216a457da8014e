"""A command in a process of its own that tells what it is doing, so that it can be killed there.

The process is a fork of this one, which has imported everything, and so are its workers: a tiny run
takes a second. What it is doing stands in memory that both share.
"""

from __future__ import annotations

import contextlib
import functools
import mmap
import multiprocessing
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.cli import main
from bench.evaluation import runner, worker
from bench.runs import trainings
from bench.runtime import executors, files

STAGES: Final = ("start-up", "training", "scoring", "writing")
"""What a run does; only a single worker's own start-up counts as start-up later on."""
TRAINING, SCORING, WRITING = 1, 2, 3
LATE: Final = (SCORING, WRITING)
WORKERS: Final = 24
"""Workers of a run that are noted, at most."""

_STAGE, _WRITES, _HIRED, _FIRST = range(4)
_PLACES = _FIRST + 2 * WORKERS


class Marks:
    """Numbers that a run writes and its killer reads: where it is, and its workers."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8 * _PLACES)
        self._numbers = memoryview(self._memory).cast("q")

    def clear(self) -> None:
        """Forget a run."""
        for place in range(_PLACES):
            self._numbers[place] = 0

    @property
    def stage(self) -> int:
        """What the main process does, a place in :data:`STAGES`."""
        return self._numbers[_STAGE]

    @property
    def writes(self) -> int:
        """Writes that were begun."""
        return self._numbers[_WRITES]

    def workers(self) -> list[tuple[int, int]]:
        """Ids of the workers, and what each does."""
        places = range(_FIRST, _FIRST + 2 * self._numbers[_HIRED], 2)
        return [(self._numbers[place], self._numbers[place + 1]) for place in places]

    @contextlib.contextmanager
    def during(self, stage: int) -> Iterator[None]:
        """The main process is in a stage meanwhile."""
        before, self._numbers[_STAGE] = self._numbers[_STAGE], stage
        self._numbers[_WRITES] += stage == WRITING
        try:
            yield
        finally:
            self._numbers[_STAGE] = before

    def hire(self) -> int:
        """A place for this worker."""
        place = _FIRST + 2 * self._numbers[_HIRED]
        if place < _PLACES:
            self._numbers[place] = os.getpid()
            self._numbers[_HIRED] += 1
        return place

    def works(self, place: int, stage: int) -> None:
        """Note what the worker of a place does."""
        if place < _PLACES:
            self._numbers[place + 1] = stage


def _within(marks: Marks, stage: int, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def marked(*arguments: Any, **named: Any) -> Any:
        with marks.during(stage):
            return function(*arguments, **named)

    return marked


def _mark(marks: Marks) -> None:
    """Make bench tell where it is; in a process that is given up afterwards."""
    trainings.train_here = _within(marks, TRAINING, trainings.train_here)
    runner.evaluate_runs = _within(marks, SCORING, runner.evaluate_runs)
    replacing = files.replacing

    @contextlib.contextmanager
    def marked(target: Path, *, durable: bool = True) -> Iterator[Path]:
        with marks.during(WRITING), replacing(target, durable=durable) as draft:
            yield draft

    for module in list(sys.modules.values()):
        if module.__name__.startswith("bench.") and vars(module).get("replacing") is replacing:
            module.replacing = marked  # type: ignore[attr-defined]


def _fork_workers(marks: Marks) -> None:
    """Workers are forks, too, which start at once; they tell where they are."""
    begin, evaluate = executors._begin, worker.evaluate
    place = _PLACES

    def begun(parent: int, start: Callable[[], None] | None) -> None:
        nonlocal place
        place = marks.hire()
        begin(parent, start)

    @functools.wraps(evaluate)
    def marked(job: worker.SceneJob) -> Any:
        marks.works(place, SCORING)
        return evaluate(job)

    def reset() -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    os.register_at_fork(after_in_child=reset)
    executors._begin = begun
    worker.evaluate = marked
    context = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda name=None: context  # type: ignore[assignment]


def begin(arguments: list[str], log: Path, marks: Marks, *, fork_workers: bool = True) -> int:
    """The id of a process, first of a session of its own, that runs a command."""
    marks.clear()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.setsid()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        _mark(marks)
        if fork_workers:
            _fork_workers(marks)
        main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


class Kill(NamedTuple):
    """A kill that was done."""

    signal: str
    target: str
    stage: str


@dataclass(frozen=True)
class Aim:
    """A kill that is to be done.

    Attributes:
        number: the signal.
        worker: whether a worker gets it, not the main process.
        write: the write after whose beginning it comes; 0 for any moment.
        after: seconds, from the write or from the beginning of the run.
        late: whether it waits from then on for scoring or writing.
    """

    number: signal.Signals
    worker: bool
    write: int
    after: float
    late: bool

    @classmethod
    def draw(
        cls, rng: random.Random, seconds: float, writes: int, *, workers: bool, late: bool
    ) -> Aim:
        """A random aim at a run that takes some seconds and writes."""
        number = rng.choice((signal.SIGKILL, signal.SIGTERM))
        if workers and rng.random() < 0.5:
            return cls(number, True, 0, rng.uniform(0.0, seconds), late)
        if rng.random() < 0.5:
            return cls(number, False, rng.randint(1, writes), rng.expovariate(1 / 0.004), late)
        return cls(number, False, 0, rng.uniform(0.0, seconds), late)


def shoot(process: int, aim: Aim, marks: Marks, rng: random.Random) -> tuple[int, Kill | None]:
    """Wait for the moment, kill, wait for the end.

    Returns:
        The exit code, negative for a signal; and the kill, None where the run was at its end.
    """
    began = time.monotonic()
    hit = None
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), hit
        if hit is None:
            if marks.writes < aim.write:
                began = time.monotonic()
            elif time.monotonic() - began >= aim.after:
                hit = _hit(process, aim, marks, rng)
        if time.monotonic() - began > 120:
            raise TimeoutError(f"{aim}: it hangs")
        time.sleep(0.0005 if hit is None else 0.005)


def _hit(process: int, aim: Aim, marks: Marks, rng: random.Random) -> Kill | None:
    victim, stage = process, marks.stage
    if aim.worker:
        alive = [one for one in marks.workers() if session_of(one[0]) == process]
        if not alive:
            return None
        victim, stage = rng.choice(alive)
    if aim.late and stage not in LATE:
        return None
    try:
        os.kill(victim, aim.number)
    except ProcessLookupError:
        return None
    return Kill(aim.number.name, "worker" if aim.worker else "main process", STAGES[stage])


def late_kills(done: Counter[Kill]) -> int:
    """How many of some kills fell into scoring or writing."""
    return sum(n for kill, n in done.items() if kill.stage in [STAGES[late] for late in LATE])


def session_of(process: int) -> int | None:
    """The session of a process that lives; None where there is none, or a dead one's entry."""
    try:
        state, _, _, session = (
            Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:4]
        )
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else int(session)


def survivors(session: int, patience: float = 20.0) -> list[int]:
    """The processes of a session that are there after some seconds."""
    until = time.monotonic() + patience
    while True:
        processes = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        left = [process for process in processes if session_of(process) == session]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.05)
