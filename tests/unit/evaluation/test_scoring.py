"""Rows of the scores table."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from clarity.utils.audiogram import Audiogram, Listener

from bench.api import MetricSpec, Rendering, Scene
from bench.board.store import Board
from bench.errors import BenchError, NoValueError
from bench.evaluation.scoring import Scorer, Stopwatch, score_output, seconds_rows
from bench.plugins import Plugins, Registered
from bench.runtime.causes import cause_of
from bench.spec.run import Choice

LISTENER = Listener(Audiogram(np.full(8, 20.0)), Audiogram(np.full(8, 40.0)), "L1")
SCENE = Scene("s1", "song", "hlp", (0, 0, 0, 0), ("L1",), audio=None)  # type: ignore[arg-type]


def rendering(gains: torch.Tensor) -> Rendering:
    some = torch.zeros(2, 10)
    return Rendering(SCENE, LISTENER, some, some, some, some, some, some, gains, 44_100, 32_000)


class Fixed:
    """A metric that returns, or raises, what it is told."""

    def __init__(self, values: Mapping[str, float] | Exception) -> None:
        self.values = values

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        if isinstance(self.values, Exception):
            raise self.values
        return self.values


def scorer(**metrics: Mapping[str, float] | Exception) -> Scorer:
    registered = [
        Registered(MetricSpec(name=name, target="builtins:dict", summary=""), "d", "1")
        for name in metrics
    ]
    made = Scorer([Choice(name) for name in metrics], Plugins(registered))
    made.metrics = [(spec, Fixed(metrics[spec.name])) for spec, _ in made.metrics]
    return made


def rows_of(made: Scorer, metric: str) -> list[dict[str, Any]]:
    rows = made.score(rendering(torch.zeros(4)), Stopwatch())
    return [row for row in rows if row["metric"] == metric]


def test_one_row_a_part() -> None:
    (row,) = rows_of(scorer(a={"mean": 0.5}), "a")
    assert row["value"] == 0.5
    assert (row["scene"], row["song"], row["listener"]) == ("s1", "song", "L1")
    assert (row["pta_left"], row["pta_right"]) == (20.0, 40.0)
    assert row["status"] == "ok"


def test_a_failing_metric_stops_no_other_and_is_never_a_zero() -> None:
    made = scorer(a=ValueError("too\nshort"), b={"mean": 1.0})
    (failed,) = rows_of(made, "a")
    assert failed["value"] is None
    assert failed["status"] == "failed"
    assert failed["reason"] == "ValueError: too short (tests/unit/evaluation/test_scoring.py:40)"
    assert rows_of(made, "b")[0]["status"] == "ok"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_a_failure(value: float) -> None:
    (failed,) = rows_of(scorer(a={"mean": value}), "a")
    assert failed["status"] == "failed"
    assert "mean" in failed["reason"]


def test_gains_are_kept_by_stem_and_ear() -> None:
    made = scorer(a={"mean": 1.0})
    both = made.score(rendering(torch.tensor([1.0, 2.0, 3.0, 4.0])), Stopwatch())
    assert {r["part"]: r["value"] for r in both if r["metric"] == "gains"} == {
        "vocals": 1.0,
        "drums": 2.0,
        "bass": 3.0,
        "other": 4.0,
    }
    each = made.score(rendering(torch.arange(8.0).reshape(2, 4)), Stopwatch())
    gains = {r["part"]: r["value"] for r in each if r["metric"] == "gains"}
    assert gains["left-drums"] == 1.0
    assert gains["right-vocals"] == 4.0


def test_reasons_are_one_line() -> None:
    cause = cause_of(BenchError("mono", where="a.wav", hint="make it stereo"))
    assert cause.reason == ("a.wav: mono make it stereo")


def test_stopwatch_adds_up() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("sleep"):
            time.sleep(0.01)
    assert 0.02 <= watch.seconds["sleep"] < 1.0


def test_a_metric_that_defines_no_value_is_missing_and_no_failure(tmp_path: Any) -> None:
    made = scorer(a=NoValueError("no window of 1 s has sound"), b={"mean": 1.0})
    rows = made.score(rendering(torch.zeros(4)), Stopwatch())
    (missing,) = (row for row in rows if row["metric"] == "a")
    assert missing["value"] is None
    assert missing["status"] == "missing"
    assert missing["reason"] == "no window of 1 s has sound"
    board = Board(tmp_path)
    board.append_scores("abc", "s1", rows)
    # Scored, and not to be tried again.
    assert board.scored_scenes("abc", include_failed=False) == {"s1"}


def test_parts_without_a_value_keep_their_reasons() -> None:
    class Some(dict[str, float]):
        reasons: ClassVar[dict[str, str]] = {"bass": "the stem is silent"}

    rows = scorer(a=Some(mean=1.0)).score(rendering(torch.zeros(4)), Stopwatch())
    found = {row["part"]: row for row in rows if row["metric"] == "a"}
    assert (found["mean"]["value"], found["mean"]["status"]) == (1.0, "ok")
    assert (found["bass"]["value"], found["bass"]["status"]) == (None, "missing")
    assert found["bass"]["reason"] == "the stem is silent"


def test_stages_are_told_only_where_a_profile_is_asked_for() -> None:
    watch = Stopwatch()
    watch.seconds.update({"read": 1.0, "haaqi": 2.0})
    (total,) = seconds_rows(SCENE, LISTENER, watch)
    assert (total["metric"], total["part"], total["value"]) == ("time", "total", 3.0)
    rows = seconds_rows(SCENE, LISTENER, watch, profile=True)
    stages = {row["part"]: row["value"] for row in rows if row["metric"] == "seconds"}
    assert stages == {"read": 1.0, "haaqi": 2.0}


def test_the_gains_behind_a_submitted_output_are_told_to_nobody() -> None:
    made = scorer(a={"mean": 0.5}, b=ValueError("no"))
    reference, output = rendering(torch.full((4,), 3.0)), torch.ones(2, 10, dtype=torch.float64)
    assert "gains" in {row["metric"] for row in made.score(reference, Stopwatch())}
    rows = score_output(made, reference, output, 32_000, Stopwatch())
    assert [(row["metric"], row["value"]) for row in rows] == [("a", 0.5), ("b", None)]
