"""The figures of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.api import STEMS
from bench.leaderboard.model import Leaderboard
from bench.leaderboard.statistics import clustered_mean
from bench.report.content import System
from bench.report.style import (
    INK,
    MUTED,
    PAPER,
    color_of,
    drawing,
    line_of,
    marker_of,
    to_svg,
)


@dataclass(frozen=True)
class Drawn:
    """A figure of one or more panels, what stands below it, and the systems of its legend."""

    panels: tuple[Markup, ...]
    caption: str
    legend: tuple[System, ...] = ()


def overview(table: Leaderboard, systems: Sequence[System]) -> Drawn | None:
    """The first score of every system with its interval."""
    if not systems:
        return None
    rows = {str(row.run["run_id"]): row for row in table.rows}
    first = table.columns[0]
    height = 0.7 + 0.34 * len(systems)
    with drawing(height=height) as (figure, [axes]):
        for place, system in enumerate(systems):
            value = rows[system.run_id].values[first.key]
            ends = [[value.mean - value.low], [value.high - value.mean]]
            axes.errorbar(
                [value.mean], [place], xerr=np.nan_to_num(ends), **_point_style(system.mark)
            )
        labels = [_short(system.label) for system in systems]
        axes.set_yticks(range(len(systems)), labels)
        axes.set_ylim(len(systems) - 0.5, -0.5)
        axes.set_xlabel(first.title)
        axes.grid(False, axis="y")
        svg = to_svg(figure, "overview", f"{first.title} of each system with its 95 % interval")
    return Drawn((svg,), f"Mean {first.title} over all pairs, with 95 % intervals over songs.")


def training_curves(log: pd.DataFrame, trained: str) -> list[Drawn]:
    """The seed paper's three figures for one training.

    Args:
        log: epochs as rows, names as columns.
        trained: distinct name of the training, for the ids of the figures.
    """
    predicted = (
        -log["loss/haaqi-net"] if "loss/haaqi-net" in log else log.get("valid/haaqi-net/mean")
    )
    ratio = -log["loss/sdr"] if "loss/sdr" in log else log.get("valid/sdr/mean")
    validated = {
        ear: log[f"valid/haaqi/{ear}"]
        for ear in ("left", "right", "mean")
        if f"valid/haaqi/{ear}" in log
    }
    losses = {str(name): log[name] for name in log if str(name).split("/")[0] == "loss"}
    drawn = []
    if predicted is not None or ratio is not None:
        source = "training" if "loss/haaqi-net" in log or "loss/sdr" in log else "validation"
        drawn.append(_prediction_and_ratio(predicted, ratio, trained, source))
    if validated:
        drawn.append(_validation(validated, trained))
    if losses:
        drawn.append(_losses(losses, trained))
    return drawn


def _prediction_and_ratio(
    predicted: pd.Series | None, ratio: pd.Series | None, name: str, source: str
) -> Drawn:
    curves = [
        (title, values)
        for title, values in (("HAAQI-Net", predicted), ("SDR, dB", ratio))
        if values is not None
    ]
    with drawing(rows=len(curves), height=1.7) as (figure, panels):
        for number, (axes, (title, values)) in enumerate(zip(panels, curves, strict=True)):
            _curve(axes, values, number)
            axes.set_title(title)
            _epochs(axes, last=number == len(curves) - 1)
        svg = to_svg(figure, f"{name}-prediction", f"HAAQI-Net and SDR in {source} by epoch")
    return Drawn((svg,), f"HAAQI-Net's prediction and SDR in {source}, by epoch.")


def _validation(validated: Mapping[str, pd.Series], name: str) -> Drawn:
    with drawing(height=2.6) as (figure, [axes]):
        for number, (ear, values) in enumerate(validated.items()):
            _curve(axes, values, number, ear)
        mean = validated.get("mean")
        if mean is not None and mean.notna().any():
            best = float(mean.index[int(mean.argmax())])
            axes.axvline(best, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set_ylabel("HAAQI")
        _epochs(axes)
        _legend(axes)
        svg = to_svg(figure, f"{name}-validation", "True HAAQI in validation by epoch, each ear")
    return Drawn((svg,), "True HAAQI in validation, by epoch; dotted: the epoch that was kept.")


def _losses(losses: Mapping[str, pd.Series], name: str) -> Drawn:
    panels = []
    for number, (loss, values) in enumerate(losses.items()):
        title = "whole objective" if loss == "loss" else loss.removeprefix("loss/")
        with drawing(height=1.9) as (figure, [axes]):
            _curve(axes, values, number)
            axes.set_title(title)
            _epochs(axes)
            panels.append(to_svg(figure, f"{name}-loss-{number}", f"Loss {title} by epoch"))
    return Drawn(tuple(panels), "The losses, each unweighted, by epoch.")


def hearing_loss(values: pd.DataFrame, systems: Sequence[System]) -> Drawn | None:
    """HAAQI of each listener against hearing loss."""
    if values.empty:
        return None
    with drawing(height=3.0) as (figure, [axes]):
        for system in systems:
            own = values[values.run_id == system.run_id].sort_values("pta")
            axes.plot(own.pta, own.value, linestyle="none", alpha=0.85, **_mark_style(system.mark))
        axes.set_xlabel("mean hearing threshold, dB HL")
        axes.set_ylabel("HAAQI")
        svg = to_svg(figure, "hearing-loss", "HAAQI of each listener against hearing loss")
    caption = (
        "HAAQI of each listener, mean over scenes, against the mean threshold of both ears at "
        "0.5, 1, 2 and 4 kHz."
    )
    return Drawn((svg,), caption, tuple(systems))


def stems(values: pd.DataFrame, systems: Sequence[System]) -> Drawn | None:
    """SDR of each stem."""
    if values.empty:
        return None
    shown = [system for system in systems if (values.run_id == system.run_id).any()]
    with drawing(height=2.8) as (figure, [axes]):
        for number, system in enumerate(shown):
            offset = (number - (len(shown) - 1) / 2) * min(0.13, 0.8 / max(1, len(shown)))
            for place, stem in enumerate(STEMS):
                own = values[(values.run_id == system.run_id) & (values.part == stem)]
                if own.empty:
                    continue
                mean = clustered_mean(own.set_index("song")["value"])
                ends = np.nan_to_num([[mean.mean - mean.low], [mean.high - mean.mean]])
                axes.errorbar([place + offset], [mean.mean], yerr=ends, **_point_style(system.mark))
        axes.set_xticks(range(len(STEMS)), STEMS)
        axes.set_ylabel("SDR, dB")
        axes.grid(False, axis="x")
        svg = to_svg(figure, "stems", "SDR of each stem and system")
    return Drawn((svg,), "SDR of each stem, mean over scenes, with 95 % intervals.", tuple(shown))


def gains(values: pd.DataFrame, systems: Sequence[System]) -> Drawn | None:
    """Gains that a predictor learned, against hearing loss."""
    if values.empty:
        return None
    shown = [system for system in systems if (values.run_id == system.run_id).any()]
    panels = []
    for stem in STEMS:
        with drawing(height=2.2) as (figure, [axes]):
            for system in shown:
                own = values[(values.run_id == system.run_id) & (values.part == stem)]
                axes.plot(
                    own.pta, own.value, linestyle="none", alpha=0.6, **_mark_style(system.mark)
                )
            axes.axhline(0.0, color=MUTED, linewidth=0.8)
            axes.set_title(stem)
            axes.set_ylabel("gain, dB")
            axes.set_xlabel("mean hearing threshold, dB HL")
            panels.append(to_svg(figure, f"gains-{stem}", f"Gain of {stem} by hearing loss"))
    caption = "Gains that were applied by strategies that learn, against hearing loss."
    return Drawn(tuple(panels), caption, tuple(shown))


def times(seconds: pd.DataFrame, systems: Sequence[System]) -> Drawn | None:
    """Seconds a pair, by stage."""
    shown = [system for system in systems if system.run_id in seconds.index]
    if not shown:
        return None
    with drawing(height=1.0 + 0.34 * len(shown)) as (figure, [axes]):
        left = np.zeros(len(shown))
        for number, stage in enumerate(seconds.columns):
            lengths = seconds.loc[[system.run_id for system in shown], stage].to_numpy()
            axes.barh(
                range(len(shown)),
                lengths,
                left=left,
                height=0.6,
                color=color_of(number),
                edgecolor=PAPER,
                hatch=("", "///", "...", "xxx")[number // 7 % 4],
                label=str(stage),
            )
            left += lengths
        labels = [_short(system.label) for system in shown]
        axes.set_yticks(range(len(shown)), labels)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel("seconds a (scene, listener) pair")
        axes.grid(False, axis="y")
        figure.legend(loc="outside lower center", ncols=4, frameon=False, handlelength=1.0)
        svg = to_svg(figure, "times", "Seconds a pair by stage and system")
    return Drawn((svg,), "Where the time went: seconds a pair, by stage.")


def _short(label: str) -> str:
    return label if len(label) <= 36 else f"{label[:35]}…"


def _curve(axes: Axes, values: pd.Series, number: int, label: str = "") -> None:
    present = values.dropna()
    axes.plot(
        present.index.to_numpy(),
        present.to_numpy(),
        linestyle=line_of(number),
        label=label,
        **_mark_style(number),
    )


def _epochs(axes: Axes, *, last: bool = True) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if last:
        axes.set_xlabel("epoch")


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, ncols=3, loc="best", labelcolor=INK)


def _mark_style(number: int) -> dict[str, Any]:
    return {"color": color_of(number), "marker": marker_of(number)}


def _point_style(number: int) -> dict[str, Any]:
    return {**_mark_style(number), "linestyle": "none", "elinewidth": 1.4, "capsize": 2.5}
