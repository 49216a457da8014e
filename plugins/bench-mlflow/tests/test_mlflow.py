"""What the observer logs, MLflow reads."""

from __future__ import annotations

import time
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import bench_mlflow
import pytest
from bench_mlflow import EXPERIMENT, TRACKING_URI
from bench_mlflow.log import RunLog, _name
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

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
    settings={
        "separator": {"name": "hdemucs-ft", "options": {"weights": "bundled"}},
        "training": {"epochs": 2, "note": "x" * 9000},
        **{f"more{n}": n for n in range(150)},
    },
)


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    found = (tmp_path / "runs").as_uri()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv(TRACKING_URI, found)
    monkeypatch.delenv(EXPERIMENT, raising=False)
    return found


def score(value: float | None, metric: str = "haaqi") -> dict[str, Any]:
    return {"metric": metric, "part": "mean", "value": value}


def a_training(last: int = 2) -> None:
    for epoch in range(last + 1):
        row = {"epoch": epoch, "valid/haaqi/mean": 0.5 + 0.1 * epoch}
        row |= {"loss": 3.0 - epoch, "loss/mse": float("nan")} if epoch else {}
        row |= {"grad_norm": 2.0, "grad_norm/gains/mse": 1.0, "seconds": 3.0, "seconds/train": 2.0}
        row |= {"loss/sdr": -3.0} if epoch else {}
        row["song/haaqi/mean/AC/DC - Who's (Made)?"] = 0.25
        bench_mlflow.epoch_finished("r1", epoch, row)


def a_run(status: str = "done") -> None:
    """The calls that bench makes, in its order: trainings end before scoring begins."""
    a_training()
    bench_mlflow.run_started("r1", SPEC, 4)
    bench_mlflow.scene_scored("r1", "s1", [score(0.5), score(None), score(9.0, "time")])
    bench_mlflow.scene_scored("r1", "s2", [score(0.7)])
    bench_mlflow.run_finished("r1", SPEC, {"status": status})


def runs(uri: str, experiment: str = "bench") -> tuple[MlflowClient, list[Any]]:
    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    return client, list(client.search_runs([found.experiment_id]))


def test_mlflow_reads_curves_scores_and_settings(uri: str) -> None:
    a_run()
    client, [run] = runs(uri)
    history = client.get_metric_history(run.info.run_id, "valid/haaqi/mean")
    points = {point.step: point.value for point in history}
    assert points == {0: 0.5, 1: pytest.approx(0.6), 2: pytest.approx(0.7)}
    losses = client.get_metric_history(run.info.run_id, "loss/total")
    assert [(point.step, point.value) for point in losses] == [(1, 2.0), (2, 1.0)]
    (mean,) = client.get_metric_history(run.info.run_id, "scores/haaqi/mean")
    assert (mean.step, mean.value) == (2, pytest.approx(0.6))
    song = "song/haaqi/mean/AC_DC - Who_s _Made__"
    names = {"valid/haaqi/mean", "loss/total", "loss/sdr", "scores/haaqi/mean", song}
    names |= {"grad_norm/total", "grad_norm/gains/mse", "seconds/total", "seconds/train"}
    assert set(run.data.metrics) == names
    params = run.data.params
    assert (params["separator"], params["loss"], params["seed"]) == ("hdemucs-ft", "mse", "0")
    assert params["separator.options.weights"] == "bundled"
    assert params["training.epochs"] == "2"
    assert params["training.note"] == "x" * 500
    assert params["more149"] == "149"
    assert (run.info.run_name, run.info.status) == ("hdemucs-ft + cnn", "FINISHED")
    assert (run.data.tags["bench.run_id"], run.data.tags["bench.status"]) == ("r1", "done")


def test_a_run_that_goes_on_is_the_same_one(uri: str) -> None:
    a_training(last=1)
    _, [run] = runs(uri)
    assert run.info.status == "RUNNING"
    bench_mlflow._logs.clear()  # another process
    a_run()
    _, [again] = runs(uri)
    assert again.info.run_id == run.info.run_id
    assert again.info.status == "FINISHED"
    a_run("failed")  # and a later one of the same id, whose parameters are the same
    _, [again] = runs(uri)
    assert again.info.status == "FAILED"


def test_the_experiment_is_named(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXPERIMENT, "thesis")
    a_run()
    _, found = runs(uri, "thesis")
    assert len(found) == 1
    RunLog(uri, "thesis", "r2")  # it is there already
    assert len(runs(uri, "thesis")[1]) == 2


def test_without_the_variable_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TRACKING_URI, raising=False)
    monkeypatch.chdir(tmp_path)
    a_run()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACKING_URI, "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(MlflowException):
        bench_mlflow.epoch_finished("r9", 0, {"epoch": 0, "loss": 1.0})
    started = time.monotonic()
    bench_mlflow.epoch_finished("r9", 1, {"epoch": 1, "loss": 1.0})
    bench_mlflow.run_finished("r9", SPEC, {"status": "done"})
    assert time.monotonic() - started < 0.1


def test_what_fails_on_the_way_is_not_tried_again(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_training(last=0)
    calls = []

    def fails(*_: object, **__: object) -> None:
        calls.append(1)
        raise MlflowException("gone")

    monkeypatch.setattr(MlflowClient, "log_batch", fails)
    with pytest.raises(MlflowException):
        bench_mlflow.epoch_finished("r1", 1, {"epoch": 1, "loss": 1.0})
    bench_mlflow.epoch_finished("r1", 2, {"epoch": 2, "loss": 1.0})
    bench_mlflow.run_finished("r1", SPEC, {"status": "done"})
    assert calls == [1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("valid/haaqi/mean", "valid/haaqi/mean"),
        ("song/haaqi/mean/../x", "song/haaqi/mean/.._x"),
        ("song/haaqi/mean/..", "song/haaqi/mean/_"),
        ("song/haaqi/mean//a\nb", "song/haaqi/mean/_a_b"),
        ("loss", "loss/total"),
        ("lr", "lr"),
        ("song/haaqi/mean/Beyonc\u00e9", "song/haaqi/mean/Beyonc\u00e9"),
        ("x" * 300, "x" * 250),
    ],
)
def test_names_are_such_as_mlflow_takes(name: str, expected: str, uri: str) -> None:
    assert _name(name) == expected
    log = RunLog(uri, "bench", "r1")
    log.epoch(0, {name: 0.5})
    _, [run] = runs(uri)
    assert run.data.metrics == {expected: 0.5}


def test_bench_finds_its_hooks() -> None:
    found = load([EntryPoint("mlflow", "bench_mlflow", "bench")])
    assert found.failures == ()
    (observer,) = found.observers
    assert set(observer.hooks) == {
        *("run_started", "epoch_finished", "scene_scored", "run_finished"),
    }
