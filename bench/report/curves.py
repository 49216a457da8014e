"""The figures of one training: the seed paper's three, and the truth beside the proxy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.leaderboard.schema import PROXY, TRUTH
from bench.report.style import INK, MUTED, Drawn, drawing, line_of, mark_style, to_svg
from bench.training.guard import EPOCHS


def training_curves(log: pd.DataFrame, trained: str) -> list[Drawn]:
    """The figures of one training; those whose values are not in the log are left out.

    Args:
        log: epochs as rows, names as columns.
        trained: distinct name of the training, for the ids of the figures.
    """
    figures = (
        _prediction_and_ratio(log, trained),
        _validation(log, trained),
        _truth_and_proxy(log, trained),
        _losses(log, trained),
    )
    return [drawn for drawn in figures if drawn is not None]


def kept_epoch(log: pd.DataFrame) -> int | None:
    """The epoch whose weights were kept: the first with the highest true HAAQI in validation."""
    if TRUTH not in log or log[TRUTH].isna().all():
        return None
    return int(log.index[int(log[TRUTH].to_numpy(float, na_value=-np.inf).argmax())])


def parted_epochs(log: pd.DataFrame) -> list[int]:
    """Epochs at which HAAQI-Net had risen and true HAAQI fallen for EPOCHS epochs in a row."""
    if TRUTH not in log or PROXY not in log:
        return []
    both = log[[TRUTH, PROXY]].dropna().diff()
    parted = (both[TRUTH] < 0) & (both[PROXY] > 0)
    often = parted.rolling(EPOCHS).sum() == EPOCHS
    return [int(epoch) for epoch in both.index.to_numpy()[often.to_numpy()]]


def _prediction_and_ratio(log: pd.DataFrame, name: str) -> Drawn | None:
    """The paper's first figure; from validation where neither is a term of the loss."""
    predicted, ratio = _term(log, "haaqi-net"), _term(log, "sdr")
    source = "training" if predicted is not None or ratio is not None else "validation"
    if source == "training":
        # The losses are 1 - HAAQI-Net and -SDR.
        curves = {
            "HAAQI-Net": None if predicted is None else 1.0 - predicted,
            "SDR, dB": None if ratio is None else -ratio,
        }
    else:
        curves = {"HAAQI-Net": log.get(PROXY), "SDR, dB": log.get("valid/sdr/mean")}
    shown = {title: values for title, values in curves.items() if values is not None}
    if not shown:
        return None
    with drawing(rows=len(shown), height=1.7) as (figure, panels):
        for number, (axes, (title, values)) in enumerate(zip(panels, shown.items(), strict=True)):
            _curve(axes, values, number)
            axes.set_title(title)
            _epochs(axes, last=number == len(shown) - 1)
        titles = " and ".join(title.partition(",")[0] for title in shown)
        svg = to_svg(figure, f"{name}-prediction", f"{titles} in {source} by epoch")
    return Drawn((svg,), f"{titles} in {source}, by epoch.")


def _validation(log: pd.DataFrame, name: str) -> Drawn | None:
    """The paper's second figure."""
    curves = {
        ear: log[f"valid/haaqi/{ear}"]
        for ear in ("left", "right", "mean")
        if f"valid/haaqi/{ear}" in log
    }
    if not curves:
        return None
    svg = _together(curves, log, f"{name}-validation", "True HAAQI in validation by epoch")
    return Drawn((svg,), "True HAAQI in validation, by epoch; dotted: the epoch that was kept.")


def _truth_and_proxy(log: pd.DataFrame, name: str) -> Drawn | None:
    if TRUTH not in log or PROXY not in log:
        return None
    curves = {"true HAAQI": log[TRUTH], "HAAQI-Net": log[PROXY]}
    svg = _together(curves, log, f"{name}-proxy", "True HAAQI and HAAQI-Net by epoch")
    parted = parted_epochs(log)
    told = (
        f"At epoch {', '.join(map(str, parted))} HAAQI-Net had risen for {EPOCHS} epochs while the "
        "truth fell: the system learned to please the proxy."
        if parted
        else f"They never parted for {EPOCHS} epochs in a row."
    )
    caption = f"True HAAQI beside its proxy, on the same validation pairs, by epoch. {told}"
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
            _curve(axes, log[loss], number)
            axes.set_title(title)
            _epochs(axes)
            panels.append(to_svg(figure, f"{name}-loss-{number}", f"Loss {title} by epoch"))
    return Drawn(tuple(panels), "The losses, each unweighted, by epoch.")


def _term(log: pd.DataFrame, loss: str) -> pd.Series | None:
    """A loss term, wherever it acts: ``sdr`` or ``sdr@output``."""
    names = [str(name) for name in log if str(name).partition("@")[0] == f"loss/{loss}"]
    return log[names[0]] if names else None


def _together(curves: dict[str, pd.Series], log: pd.DataFrame, name: str, title: str) -> Markup:
    with drawing(height=2.6) as (figure, [axes]):
        for number, (label, values) in enumerate(curves.items()):
            _curve(axes, values, number, label)
        kept = kept_epoch(log)
        if kept is not None:
            axes.axvline(kept, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set_ylabel("HAAQI")
        _epochs(axes)
        figure.legend(loc="outside upper left", ncols=3, frameon=False, labelcolor=INK)
        return to_svg(figure, name, title)


def _curve(axes: Axes, values: pd.Series, number: int, label: str = "") -> None:
    present = values.dropna()
    axes.plot(
        present.index.to_numpy(),
        present.to_numpy(),
        linestyle=line_of(number),
        label=label,
        **mark_style(number),
    )


def _epochs(axes: Axes, *, last: bool = True) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if last:
        axes.set_xlabel("epoch")
