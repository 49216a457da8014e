"""What the page about clusters says: processes share a board, and boards are united by copying."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from tests.helpers.suites import WriteSuite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def suite(small_suite: WriteSuite) -> Path:
    return small_suite()


def start(suite: Path, out: Path, separator: str) -> subprocess.Popen[str]:
    command = [
        *(sys.executable, "-c", "from bench.cli import main; main()", "run"),
        *("--suite", str(suite), "--out", str(out), "--separator", separator),
        *("--no-baselines", "--no-report", "--workers", "1"),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_share_a_board(suite: Path, tmp_path: Path) -> None:
    together = tmp_path / "together"
    # Two runs at once, and one of them twice: against the page's advice, and still whole.
    jobs = [start(suite, together, name) for name in ("mixture", "oracle", "oracle")]
    for job in jobs:
        _, errors = job.communicate(timeout=280)
        assert job.returncode == 0, errors
    board = bench.Board(together)
    runs = board.runs()
    assert sorted(runs["separator"]) == ["mixture", "oracle"]
    assert set(runs["status"]) == {"done"}
    scores = board.scores()
    assert board.damaged == {}
    assert not scores.duplicated(["run_id", "scene", "listener", "metric", "part"]).any()
    headline = scores[(scores.metric == "lufs") & (scores.part == "mean")]
    assert len(headline) == 2 * 4

    # A board each, brought together as the page says.
    for name, run_id in zip(runs["separator"], runs["run_id"], strict=True):
        own = tmp_path / name
        for table in ("runs", "scores"):
            for path in (together / table).rglob(f"*{run_id}*"):
                target = own / path.relative_to(together)
                target.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if path.is_dir() else shutil.copy
                copy(path, target)
        assert [row.n for row in bench.read_leaderboard(own, suite=suite).rows] == [4]
    shutil.copytree(tmp_path / "mixture", tmp_path / "oracle", dirs_exist_ok=True)
    united = bench.read_leaderboard(tmp_path / "oracle", suite=suite)
    assert bench.render(united, "csv") == bench.render(
        bench.read_leaderboard(together, suite=suite), "csv"
    )
