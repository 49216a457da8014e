"""Several processes at once on one board: the same runs and others, in training and in scoring."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from bench.board.store import Board
from tests.faults.test_kills import content
from tests.helpers.command_line import run_bench
from tests.helpers.killing import Marks, begin
from tests.helpers.suites import SHORT_TRAINING, WriteSuite

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SYSTEMS = (
    ("mixture", "cnn"),
    ("mixture", "cnn"),
    ("mixture", "fixed"),
    ("oracle", "none"),
)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("count", [2, 4])
def test_processes_at_once_leave_the_board_of_one_after_another(
    count: int, small_suite: WriteSuite, tmp_path: Path
) -> None:
    training = {**SHORT_TRAINING, "epochs": 2, "segments": 2, "validation_songs": 0}
    suite = small_suite(metrics=("lufs", "clipping"), loss="loudness", training=training)

    def arguments(system: tuple[str, str], board: Path) -> list[str]:
        separator, gains = system
        chosen = ["--suite", str(suite), "--separator", separator, "--gains", gains]
        return ["run", *chosen, "--workers", "1", "--no-report", "--out", str(board)]

    def at_once(systems: tuple[tuple[str, str], ...], board: Path) -> None:
        rng, processes = random.Random(board.name), []
        for number, system in enumerate(systems):
            log = tmp_path / f"{board.name}-{number}.log"
            processes.append((begin(arguments(system, board), log, Marks()), log))
            time.sleep(rng.uniform(0, 0.5))
        for process, log in processes:
            code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            assert code == 0, log.read_text()[-3000:]
            assert "Traceback" not in log.read_text()

    systems = SYSTEMS[:count]
    # One after another, and here, so that the forks need neither import nor compile anything.
    for system in systems:
        assert run_bench(*arguments(system, tmp_path / "one")) == 0
    expected = content(tmp_path / "one")
    for number in range(ROUNDS):
        board = tmp_path / f"board-{number}"
        at_once(systems, board)
        assert not Board(board).damaged
        assert content(board) == expected
