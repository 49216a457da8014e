"""Runs of an ablation are done in batches; one that breaks stops no other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.ablation.design import Ablation
from bench.ablation.matrix import expand, plan_matrix
from bench.board.store import Board
from bench.plugins import installed
from bench.runs import execute as module
from bench.runs.execute import Outcome
from bench.runs.plan import PlannedRun
from bench.spec.resolve import open_dataset
from bench.spec.suite import load_suite, parse_suite


@pytest.fixture
def runs(small_set: Path) -> tuple[list[PlannedRun], Any]:
    suite = parse_suite(
        {
            "name": "small",
            "dataset": {"name": "cadenza", "root": str(small_set)},
            "evaluation": {"split": "valid", "metrics": ["haaqi"]},
            "defaults": {"loss": "mse"},
            "baselines": [{"separator": "mixture", "gains": "fixed"}],
        },
        where="test",
    )
    ablation = Ablation(
        separator=("hdemucs", "hdemucs-ft"), gains=("fixed", "none", "cnn"), seeds=2
    )
    matrix = expand(ablation, installed(), suite)
    dataset = open_dataset(max(matrix.specs, key=lambda spec: spec.trains), installed())
    return plan_matrix(matrix, suite, installed(), dataset), dataset


class FakeExecute:
    """Notes what it is called with, and breaks for some labels."""

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.calls: list[list[str]] = []

    def __call__(self, runs: Sequence[PlannedRun], *args: Any, **more: Any) -> Outcome:
        self.calls.append([run.spec.label for run in runs])
        if set(self.calls[-1]) & set(self.broken):
            raise RuntimeError("it broke\nin two lines")
        return Outcome({run.run_id: 0 for run in runs}, {})


def test_the_plan_holds_each_run_and_baseline_once(runs: tuple[list[PlannedRun], Any]) -> None:
    planned, _ = runs
    labels = [run.spec.label for run in planned]
    assert len(set(labels)) == len(labels) == 1 + 2 + 2 + 3 * 2
    assert [run.spec.label for run in planned if run.is_baseline] == ["mixture + fixed"]


def test_a_broken_run_is_a_failed_row_and_the_others_are_done(
    runs: tuple[list[PlannedRun], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, dataset = runs
    fake = FakeExecute("hdemucs-ft + cnn")
    monkeypatch.setattr(module, "execute", fake)
    board = Board(tmp_path)
    outcome = module.execute_all(planned, board, installed(), dataset)
    [bad] = [run for run in planned if run.spec.label == "hdemucs-ft + cnn"]
    assert set(outcome.failed_pairs) == {run.run_id for run in planned} - {bad.run_id}
    reason = outcome.stopped[bad.run_id]
    assert list(outcome.stopped) == [bad.run_id]
    assert reason.startswith("RuntimeError: it broke in two lines (")
    assert not outcome.ok
    row = board.run(bad.run_id)
    assert row is not None
    assert (row["status"], row["failure"]) == ("failed", reason)
    # The batch, then each of its runs alone.
    sizes = [len(call) for call in fake.calls]
    assert sizes[0] == module.BATCH
    assert sizes[1] == len(planned) - module.BATCH
    assert sizes[2:] == [1] * sizes[1]


def test_what_trains_nothing_comes_first(
    runs: tuple[list[PlannedRun], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, dataset = runs
    fake = FakeExecute()
    monkeypatch.setattr(module, "execute", fake)
    assert module.execute_all(planned, Board(tmp_path), installed(), dataset).ok
    done = [label for call in fake.calls for label in call]
    assert set(done[:3]) == {"mixture + fixed", "hdemucs + fixed", "hdemucs + none"}
    assert done[3].startswith("hdemucs + cnn")
    assert sorted(done) == sorted(run.spec.label for run in planned)


def test_an_interruption_is_not_a_failure(
    runs: tuple[list[PlannedRun], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any, **more: Any) -> Outcome:
        raise KeyboardInterrupt

    planned, dataset = runs
    monkeypatch.setattr(module, "execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        module.execute_all(planned, Board(tmp_path), installed(), dataset)
    assert Board(tmp_path).runs().empty


def test_the_baselines_follow_the_weights_of_the_runs(tmp_path: Path, small_set: Path) -> None:
    from bench.ablation.matrix import plan_matrix

    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"x")
    suite = load_suite("demo")
    ablation = Ablation(
        separator=("hdemucs-ft",), grid={"separator.weights": ("bundled", str(weights))}
    )
    matrix = expand(ablation, installed(), suite)
    dataset = open_dataset(matrix.specs[0], installed())
    labels = [run.spec.label for run in plan_matrix(matrix, suite, installed(), dataset)]
    assert "hdemucs + fixed" in labels
    assert "hdemucs[weights=w.safetensors] + fixed" in labels
