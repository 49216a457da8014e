"""Which metric comes first, how metrics are shown, and what a training's log holds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bench.leaderboard.headline import (
    column_of,
    ear_columns,
    metrics_of,
    ordered_metrics,
    validation_of,
)
from bench.leaderboard.model import Column


def run(*metrics: str) -> dict[str, Any]:
    return {"spec_json": json.dumps({"metrics": [{"name": name} for name in metrics]})}


@pytest.mark.parametrize(
    ("text", "metrics"),
    [
        (json.dumps({"metrics": [{"name": "bench-hearing/haaqi"}, {"name": "sdr"}]}), True),
        (json.dumps({"metrics": None}), False),
        (json.dumps({"metrics": ["haaqi"]}), False),
        (json.dumps({"metrics": [{}]}), False),
        ("[]", False),
        ("", False),
        (None, False),
        ("{", False),
    ],
)
def test_metrics_of_a_run_are_its_suites(text: str | None, metrics: bool) -> None:
    assert metrics_of({"spec_json": text}) == (("haaqi", "sdr") if metrics else ())


def test_metrics_of_the_newest_run_come_first_and_only_those_with_scores() -> None:
    runs = [run("sdr", "lufs", "haaqi"), run("haaqi", "clipping", "haaqi-light")]
    scored = ["own", "lufs", "sdr", "haaqi", "lufs", "haaqi-light"]
    # The newest run's order, then what only the older one has, then what no suite names.
    assert ordered_metrics(runs, scored) == ["haaqi", "haaqi-light", "sdr", "lufs", "own"]
    assert ordered_metrics([], ["b", "a", "b"]) == ["b", "a"]


def test_columns_are_by_the_metrics_own_specs() -> None:
    def shown(metric: str) -> Column:
        return replace(column_of(metric), about="", better=1)

    assert shown("haaqi") == Column("haaqi", "HAAQI", "", 3, 1.0, (0.0, 1.0))
    assert shown("sdr") == Column("sdr", "SDR", "dB", 2, 1.0, median=True)
    # A share is shown in per cent; a unit that the title names is not said again.
    assert shown("clipping") == Column("clipping", "Clipped", "%", 1, 100.0, (0.0, 1.0))
    assert shown("lufs") == Column("lufs", "LUFS diff.", "", 2, 1.0)
    assert shown("mushra") == Column("mushra", "MUSHRA", "", 1, 1.0, (0.0, 100.0))
    assert shown("a-strangers") == Column("a-strangers", "a-strangers", "", 3, 1.0)


def test_a_column_says_what_it_is_and_which_way_is_better() -> None:
    assert "official" in column_of("haaqi").about or "challenge" in column_of("haaqi").about
    assert (column_of("haaqi").better, column_of("clipping").better) == (1, -1)


def test_ears_are_shown_as_their_metric() -> None:
    left, right = ear_columns("clipping", ["mean", "right", "left", "left"])
    assert replace(left, about="") == Column(
        "clipping/left", "left", "", 1, 100.0, (0.0, 1.0), better=-1
    )
    assert replace(right, key=left.key, title=left.title, about=left.about) == left
    (only,) = ear_columns("haaqi", ["mean", "right"])
    assert replace(only, about="") == Column("haaqi/right", "right", "", 3, 1.0, (0.0, 1.0))
    assert ear_columns("sdr", ["mean", "vocals"]) == []


def test_validation_has_a_truth_and_what_predicts_it() -> None:
    names = [
        *("loss", "loss/mse", "seconds/valid"),
        *(f"valid/haaqi-light/{part}" for part in ("left", "mean", "right")),
        *(f"valid/haaqi/{part}" for part in ("left", "mean", "right")),
    ]
    found = validation_of(run("haaqi", "sdr"), names)
    assert (found.truth, found.proxy) == ("valid/haaqi/mean", "valid/haaqi-light/mean")
    assert found.ears == {"left": "valid/haaqi/left", "right": "valid/haaqi/right"}
    assert (found.metric, found.predictor) == ("HAAQI", "Proxy")


def test_the_headline_is_the_first_metric_of_the_suite_that_was_validated() -> None:
    names = ["valid/haaqi/mean", "valid/sdr/mean", "valid/sdr/vocals"]
    found = validation_of(run("lufs", "sdr", "haaqi"), names)
    assert (found.truth, found.metric, found.proxy, found.ears) == ("valid/sdr/mean", "SDR", "", {})
    # Without a suite the log's own order counts.
    assert validation_of({"spec_json": ""}, names).truth == "valid/haaqi/mean"


@pytest.mark.parametrize("metric", ["clipping", "lufs"])
def test_what_is_not_better_when_it_is_more_chooses_no_epoch(metric: str) -> None:
    found = validation_of(run(metric), [f"valid/{metric}/mean"])
    assert found.truth == ""
    assert found.metric == column_of(metric).title


def test_a_strangers_headline_is_its_mean_or_else_its_first_part() -> None:
    both = ["valid/own/best", "valid/own/mean"]
    assert validation_of(run("own"), both).truth == "valid/own/mean"
    assert validation_of(run("own"), both[:1]).truth == "valid/own/best"


def test_a_log_without_validation_has_nothing() -> None:
    found = validation_of(run("haaqi"), ["loss", "loss/mse"])
    assert (found.truth, found.proxy, found.ears) == ("", "", {})
    assert (found.metric, found.predictor) == ("", "")
