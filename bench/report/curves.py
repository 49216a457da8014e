"""The figures of all trainings together: the seed paper's three and more, one curve per system.

Curves have the colour of their system. The seeds of one system are one curve, their mean, with a
band from the least to the greatest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.api import LossSpec
from bench.leaderboard.headline import Validation
from bench.leaderboard.seed_paper import PUBLISHED, published_curve
from bench.plugins import installed
from bench.report.content import System
from bench.report.style import (
    INK,
    Drawn,
    drawing,
    line_of,
    mark_style,
    only_chosen,
    system_color,
    system_style,
    to_svg,
    write_title,
)
from bench.training.guard import GoodhartGuard

_GRADIENT: Final = "grad_norm"


@dataclass(frozen=True)
class Training:
    """The trainings of a system: a log a seed, with epochs as rows and names as columns."""

    system: System
    logs: tuple[pd.DataFrame, ...]
    names: Validation


Values = Callable[[Training, pd.DataFrame], pd.Series | None]
"""A curve of a training's log; None where it has none."""


def training_figures(trainings: Sequence[Training]) -> dict[str, Drawn]:
    """The figures by title; those that no log has values for are left out."""
    drawn = {
        "Validation": _validation(trainings),
        "Prediction and SDR": _prediction_and_ratio(trainings),
        "Truth and prediction": _truth_and_proxy(trainings),
        "Losses": _losses(trainings),
        "Gradient": _gradient(trainings),
    }
    return {title: found for title, found in drawn.items() if found is not None}


def kept_epoch(log: pd.DataFrame, truth: str, *, last: bool = False) -> int | None:
    """The epoch whose weights were kept: the first with the best true score, or the `last`."""
    if last and len(log):
        return int(log.index.max())
    if truth not in log or log[truth].isna().all():
        return None
    return int(log.index[int(log[truth].to_numpy(float, na_value=-np.inf).argmax())])


def parted_epochs(log: pd.DataFrame, truth: str, proxy: str) -> list[int]:
    """Epochs at which the guard speaks: the objective had got better and the truth worse."""
    guard = GoodhartGuard(pd.DataFrame(), truth=truth, proxy=proxy)
    parted = []
    for epoch, row in zip(log.index, log.to_dict("records"), strict=True):
        guard.add({"epoch": int(epoch), **{str(name): value for name, value in row.items()}})
        if guard.warning and truth in row and not pd.isna(row[truth]):
            parted.append(int(epoch))
    return parted


def _validation(trainings: Sequence[Training]) -> Drawn | None:
    """The paper's second figure, with the paper's own curve."""
    metrics = list(dict.fromkeys(one.names.metric for one in trainings if one.names.truth))
    panels: list[Markup] = []
    dashed = False
    for metric in metrics:
        own = [one for one in trainings if one.names.metric == metric]
        for part in ("mean", "left", "right"):
            beside = pd.Series(dtype=float)
            if metric == "HAAQI" and part == "mean":
                beside = published_curve("valid/haaqi/mean")
            svg = _overlay(
                f"validation-{metric}-{part}",
                f"True {metric} in validation, {part}",
                own,
                lambda one, log, part=part: log.get(  # type: ignore[misc]
                    one.names.truth if part == "mean" else one.names.ears.get(part, "")
                ),
                metric,
                rings=part == "mean",
                published=beside,
            )
            dashed = dashed or (svg is not None and len(beside) > 0)
            panels += [svg] if svg is not None else []
    if not panels:
        return None
    caption = f"True {' and '.join(metrics)} on the songs held out, by epoch; epoch 0 is the "
    caption += "system before training. A ring marks the epoch whose weights were kept."
    if dashed:
        caption += (
            " Dashed: the seed paper's published curve, for other music and a reference with the "
            "system's own gains, so its level cannot be compared."
        )
    return Drawn(tuple(panels), caption + _seed_words(trainings))


def _prediction_and_ratio(trainings: Sequence[Training]) -> Drawn | None:
    """The paper's first figure; from validation where no training has either in its loss."""
    found: dict[str, Values] = {}
    for one in trainings:
        for log in one.logs:
            # The losses are 1 - prediction and -SDR.
            for term, title, best in (
                (_first_term(log, lambda spec: bool(spec.predicts)), "", 1.0),
                (_first_term(log, lambda spec: spec.unit == "dB"), "SDR, dB", 0.0),
            ):
                if term is not None:
                    found[f"{title or term[0]} in training"] = _of_term(term[1], best)
    if not found:
        for one in trainings:
            if one.names.proxy:
                found[f"{one.names.predictor} in validation"] = lambda training, log: log.get(
                    training.names.proxy
                )
        found["SDR, dB in validation"] = lambda training, log: log.get("valid/sdr/mean")
    panels = [
        svg
        for title, values in found.items()
        if (svg := _overlay(f"prediction-{title}", title, trainings, values)) is not None
    ]
    if not panels:
        return None
    titles = " and ".join(title.replace(", dB", "") for title in found)
    return Drawn(tuple(panels), f"{titles}, by epoch.{_seed_words(trainings)}")


def _truth_and_proxy(trainings: Sequence[Training]) -> Drawn | None:
    own = [one for one in trainings if one.names.truth and one.names.proxy]
    if not own:
        return None
    title = f"True {own[0].names.metric}, and (dashed) {_predictors(own)}"
    svg = _overlay(
        "truth-and-proxy",
        title,
        own,
        lambda one, log: log.get(one.names.truth),
        own[0].names.metric,
        dashed=lambda one, log: log.get(one.names.proxy),
    )
    if svg is None:
        return None
    told = [sentence for one in own for sentence in _parting(one)]
    caption = (
        f"True {own[0].names.metric} and its prediction, on the same validation pairs, by epoch. "
        f"{' '.join(told) or 'In no training did they diverge by more than chance.'}"
    )
    return Drawn((svg,), caption)


def _predictors(trainings: Sequence[Training]) -> str:
    return " or ".join(dict.fromkeys(one.names.predictor for one in trainings))


def _parting(one: Training) -> Iterator[str]:
    """What the guard says of a training: it has learned to please its objective."""
    for number, log in enumerate(one.logs):
        parted = parted_epochs(log, one.names.truth, one.names.proxy)
        if parted:
            seed = f", training {number + 1} of {len(one.logs)}" if len(one.logs) > 1 else ""
            yield (
                f"{one.system.label}{seed}: at epoch {', '.join(map(str, parted))} "
                f"{one.names.predictor} or the training loss was better than at the best epoch and "
                "the truth worse by more than chance: the system learned to please the proxy."
            )


def _losses(trainings: Sequence[Training]) -> Drawn | None:
    """The paper's third figure."""
    names = _columns(trainings, "loss")
    panels = []
    for name in names:
        title = "whole objective" if name == "loss" else name.removeprefix("loss/")
        svg = _overlay(f"loss-{name}", title, trainings, _of_column(name))
        panels += [svg] if svg is not None else []
    if not panels:
        return None
    caption = "The losses in training, each unweighted, and the whole objective, by epoch."
    return Drawn(tuple(panels), caption + _seed_words(trainings))


def _gradient(trainings: Sequence[Training]) -> Drawn | None:
    """The share of each loss term in each part's gradient."""
    names = [name for name in _columns(trainings, _GRADIENT) if name.count("/") == 2]
    panels = []
    for name in names:
        _, part, term = name.split("/")
        svg = _overlay(
            f"gradient-{name}",
            f"{term} in the {part}",
            trainings,
            lambda one, log, name=name: gradient_share(log, name),  # type: ignore[misc]
            "share, %",
            limits=(0.0, 100.0),
        )
        panels += [svg] if svg is not None else []
    if not panels:
        return None
    caption = (
        "Share of each weighted loss term in the gradient of a part: its norm over the sum of the "
        "norms of all terms, measured in the first epoch and every fifth one after it."
    )
    return Drawn(tuple(panels), caption + _seed_words(trainings))


def gradient_share(log: pd.DataFrame, name: str) -> pd.Series | None:
    """The share of a part's gradient that a term has, percent, by epoch where it was measured.

    Args:
        log: of a training.
        name: of the term's norm, ``grad_norm/PART/TERM``.
    """
    if name not in log:
        return None
    part = name.rpartition("/")[0]
    norms = log[[column for column in log if str(column).rpartition("/")[0] == part]]
    total = norms.sum(axis=1)
    return (100.0 * log[name] / total.where(total > 0.0)).dropna()


def _columns(trainings: Sequence[Training], kind: str) -> list[str]:
    """Names of a kind, ``loss`` or ``grad_norm``, in all logs."""
    names = (str(name) for one in trainings for log in one.logs for name in log)
    return list(dict.fromkeys(name for name in names if name.split("/")[0] == kind))


def _of_column(name: str) -> Values:
    return lambda training, log: log.get(name)


def _of_term(name: str, best: float) -> Values:
    return lambda training, log: best - log[name] if name in log else None


def _first_term(log: pd.DataFrame, wanted: Callable[[LossSpec], bool]) -> tuple[str, str] | None:
    """Title and column of the first wanted loss term, wherever it acts."""
    for name in map(str, log):
        kind, _, term = name.partition("/")
        spec = installed().spec_of(LossSpec, term.partition("@")[0]) if kind == "loss" else None
        if spec is not None and wanted(spec):
            return spec.title or spec.name, name
    return None


def _seed_words(trainings: Sequence[Training]) -> str:
    if not any(len(one.logs) > 1 for one in trainings):
        return ""
    return " With several seeds, the line is their mean and the band their range."


def _overlay(
    name: str,
    title: str,
    trainings: Sequence[Training],
    values: Values,
    unit: str = "",
    *,
    dashed: Values | None = None,
    rings: bool = False,
    published: pd.Series | None = None,
    limits: tuple[float, float] | None = None,
) -> Markup | None:
    """One panel with a curve a system; None where no log has one.

    Args:
        name: distinct in the page.
        title: of the panel.
        trainings: the systems.
        values: the curve of a log.
        unit: what stands at its axis.
        dashed: a second curve of each log, seen of the chosen systems alone.
        rings: whether the epoch that was kept is marked.
        published: a curve of somebody else's.
        limits: of the axis.
    """
    drawn = False
    with drawing(height=2.3) as (figure, [axes]):
        for one in sorted(trainings, key=lambda one: (one.system.chosen, -one.system.mark)):
            curves = _present(one, values)
            drawn = drawn or bool(curves)
            _draw_seeds(axes, one.system, curves)
            for curve in _present(one, dashed) if dashed is not None else ():
                color = system_color(one.system.mark)
                only_chosen(
                    one.system.mark,
                    *axes.plot(curve.index.to_numpy(), curve.to_numpy(), "--", color=color),
                )
            if rings:
                _draw_rings(axes, one, values)
        if not drawn:
            return None
        if published is not None and len(published):
            axes.plot(
                published.index.to_numpy(), published.to_numpy(), linestyle=(0, (4, 3)),
                color=INK, linewidth=1.1, label=PUBLISHED, zorder=1,
            )  # fmt: skip
            figure.legend(loc="outside lower left", frameon=False, labelcolor=INK)
        write_title(figure, title)
        if unit:
            axes.set_ylabel(unit)
        if limits is not None:
            axes.set_ylim(*limits)
        label_epochs(axes)
        plain = "".join(letter if letter.isalnum() else "-" for letter in name)
        return to_svg(figure, f"training-{plain}", f"{title} by epoch")


def _present(one: Training, values: Values) -> list[pd.Series]:
    found = (values(one, log) for log in one.logs)
    present = (curve.dropna() for curve in found if curve is not None)
    return [curve for curve in present if len(curve)]


def _draw_seeds(axes: Axes, system: System, curves: Sequence[pd.Series]) -> None:
    """A system's curve: of several seeds their mean, and a band from the least to the greatest."""
    if not curves:
        return
    together = pd.concat(curves, axis=1)
    mean = together.mean(axis=1)
    epochs = mean.index.to_numpy(float)
    style = system_style(system.mark)
    axes.plot(epochs, mean.to_numpy(), linestyle="-", zorder=3, **style)
    if len(curves) > 1:
        low, high = together.min(axis=1).to_numpy(), together.max(axis=1).to_numpy()
        color = style["color"]
        band = axes.fill_between(epochs, low, high, color=color, alpha=0.18, linewidth=0.0)
        only_chosen(system.mark, band)


def _draw_rings(axes: Axes, one: Training, values: Values) -> None:
    for log in one.logs:
        kept = kept_epoch(log, one.names.truth, last=one.names.keeps_last)
        curve = values(one, log)
        if kept is None or curve is None or pd.isna(curve.get(kept)):
            continue
        ring: dict[str, Any] = {"marker": "o", "markersize": 10.0, "markerfacecolor": "none"}
        color = system_color(one.system.mark)
        only_chosen(
            one.system.mark,
            *axes.plot([kept], [curve[kept]], linestyle="none", color=color, **ring),
        )


def draw_curve(axes: Axes, values: pd.Series, number: int, label: str = "") -> None:
    """Draw values by epoch with mark `number`."""
    present = values.dropna()
    axes.plot(
        present.index.to_numpy(),
        present.to_numpy(),
        linestyle=line_of(number),
        label=label,
        **mark_style(number),
    )


def label_epochs(axes: Axes, *, last: bool = True) -> None:
    """Whole epochs below the axes, named on the `last` of several."""
    first, final = axes.dataLim.intervalx
    if final - first < 1.0:  # one epoch: a point in the middle
        axes.set_xlim(first - 1.0, final + 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    if last:
        axes.set_xlabel("epoch")
