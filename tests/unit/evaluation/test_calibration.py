"""The speed of this machine is measured."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.api import Scene
from bench.errors import BenchError
from bench.evaluation import calibration, scoring
from bench.evaluation.calibration import _Beginning, _rate, calibrate
from bench.evaluation.estimate import Rate, key_of
from bench.evaluation.scoring import Row
from bench.evaluation.worker import RunToScore
from bench.plugins import installed
from bench.runs.plan import plan_runs
from bench.spec.resolve import make_run_spec, open_dataset
from bench.spec.suite import load_suite
from tests.helpers.noises import Noise, Noises
from tests.helpers.specs import make


def test_every_planned_run_is_measured(small_set: Path) -> None:
    plugins, suite = installed(), load_suite("cadenza-icassp-2024")
    spec = make_run_spec(
        plugins, suite, separator="mixture", gains="none",
        options={"dataset": {"root": str(small_set)}},
    )  # fmt: skip
    dataset = open_dataset(spec, plugins)
    runs = plan_runs(spec, suite, plugins, dataset, baselines=False)
    measured = calibrate([RunToScore(run.run_id, run.spec) for run in runs], dataset, plugins)
    rate = measured[key_of(spec)]
    assert rate.scene > 0
    assert rate.pair > 0
    assert not rate.keeps_stems


def test_a_search_for_each_song_is_told_to_cost_more(
    small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What else the machine does at the time takes none of the processor time of this process.
    monkeypatch.setattr(scoring, "time", SimpleNamespace(perf_counter=time.process_time))
    plugins, suite = installed(), load_suite("cadenza-icassp-2024")
    runs = {}
    for prescription, own in (("nalr", {}), ("nalr-tuned", {"steps": 3})):
        spec = make_run_spec(
            plugins, suite, separator="mixture", gains="fixed", prescription=prescription,
            options={"dataset": {"root": str(small_set)}, "prescription": own},
        )  # fmt: skip
        spec = replace(spec, metrics=spec.metrics[:1])
        runs[prescription] = RunToScore(f"r{prescription}", spec)
    dataset = open_dataset(spec, plugins)
    # For a listener who hears normally nothing clips, and nothing is searched: it is measured for
    # the other.
    scene = replace(dataset.scenes("valid")[0], listeners=("NH", "S1-S3"))
    one = SimpleNamespace(scenes=lambda split: [scene], listeners=dataset.listeners)
    measured = calibrate(list(runs.values()), one, plugins)  # type: ignore[arg-type]
    plain, tuned = (measured[key_of(runs[name].spec)].pair for name in runs)
    # Three steps with their gradients for each ear, beside a score of each.
    assert tuned > 2 * plain


def test_what_listeners_share_is_told_from_the_rest() -> None:
    spent = {"read": 2.0, "separate": 6.0, "remix": 1.0, "haaqi": 11.0}
    rows = [
        {"metric": "seconds", "part": part, "value": value, "status": "ok"}
        for part, value in spent.items()
    ]
    rows += [{"metric": "haaqi", "part": "mean", "value": 0.5, "status": "ok"}]
    assert _rate(rows, 4.0, keeps_stems=True) == Rate(2.0, 3.0, keeps_stems=True)
    failed = {"metric": "haaqi", "part": "mean", "value": None, "status": "failed", "reason": "no"}
    with pytest.raises(BenchError, match="the calibration failed: no"):
        _rate([*rows, failed], 4.0, keeps_stems=True)


def test_the_beginning_of_a_scene_has_no_more_than_that() -> None:
    whole = Noise("s0")
    beginning = _Beginning(whole, 1000)
    assert beginning.sample_rate == whole.sample_rate
    assert torch.equal(beginning.read("bass"), whole.read("bass", 0, 1000))
    assert torch.equal(beginning.read("bass", 300), whole.read("bass", 300, 700))
    assert torch.equal(beginning.read("bass", 300, 5), whole.read("bass", 300, 5))


def test_22_seconds_from_the_middle_scene_are_measured_and_2_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[tuple[str, int]] = []

    class Counting:
        def __init__(self, runs: object, plugins: object, *, profile: bool) -> None:
            assert profile
            self.scenes: dict[str, Scene] = {}

        def keep_nothing(self) -> None:
            heard.append(("keeps nothing", 0))

        def keeps_stems(self, run_id: str) -> bool:
            return True

        def evaluate(self, scene: str, pairs: object, *, long: bool) -> dict[str, list[Row]]:
            assert pairs == {"r": ["L2"]}  # of L1 and L2 the one with the greater loss
            assert not long
            heard.append((scene, self.scenes[scene].frames))
            row = {"metric": "seconds", "part": "read", "value": 11.0, "status": "ok"}
            return {"r": [row]}

    class Long(Noises):
        def scenes(self, split: str) -> list[Scene]:
            found = super().scenes(split)
            return [replace(one, audio=Noise(one.id, frames=44_100 * 30)) for one in found]

    monkeypatch.setattr(calibration, "Evaluator", Counting)
    run = RunToScore("r", make(separator="mixture", gains="none"))
    measured = calibrate([run], Long(), installed())
    assert heard == [("keeps nothing", 0), ("s2", 2 * 44_100), ("s2", 22 * 44_100)]
    assert measured == {key_of(run.spec): Rate(0.5, 0.0, keeps_stems=True)}
