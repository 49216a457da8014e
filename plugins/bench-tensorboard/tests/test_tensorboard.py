"""What the observer writes, TensorBoard reads."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import bench_tensorboard
import pytest
from bench_tensorboard import LOGDIR
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bench.api import RunInfo
from bench.plugins import load

SPEC = RunInfo(
    label="hdemucs-ft + cnn",
    suite="demo",
    split="valid",
    protocol="challenge",
    separator="hdemucs-ft",
    gains="cnn",
    prescription="nalr",
    loss="mse",
    epochs=2,
    seed=0,
    settings={"separator": {"name": "hdemucs-ft"}},
)


def score(value: float | None, metric: str = "haaqi") -> dict[str, object]:
    return {"metric": metric, "part": "mean", "value": value}


def a_run() -> None:
    """The calls that bench makes, in its order: trainings end before scoring begins."""
    for epoch in range(3):
        row = {"epoch": epoch, "valid/haaqi/mean": 0.5 + 0.1 * epoch}
        row |= {"loss": 3.0 - epoch, "loss/mse": float("nan")} if epoch else {}
        bench_tensorboard.epoch_finished("r1", epoch, row)
    bench_tensorboard.run_started("r1", SPEC, 4)
    bench_tensorboard.scene_scored("r1", "s1", [score(0.5), score(None), score(9.0, "time")])
    bench_tensorboard.scene_scored("r1", "s2", [score(0.7)])
    bench_tensorboard.run_finished("r1", SPEC, {"status": "done"})


def test_tensorboard_reads_curves_scores_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOGDIR, str(tmp_path))
    a_run()
    events = EventAccumulator(str(tmp_path / "r1")).Reload()
    points = {e.step: e.value for e in events.Scalars("valid/haaqi/mean")}
    assert points == {0: 0.5, 1: pytest.approx(0.6), 2: pytest.approx(0.7)}
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(1, 2.0), (2, 1.0)]
    (mean,) = events.Scalars("scores/haaqi/mean")
    assert (mean.step, mean.value) == (2, pytest.approx(0.6))
    assert set(events.Tags()["scalars"]) == {"valid/haaqi/mean", "loss", "scores/haaqi/mean"}
    (settings,) = events.Tensors("settings")
    assert b"hdemucs-ft + cnn" in settings.tensor_proto.string_val[0]


def test_without_the_variable_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(LOGDIR, raising=False)
    monkeypatch.chdir(tmp_path)
    a_run()
    assert list(tmp_path.iterdir()) == []


def test_bench_finds_its_hooks() -> None:
    found = load([EntryPoint("tensorboard", "bench_tensorboard", "bench")])
    assert found.failures == ()
    (observer,) = found.observers
    assert set(observer.hooks) == {
        *("run_started", "epoch_finished", "scene_scored", "run_finished"),
    }
