"""Several processes at once on one board: the same runs and others, in training and in scoring."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pandas as pd
import pytest

from bench.board.store import Board
from tests.faults.test_kills import begin, rows
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

    def done(board: Path, systems: tuple[tuple[str, str], ...], *, at_once: bool) -> None:
        rng, processes = random.Random(str(board.name)), []
        for number, system in enumerate(systems):
            log = tmp_path / f"{board.name}-{number}.log"
            processes.append((begin(arguments(system, board), log), log))
            if at_once:
                time.sleep(rng.uniform(0, 0.5))
            else:
                assert os.waitstatus_to_exitcode(os.waitpid(processes.pop()[0], 0)[1]) == 0
        for process, log in processes:
            code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            assert code == 0, log.read_text()[-3000:]
            assert "Traceback" not in log.read_text()

    systems = SYSTEMS[:count]
    done(tmp_path / "one", systems, at_once=False)
    expected = rows(tmp_path / "one").reset_index(drop=True)
    log = Board(tmp_path / "one").training()
    log = log[~log.name.str.startswith("seconds")].reset_index(drop=True)
    for number in range(ROUNDS):
        board = tmp_path / f"board-{number}"
        done(board, systems, at_once=True)
        pd.testing.assert_frame_equal(rows(board).reset_index(drop=True), expected)
        own = Board(board).training()
        own = own[~own.name.str.startswith("seconds")].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, log)
        assert sorted(Board(board).runs().status) == sorted(Board(tmp_path / "one").runs().status)
        assert not list(board.rglob("*.part"))
        assert not Board(board).damaged
