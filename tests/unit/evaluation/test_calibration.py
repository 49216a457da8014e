"""The speed of this machine is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.evaluation.calibration import calibrate
from bench.evaluation.estimate import key_of
from bench.evaluation.worker import RunToScore
from bench.plugins import installed
from bench.runs.plan import plan_runs
from bench.spec.resolve import make_run_spec, open_dataset
from bench.spec.suite import load_suite


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


def test_a_search_for_each_song_is_told_to_cost_more(small_set: Path) -> None:
    plugins, suite = installed(), load_suite("cadenza-icassp-2024")
    runs = {}
    for prescription, own in (("nalr", {}), ("nalr-tuned", {"steps": 12})):
        spec = make_run_spec(
            plugins, suite, separator="mixture", gains="fixed", prescription=prescription,
            options={"dataset": {"root": str(small_set)}, "prescription": own},
        )  # fmt: skip
        spec = replace(spec, metrics=spec.metrics[:1])
        runs[prescription] = RunToScore(f"r{prescription}", spec)
    dataset = open_dataset(spec, plugins)
    measured = calibrate(list(runs.values()), dataset, plugins)
    plain, tuned = (measured[key_of(runs[name].spec)].pair for name in runs)
    # Twelve steps with their gradients for each ear, beside a score of each.
    assert tuned > 2 * plain
