"""What ``bench plan`` says of time and disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.evaluation.estimate import Rate, keep_rates, key_of
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from tests.helpers.command_line import Bench


def test_time_is_told_once_it_was_measured(
    bench: Bench,
    small_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    suite, root = "cadenza-icassp-2024", f"dataset.root={small_set}"

    def plan() -> str:
        arguments = ["plan", "--suite", suite, "--separator", "mixture", "--no-baselines"]
        board = str(tmp_path / "board")
        assert bench(*arguments, "-o", root, "--out", board, "--workers", "1") == 0
        return capsys.readouterr().out

    assert "time: not known here for mixture + fixed; --calibrate measures it" in plan()
    spec = make_run_spec(
        installed(), load_suite(suite), separator="mixture", gains="fixed",
        options={"dataset": {"root": str(small_set)}},
    )  # fmt: skip
    keep_rates({key_of(spec): Rate(scene=1.0, pair=2.0, keeps_stems=True)})
    # Two scenes of 3 s, two listeners each: 6 s of audio once, and 12 s for the listeners.
    assert "time: 30 s to score in 1 process;" in plan()
