"""Runs that are killed at random moments: the same command ends with the undisturbed board.

Each run is a fork of this process, which has imported all: so a run takes a second or two, and most
of the kills fall into training, scoring and writing.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.board.schema import TIME_METRIC
from bench.board.store import Board
from bench.cli import main
from tests.helpers.suites import SHORT_TRAINING, WriteSuite

KILLS = int(os.environ.get("BENCH_KILLS", "40"))
SYSTEMS = {
    "scoring": ("--separator", "mixture", "--gains", "fixed"),
    "training": ("--separator", "mixture", "--gains", "cnn", "--loss", "loudness"),
}


def begin(arguments: list[str], log: Path) -> int:
    """The id of a process, first of a group of its own, that runs a command."""
    process = os.fork()
    if process:
        return process
    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    code = 1
    try:
        main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os._exit(code)


def end(process: int, after: float, number: int) -> int:
    """Wait, kill, and wait for the end: its exit code, negative for a signal."""
    until = time.monotonic() + after
    while time.monotonic() < until:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(process, number)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def rows(board: Path) -> pd.DataFrame:
    """All scores of a board but how long they took."""
    scores = Board(board).scores()
    kept = [name for name in scores.columns if name not in ("seconds", "computed_at", "created")]
    scores = scores.loc[scores.metric != TIME_METRIC, kept]
    return scores.sort_values([*scores.columns[:1], "scene", "listener", "metric", "part"])


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_run_that_is_killed_again_and_again_ends_with_the_undisturbed_board(
    system: str, small_suite: WriteSuite, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    training = {**SHORT_TRAINING, "segments": 2, "validation_songs": 0}
    suite = small_suite(metrics=("lufs", "clipping"), training=training)
    arguments = ["run", "--suite", str(suite), *SYSTEMS[system], "--workers", "1", "--no-report"]
    log = tmp_path / "log"

    def run(board: Path, after: float = 300.0, number: int = signal.SIGKILL) -> int:
        return end(begin([*arguments, "--out", str(board)], log), after, number)

    assert run(tmp_path / "warm") == 0, log.read_text()
    begun = time.monotonic()
    assert run(tmp_path / "whole") == 0
    whole = time.monotonic() - begun
    expected, rng = rows(tmp_path / "whole"), random.Random(system)
    codes: Counter[int] = Counter()
    boards = 0
    while sum(codes[code] for code in codes if code) < KILLS:
        board = tmp_path / f"board-{boards}"
        boards += 1
        for _ in range(6):
            number = rng.choice((signal.SIGKILL, signal.SIGTERM))
            code = run(board, rng.uniform(0.0, whole), number)
            codes[code] += 1
            assert code in (0, -signal.SIGKILL, 128 + signal.SIGTERM, -signal.SIGTERM), code
        assert run(board) == 0, log.read_text()[-3000:]
        pd.testing.assert_frame_equal(
            rows(board).reset_index(drop=True), expected.reset_index(drop=True)
        )
        drafts = [p.name for p in board.rglob("*") if p.name.endswith(".part")]
        terminated = codes[128 + signal.SIGTERM]
        record_property("drafts", len(drafts))
        assert len(drafts) <= codes[-signal.SIGKILL], (drafts, terminated)
    assert "Traceback" not in log.read_text()
    print(f"\n{system}: {dict(codes)} on {boards} boards, {whole:.1f} s a run")
