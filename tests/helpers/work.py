"""What worker processes do in tests of the pool: they import it by name."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

STARTED: list[str] = []
USUAL_SIGNALS = ("env", "--default-signal=INT,HUP,TERM")
"""Starts a program that takes signals, though those who started the tests ignore them, as nohup."""


def square(number: int) -> tuple[int, int]:
    """The square, and who computed it."""
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number * number, os.getpid()


def leave_a_thread(number: int) -> int:
    """Do it, and leave a thread that the process waits for."""
    threading.Thread(target=time.sleep, args=(600,)).start()
    return -number


def die(number: int) -> int:
    """End the process where the number is 3."""
    if number == 3:
        os._exit(7)
    return -number


def note_start(text: str = "begun") -> None:
    STARTED.append(text)


def started(number: int) -> tuple[int, tuple[str, ...]]:
    """Who works, and what its process was started with."""
    time.sleep(0.05)
    return os.getpid(), tuple(STARTED)


def interrupt(number: int) -> int:
    raise KeyboardInterrupt


def wait_long(folder: str) -> None:
    """Leave a file with the process's id, and stay."""
    path = Path(folder) / str(os.getpid())
    path.touch()
    time.sleep(120)


def waiting_pool(folder: str) -> None:
    """A pool of two that waits, in this process."""
    from bench.runtime.executors import run_jobs

    list(run_jobs(wait_long, [folder, folder], 2))


def die_once(job: tuple[str, int]) -> int:
    """End the process at the first try of a job; `job` is a folder and a number."""
    folder, number = job
    tried = Path(folder) / str(number)
    if not tried.exists():
        tried.touch()
        os._exit(7)
    return -number


def kill_parent(job: tuple[str, int]) -> int:
    """End the worker that this process belongs to, at the first try of job 3."""
    folder, number = job
    tried = Path(folder) / str(number)
    if number == 3 and not tried.exists():
        tried.touch()
        os.kill(os.getppid(), 9)
        time.sleep(60)
    return -number


def show_process(number: int) -> tuple[int, str]:
    """Print, and say who works."""
    print("what a plugin prints is no result")
    return os.getpid(), os.getcwd()


class Unpicklable(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__("text alone")


def raise_unpicklable(number: int) -> None:
    raise Unpicklable(1, 2)


def refuse() -> None:
    raise ValueError("not here")


def refuse_where(folder: str) -> None:
    """Refuse to begin in a process of the worker whose id the folder has as a file."""
    if (Path(folder) / f"not-{os.getppid()}").exists():
        raise ValueError("not here")


def read_input(number: int) -> str:
    return sys.stdin.read()


def who_waits(seconds: float) -> str:
    """Stay for a while, and say which worker this process belongs to."""
    time.sleep(seconds)
    return os.environ.get("BENCH_TEST_WORKER", "")


def tasks(dask_scheduler: Any) -> int:
    """The jobs that a scheduler has, whatever becomes of them."""
    return len([name for name in dask_scheduler.tasks if str(name).startswith("bench")])


def leave_behind(number: int) -> tuple[int, int]:
    """Start a thread that Python waits for and a fork that sleeps; who works, and the fork."""
    threading.Thread(target=time.sleep, args=(120,), daemon=False).start()
    fork = os.fork()
    if fork == 0:
        time.sleep(120)
        os._exit(0)
    return os.getpid(), fork


def is_there(process: int) -> bool:
    """Whether a process lives, and is more than an entry in the table."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
