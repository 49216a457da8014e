"""What ``bench plan`` says of time and disk."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench as library
from bench.board.store import Board
from bench.evaluation.estimate import (
    Rate,
    TrainingRate,
    keep_rates,
    keep_training_rates,
    key_of,
    training_rates,
)
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from tests.helpers.command_line import Bench
from tests.helpers.suites import WriteSuite


def test_time_is_told_once_it_was_measured(
    bench: Bench,
    small_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    suite, root = "cadenza-icassp-2024", f"dataset.root={small_set}"

    def plan(*more: str) -> str:
        arguments = ["plan", "--suite", suite, "--separator", "mixture", "--no-baselines", *more]
        board = str(tmp_path / "board")
        assert bench(*arguments, "-o", root, "--out", board, "--workers", "1") == 0
        return capsys.readouterr().out

    assert "time: not known here for mixture + fixed; --calibrate measures it" in plan()
    told = plan("--prescription", "nalr-limiter")
    assert "time: not known here for mixture + fixed (nalr-limiter); --calibrate" in told
    spec = make_run_spec(
        installed(), load_suite(suite), separator="mixture", gains="fixed",
        options={"dataset": {"root": str(small_set)}},
    )  # fmt: skip
    keep_rates({key_of(spec): Rate(scene=1.0, pair=2.0, keeps_stems=True)})
    # Two scenes of 3 s, two listeners each: 6 s of audio once, and 12 s for the listeners.
    assert "time: 30 s to score in 1 process;" in plan()


def test_the_time_of_trainings_is_told_once_a_step_was_measured(
    bench: Bench,
    small_suite: WriteSuite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    suite, board = small_suite(), tmp_path / "board"
    what = ("--suite", suite, "--out", board, "--no-baselines", "--separator", "mixture")

    def plan(*more: object) -> str:
        assert bench("plan", *what, *more) == 0
        return capsys.readouterr().out

    one = ("--gains", "cnn", "--epochs", "3")
    said = plan(*one)
    assert "not known here for the training of mixture + cnn" in said
    said = plan(*one, "--calibrate")
    assert "not known" not in said
    assert "for 1 training, one at a time\n" in said
    assert not board.exists()
    # Measured figures in place of what this machine took: 2 steps of 3 s and 5 s of validation an
    # epoch, and a validation before the first.
    [key] = training_rates()
    keep_training_rates({key: TrainingRate(step=3.0, validation=5.0)})
    assert "time: 38 s for 1 training, one at a time\n" in plan(*one)
    assert "time: 38 s for 1 training" in plan(*one, "--workers", "4")
    four = (*one, "--seeds", "4", "--workers", "3")
    assert "time: 152 s" not in plan(*four)
    assert "time: 3 min for 4 trainings, one at a time, 76 s on 3 workers of a cluster" in plan(
        *four
    )
    # What is done of a training is not counted.
    run_id = (
        library.plan(
            suite=str(suite), out=board, separator="mixture", gains="cnn", epochs=3, baselines=False
        )
        .runs[-1]
        .run_id
    )
    for epoch in (0, 1, 2):
        Board(board).append_epoch(run_id, {"epoch": epoch, "loss": 1.0})
    assert "time: 11 s for 1 training" in plan(*one)


def test_both_ways_to_plan_an_ablation_say_the_same(
    bench: Bench,
    small_set: Path,
    small_suite: WriteSuite,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "design.toml"
    file.write_text(f'separator = ["mixture", "oracle"]\nsuite = "{small_suite()}"\n')
    for what in ((file,), ("seed-paper", "--root", small_set)):
        how = (*what, "--out", tmp_path / "board", "--workers", "2")
        assert bench("plan", *how) == 0
        said = capsys.readouterr().out
        assert bench("ablate", "--plan", *how) == 0
        assert capsys.readouterr().out == said
        assert "to do: " in said
