"""A scheduler and workers as programs of their own, which stand for the machines of a cluster.

Each has another working directory, home and cache.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.helpers.paths import ROOT


class Programs:
    """A scheduler and its workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.start("scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        deadline = time.monotonic() + 60
        while not self.file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def start(self, kind: str, *options: str, **variables: str) -> None:
        name = options[options.index("--name") + 1] if "--name" in options else kind
        home = self.folder / name
        home.mkdir()
        own = {"HOME": str(home), "BENCH_CACHE": str(home / "cache"), "OMP_NUM_THREADS": "1"}
        with (home / "log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "dask", kind, "--scheduler-file", str(self.file), *options],
                cwd=home, stderr=log, stdout=log,
                env=environment() | own | variables,
            )  # fmt: skip

    def worker(self, name: str, **variables: str) -> None:
        self.start("worker", "--nthreads", "1", "--name", name, "--no-dashboard", **variables)

    def children(self) -> list[int]:
        """The processes that do jobs for the workers."""
        import psutil

        found = []
        for program in self.running.values():
            if program.poll() is None:
                for child in psutil.Process(program.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        if "bench.runtime.child" in child.cmdline():
                            found.append(child.pid)
        return found

    def end(self) -> None:
        # The scheduler last: without it a worker takes seconds to end.
        scheduler = self.running.pop("scheduler")
        for group in ([*self.running.values()], [scheduler]):
            for program in group:
                program.terminate()
            for program in group:
                try:
                    program.wait(5)
                except subprocess.TimeoutExpired:
                    program.kill()
                    program.wait()


def environment() -> dict[str, str]:
    """Variables with which a program finds this source."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return os.environ | {"PYTHONPATH": paths}
