"""Runs that are killed at random moments: the same command ends with the undisturbed board.

``BENCH_KILLS`` is the number of kills of each system with one worker and with two, ``BENCH_SEED``
the seed of the moments.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from bench.board.schema import TIME_METRIC
from bench.board.store import Board
from bench.data.generate.demo import write_demo
from tests.helpers.command_line import run_bench
from tests.helpers.killing import Aim, Kill, Marks, begin, late_kills, shoot, survivors
from tests.helpers.suites import SHORT_TRAINING, suite_text

KILLS = int(os.environ.get("BENCH_KILLS", "40"))
SEED = os.environ.get("BENCH_SEED", "0")
SYSTEMS = {
    "scoring": ("--separator", "mixture", "--gains", "fixed"),
    "training": ("--separator", "mixture", "--gains", "cnn", "--loss", "loudness"),
}
ENDS = {0, 1, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM}
"""Exit codes: 1 where killed workers made a scene fail."""


def rows(board: Path) -> pd.DataFrame:
    """All scores of a board but how long they took."""
    scores = Board(board).scores()
    kept = [name for name in scores.columns if name not in ("seconds", "computed_at", "created")]
    scores = scores.loc[scores.metric != TIME_METRIC, kept]
    by = ["run_id", "scene", "listener", "metric", "part"]
    return scores.sort_values(by).reset_index(drop=True)


def content(board: Path) -> dict[str, object]:
    """All that a board holds, but times."""
    kept = Board(board)
    runs, log = kept.runs().sort_values("run_id"), kept.training()
    return {
        "scores": rows(board).to_csv(),
        "runs": runs[["run_id", "status", "failure", "label", "n_pairs", "n_failed"]].to_csv(
            index=False
        ),
        "training": log[~log.name.str.contains("seconds")].to_csv(index=False),
        "files": sorted(str(path.relative_to(board)) for path in board.rglob("*")),
    }


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of four scenes of two seconds; a training of two epochs of one step."""
    folder = tmp_path_factory.mktemp("tiny")
    root = folder / "set"
    write_demo(
        root, songs_train=2, songs_valid=4, seconds=2.0, scenes_per_song=1, listeners_per_scene=1
    )
    training = {
        **SHORT_TRAINING,
        "epochs": 2,
        "segments": 2,
        "segment_seconds": 0.5,
        "validation_songs": 0,
    }
    path = folder / "tiny.toml"
    path.write_text(suite_text(root=root, training=training), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_run_that_is_killed_again_and_again_ends_with_the_undisturbed_board(
    system: str, workers: int, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = kill_runs(system, workers, suite, tmp_path, monkeypatch, kills=KILLS)
    assert 2 * late_kills(done) >= done.total()


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_workers_that_import_all_by_themselves(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a user's machine; slow, so there are few kills."""
    kill_runs("scoring", 2, suite, tmp_path, monkeypatch, kills=KILLS // 20, fork_workers=False)


def kill_runs(
    system: str,
    workers: int,
    suite: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kills: int,
    fork_workers: bool = True,
) -> Counter[Kill]:
    """Kill runs until there were so many kills; what was killed, and where."""
    temporary, cache, log, marks = folder / "tmp", folder / "cache", folder / "log", Marks()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("BENCH_CACHE", str(cache))
    command = ["run", "--suite", str(suite), *SYSTEMS[system], "--workers", str(workers)]

    def start(board: Path) -> int:
        arguments = [*command, "--no-report", "--out", str(board)]
        return begin(arguments, log, marks, fork_workers=fork_workers)

    def whole(board: Path) -> float:
        began = time.monotonic()
        process = start(board)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, said(log)
        assert not survivors(process)
        return time.monotonic() - began

    # Once here, so that its forks need neither import nor compile anything.
    assert run_bench(*command, "--no-report", "--out", folder / "here") == 0
    shutil.rmtree(cache)
    seconds, expected, writes = whole(folder / "whole"), content(folder / "whole"), marks.writes
    kept = set(temporary.iterdir())  # torch's
    assert writes >= 8
    rng = random.Random(f"{SEED}/{system}/{workers}/{fork_workers}")
    done: Counter[Kill] = Counter()
    boards = 0
    while done.total() < kills:
        board = folder / f"board-{boards}"
        boards += 1
        shutil.rmtree(cache)
        for _ in range(8):
            process = start(board)
            late = 2 * late_kills(done) <= done.total()
            aim = Aim.draw(rng, seconds, writes, workers=workers > 1 and fork_workers, late=late)
            code, kill = shoot(process, aim, marks, rng)
            done.update([kill] if kill else [])
            assert code in ENDS, (code, said(log))
            assert not survivors(process), aim
            if code == 0:
                break
        else:
            whole(board)
        assert content(board) == expected, (board, said(log))
        assert not [*cache.rglob("*.part"), *(set(temporary.iterdir()) - kept)]
        shutil.rmtree(board)
    assert "Traceback" not in log.read_text()
    print(f"\n{system}, {workers} workers: {done.total()} kills on {boards} boards")
    for kill, number in sorted(done.items()):
        print(f"KILLS {kill.signal},{kill.target},{kill.stage},{number}")
    return done


def said(log: Path) -> str:
    """The end of what the commands said."""
    return log.read_text()[-3000:]
