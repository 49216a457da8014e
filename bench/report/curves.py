"""The figures of one training: the seed paper's three, and the truth beside the proxy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.api import LossSpec
from bench.leaderboard.headline import Validation
from bench.plugins import installed
from bench.report.style import INK, MUTED, Drawn, drawing, line_of, mark_style, to_svg
from bench.training.guard import GoodhartGuard


def training_curves(log: pd.DataFrame, names: Validation, trained: str) -> list[Drawn]:
    """The figures of one training; those whose values are not in the log are left out.

    Args:
        log: epochs as rows, names as columns.
        names: what of it is truth, and what predicts it.
        trained: distinct name of the training, for the ids of the figures.
    """
    figures = (
        _prediction_and_ratio(log, names, trained),
        _validation(log, names, trained),
        _truth_and_proxy(log, names, trained),
        _losses(log, trained),
    )
    return [drawn for drawn in figures if drawn is not None]


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


def _prediction_and_ratio(log: pd.DataFrame, names: Validation, name: str) -> Drawn | None:
    """The paper's first figure; from validation where neither is a term of the loss."""
    # The losses are 1 - prediction and -SDR.
    terms = (
        (_first_term(log, lambda spec: bool(spec.predicts)), "", 1.0),
        (_first_term(log, lambda spec: spec.unit == "dB"), "SDR, dB", 0.0),
    )
    shown = {title or found[0]: best - found[1] for found, title, best in terms if found}
    source = "training" if shown else "validation"
    if not shown:
        curves = {names.predictor: log.get(names.proxy), "SDR, dB": log.get("valid/sdr/mean")}
        shown = {title: values for title, values in curves.items() if values is not None}
    if not shown:
        return None
    with drawing(rows=len(shown), height=1.7) as (figure, panels):
        for number, (axes, (title, values)) in enumerate(zip(panels, shown.items(), strict=True)):
            draw_curve(axes, values, number)
            axes.set_title(title)
            label_epochs(axes, last=number == len(shown) - 1)
        titles = " and ".join(title.partition(",")[0] for title in shown)
        svg = to_svg(figure, f"{name}-prediction", f"{titles} in {source} by epoch")
    return Drawn((svg,), f"{titles} in {source}, by epoch.")


def _validation(log: pd.DataFrame, names: Validation, name: str) -> Drawn | None:
    """The paper's second figure."""
    curves = {ear: log[column] for ear, column in names.ears.items()}
    if names.truth:
        curves["mean"] = log[names.truth]
    if not curves:
        return None
    title = f"True {names.metric} in validation"
    svg = _together(curves, log, names, f"{name}-validation", f"{title} by epoch")
    return Drawn((svg,), f"{title}, by epoch; dotted: the epoch that was kept.")


def _truth_and_proxy(log: pd.DataFrame, names: Validation, name: str) -> Drawn | None:
    if names.truth not in log or names.proxy not in log:
        return None
    metric, predictor = names.metric, names.predictor
    curves = {f"true {metric}": log[names.truth], predictor: log[names.proxy]}
    title = f"True {metric} and {predictor} by epoch"
    svg = _together(curves, log, names, f"{name}-proxy", title)
    parted = parted_epochs(log, names.truth, names.proxy)
    told = (
        f"At epoch {', '.join(map(str, parted))} {predictor} or the training loss was better "
        "than at the best epoch and the truth worse by more than chance: the system learned to "
        "please the proxy."
        if parted
        else "They never parted by more than chance."
    )
    caption = f"True {metric} beside its proxy, on the same validation pairs, by epoch. {told}"
    return Drawn((svg,), caption)


def _losses(log: pd.DataFrame, name: str) -> Drawn | None:
    """The paper's third figure."""
    losses = [str(column) for column in log if str(column).split("/")[0] == "loss"]
    if not losses:
        return None
    panels = []
    for number, loss in enumerate(losses):
        title = "whole objective" if loss == "loss" else loss.removeprefix("loss/")
        with drawing(height=1.9) as (figure, [axes]):
            draw_curve(axes, log[loss], number)
            axes.set_title(title)
            label_epochs(axes)
            panels.append(to_svg(figure, f"{name}-loss-{number}", f"Loss {title} by epoch"))
    return Drawn(tuple(panels), "The losses, each unweighted, by epoch.")


def _first_term(
    log: pd.DataFrame, wanted: Callable[[LossSpec], bool]
) -> tuple[str, pd.Series] | None:
    """Title and values of the first wanted loss term, wherever it acts."""
    for name in map(str, log):
        kind, _, term = name.partition("/")
        spec = installed().spec_of(LossSpec, term.partition("@")[0]) if kind == "loss" else None
        if spec is not None and wanted(spec):
            return spec.title or spec.name, log[name]
    return None


def _together(
    curves: dict[str, pd.Series], log: pd.DataFrame, names: Validation, name: str, title: str
) -> Markup:
    with drawing(height=2.6) as (figure, [axes]):
        for number, (label, values) in enumerate(curves.items()):
            draw_curve(axes, values, number, label)
        kept = kept_epoch(log, names.truth, last=names.keeps_last)
        if kept is not None:
            axes.axvline(kept, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set_ylabel(names.metric)
        label_epochs(axes)
        figure.legend(loc="outside upper left", ncols=3, frameon=False, labelcolor=INK)
        return to_svg(figure, name, title)


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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if last:
        axes.set_xlabel("epoch")
