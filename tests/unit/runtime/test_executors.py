"""The pool of processes: results, failures, deaths, and workers that end with their parent."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.runtime import executors
from bench.runtime.executors import WorkerDiedError, run_jobs
from tests.helpers import work
from tests.helpers.work import is_there

ROOT = Path(__file__).parents[3]


def told(found: Any) -> str:
    return f"{type(found).__name__}: {found}"


@pytest.mark.parametrize("workers", [1, 2])
def test_each_job_has_its_result_and_an_exception_is_one(workers: int) -> None:
    jobs = [3, -1, 0, 2, -5]
    found = dict(run_jobs(work.square, jobs, workers))
    assert {job: result[0] for job, result in found.items() if isinstance(result, tuple)} == {
        3: 9,
        0: 0,
        2: 4,
    }
    assert told(found[-1]) == "ValueError: -1 is negative"
    assert told(found[-5]) == "ValueError: -5 is negative"
    own = {result[1] == os.getpid() for result in found.values() if isinstance(result, tuple)}
    assert own == {workers == 1}


def test_equal_jobs_are_done_each() -> None:
    assert [result[0] for _, result in run_jobs(work.square, [2, 2, 2], 2)] == [4, 4, 4]


def test_one_job_needs_no_process() -> None:
    ((job, (result, who)),) = run_jobs(work.square, [4], 8)
    assert (job, result, who) == (4, 16, os.getpid())


def test_nothing_to_do_starts_nothing() -> None:
    assert list(run_jobs(work.square, [], 2, start=lambda: pytest.fail("started"))) == []


def test_a_job_that_ends_its_process_is_one_result_and_the_others_are_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    jobs = [1, 2, 3, 4, 5]
    with caplog.at_level(logging.WARNING):
        found = dict(run_jobs(work.die, jobs, 2))
    assert {job: found[job] for job in jobs if job != 3} == {1: -1, 2: -2, 4: -4, 5: -5}
    assert isinstance(found[3], WorkerDiedError)
    assert isinstance(found[3], BenchError)
    assert "its worker process died" in str(found[3])
    assert "a worker died" in caplog.text


@pytest.mark.parametrize("workers", [1, 2])
def test_each_process_is_started_once_before_its_jobs(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STARTED", [])
    start = partial(work.note_start, "ready")
    found = [
        result for _, result in run_jobs(work.started, [1, 2, 3, 4, 5, 6], workers, start=start)
    ]
    assert {said for _, said in found} == {("ready",)}
    assert len({who for who, _ in found}) <= workers
    assert (os.getpid() in {who for who, _ in found}) == (workers == 1)


def test_what_is_no_exception_is_not_a_result() -> None:
    with pytest.raises(KeyboardInterrupt):
        list(run_jobs(work.interrupt, [1, 2], 1))


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and is not yet buried does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = f"from tests.helpers.work import waiting_pool; waiting_pool({str(tmp_path)!r})"
    path = os.pathsep.join(filter(None, sys.path))
    parent = subprocess.Popen(
        [sys.executable, "-c", f"if __name__ == '__main__': {code.replace(chr(10), ' ')}"],
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        workers = wait_for(lambda: [int(found.name) for found in tmp_path.iterdir()], 2)
        assert parent.pid not in workers
        assert all(map(alive, workers))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: [worker for worker in workers if not alive(worker)], 2)


@pytest.mark.timeout(60)
def test_nothing_is_left_of_what_is_broken_off() -> None:
    before = set(threading.enumerate())
    results = run_jobs(work.who_waits, [0.0, 600.0, 600.0, 600.0], 2)
    assert next(results) == (0.0, "")
    del results
    left = set(threading.enumerate()) - before
    # A pool's thread that goes on writes to closed files when the program ends.
    assert not [thread for thread in left if not isinstance(thread, threading.Timer)]
    assert not multiprocessing.active_children()


@pytest.mark.timeout(60)
def test_a_process_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    assert sorted(run_jobs(work.leave_a_thread, [1, 2], 2)) == [(1, -1), (2, -2)]


def wait_for(look: Any, count: int, seconds: float = 60.0) -> list[int]:
    """What `look` finds, once there are `count` of them."""
    end = time.monotonic() + seconds
    while len(found := look()) < count:
        assert time.monotonic() < end, f"after {seconds:.0f} s there are {found}"
        time.sleep(0.1)
    return list(found)


SCRIPT = """
from tests.helpers.work import square
from bench.runtime.executors import run_jobs
for job, result in run_jobs(square, [2, 3, 4], 2):
    print(job, result[0] if isinstance(result, tuple) else repr(result))
"""


def test_threads_and_forks_that_a_job_leaves_behind_hold_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    begun = time.monotonic()
    ((_, found),) = run_jobs(work.leave_behind, [1], 1, apart=True)
    assert isinstance(found, tuple), found
    assert time.monotonic() - begun < 60
    until = time.monotonic() + 10
    while any(map(is_there, found)):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("way", ["a script without a guard", "standard input"])
def test_processes_do_not_run_the_users_script_again(tmp_path: Path, way: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    arguments = [str(script)] if way != "standard input" else ["-"]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=SCRIPT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    assert sorted(done.stdout.split("\n")) == ["", "2 4", "3 9", "4 16"]
