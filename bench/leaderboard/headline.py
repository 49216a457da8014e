"""The headline of a run, which is the first metric of its suite, and how metrics are shown.

What is known of a metric is read from its spec: a board may hold metrics that are not installed
here, which are shown by their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.api import EARS, MetricSpec
from bench.leaderboard.model import Column
from bench.plugins import installed

RATINGS: Final = {
    "mushra": Column("mushra", "MUSHRA", "", 1, bounds=(0.0, 100.0)),
    "abx": Column(
        "abx", "ABX", "%", 0, 100.0, (0.0, 1.0), better=0,
        about="answers in which the system was distinguished from its reference; 50 % is guessing",
    ),
}  # fmt: skip
"""Of listening tests: the metrics that come from no plugin."""


@dataclass(frozen=True)
class Validation:
    """Names in a training's log of what validation watches.

    Attributes:
        truth: the headline, which chooses the epoch; empty where the log has none.
        proxy: a prediction of it; empty where the log has none.
        ears: of the headline, by ear.
        metric: title of the headline, such as "HAAQI".
        keeps_last: whether the last epoch was kept, whatever validation says.
        predictor: title of the metric that predicts it, such as "Proxy".
    """

    truth: str
    proxy: str
    ears: Mapping[str, str]
    metric: str
    predictor: str
    keeps_last: bool = False


def metrics_of(run: Mapping[str, Any]) -> tuple[str, ...]:
    """The metrics of a run in its suite's order, without their distributions; empty if unknown."""
    try:
        metrics = json.loads(run["spec_json"] or "{}").get("metrics") or ()
        return tuple(str(metric["name"]).rpartition("/")[2] for metric in metrics)
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError):
        return ()


def ordered_metrics(runs: Sequence[Mapping[str, Any]], scored: Iterable[str]) -> list[str]:
    """Metrics that have scores: those of the newest run first, in its suite's order.

    Args:
        runs: rows of a board, oldest first.
        scored: metrics that have scores, in the order in which they were found.
    """
    there = list(dict.fromkeys(scored))
    wanted = dict.fromkeys(name for run in reversed(runs) for name in metrics_of(run))
    return [name for name in wanted if name in there] + [n for n in there if n not in wanted]


def column_of(metric: str) -> Column:
    """How a metric is shown, by its spec."""
    spec = installed().spec_of(MetricSpec, metric)
    if spec is None:
        return RATINGS.get(metric) or Column(metric, metric)
    title = spec.title or metric
    if spec.percent:
        return Column(
            metric, title, "%", spec.decimals, 100.0, spec.bounds,
            better=_direction(spec), about=spec.summary,
        )  # fmt: skip
    # A unit that the title says already is not said again.
    unit = "" if spec.unit in title else spec.unit
    # One song with an extreme value rules the mean of a metric that has no bounds. A level
    # difference is left out: neither of its directions is better.
    median = spec.bounds is None and spec.higher_is_better is not None
    return Column(
        metric, title, unit, spec.decimals, bounds=spec.bounds, median=median,
        better=_direction(spec), about=spec.summary,
    )  # fmt: skip


def _direction(spec: MetricSpec) -> int:
    """1 where more is better, -1 where less is, 0 where values near 0 are."""
    return 0 if spec.higher_is_better is None else 1 if spec.higher_is_better else -1


def bounds_of(metric: str) -> tuple[float, float] | None:
    """The least and the greatest value of a metric, or of one of its parts; None if unbounded."""
    return column_of(metric.partition("/")[0]).bounds


def ear_columns(metric: str, parts: Iterable[str]) -> list[Column]:
    """Columns of a headline's ears, where it has them."""
    there = set(parts)
    form = column_of(metric)
    return [
        Column(
            f"{metric}/{ear}",
            ear,
            "",
            form.decimals,
            form.scale,
            form.bounds,
            better=form.better,
            about=f"{form.title} of the {ear} ear",
        )
        for ear in EARS
        if ear in there
    ]


def validation_of(run: Mapping[str, Any], names: Iterable[str]) -> Validation:
    """What of a training's log is truth and what predicts it.

    Args:
        run: the run's row of a board.
        names: all names in its log.
    """
    there = [name for name in names if name.startswith("valid/")]
    by_metric: dict[str, list[str]] = {}
    for name in there:
        by_metric.setdefault(name.split("/")[1], []).append(name)
    metrics = [name for name in (*metrics_of(run), *by_metric) if name in by_metric]
    headline = metrics[0] if metrics else ""
    predictors = [name for name in metrics if name != headline and _predicts(name)]
    return Validation(
        truth=_first(by_metric, headline),
        proxy=_first(by_metric, predictors[0]) if predictors else "",
        ears={ear: f"valid/{headline}/{ear}" for ear in EARS if f"valid/{headline}/{ear}" in there},
        metric=column_of(headline).title if headline else "",
        predictor=column_of(predictors[0]).title if predictors else "",
        keeps_last=_keeps_last(run),
    )


def _keeps_last(run: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads(run["spec_json"] or "{}")["training"]["keep"] == "last")
    except (json.JSONDecodeError, KeyError, TypeError):
        return False


def _first(by_metric: Mapping[str, list[str]], metric: str) -> str:
    """The name of a metric's headline; empty where more of it is not better."""
    names = by_metric.get(metric, [])
    spec = installed().spec_of(MetricSpec, metric) if metric else None
    if spec is not None and not spec.higher_is_better:
        return ""
    wanted = f"valid/{metric}/{spec.parts[0] if spec else 'mean'}"
    return wanted if wanted in names else next(iter(names), "")


def _predicts(metric: str) -> bool:
    spec = installed().spec_of(MetricSpec, metric)
    return spec is not None and bool(spec.predicts)
