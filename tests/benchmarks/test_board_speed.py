"""Boards of the official size: 30 systems x 960 scenes x 20 listeners, 384,000 rows a run.

Each command is a process of its own, from the start of Python to the last line; the first time
nothing is kept in the cache. The peak of its memory is printed beside its time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.boards import large_board

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

COMMAND = "import resource, sys; from bench.cli import main\ntry: main(sys.argv[1:])\nfinally: " + (
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)"
)
VIEW = ("--suite", "demo", "--split", "valid", "--protocol", "challenge")


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return large_board(tmp_path_factory.mktemp("board") / "official").path


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 runs of the demo's size."""
    path = tmp_path_factory.mktemp("board") / "many"
    return large_board(path, systems=200, scenes=8, songs=4, listeners=2).path


def run(*arguments: str, cache: Path) -> int:
    """Run a command; returns the most memory that it held, MiB."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env=os.environ | {"BENCH_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout
    return int(done.stderr.split()[-1])


@pytest.mark.parametrize(
    "command", ["leaderboard", "leaderboard again", "compare", "report", "leaderboard of 200"]
)
def test_a_board_is_shown(
    benchmark: Any, official: Path, many: Path, tmp_path: Path, command: str
) -> None:
    benchmark.group = "boards"
    name = command.split()[0]
    board = many if command.endswith("200") else official
    arguments = [name, "--out", str(board), *VIEW]
    if name == "compare":
        arguments[1:1] = ["r0003", "r0004"]
    if name == "report":
        arguments += ["--to", str(tmp_path / "report")]
    first = tmp_path / "cache"
    if command in ("leaderboard again", "compare", "report"):
        run("leaderboard", "--out", str(board), *VIEW, cache=first)
    memory = benchmark.pedantic(run, arguments, {"cache": first}, rounds=1)
    benchmark.extra_info["MiB"] = memory
    assert memory < 1024
