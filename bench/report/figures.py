"""The figures of the scores."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from markupsafe import Markup

from bench.api import STEMS
from bench.leaderboard.model import Column, Leaderboard
from bench.leaderboard.render import clean
from bench.leaderboard.statistics import clustered_mean
from bench.report.content import Contrast, System
from bench.report.style import (
    MUTED,
    PAPER,
    Drawn,
    color_of,
    drawing,
    mark_style,
    point_style,
    to_svg,
)

if TYPE_CHECKING:
    from bench.leaderboard.effects import Effect


MOST_POINTS: Final = 400
"""Points of a system in one panel; of more pairs so many are drawn, spread evenly."""
MOST_SYSTEMS: Final = 12
"""Systems that the forest of differences shows, best first."""


def forest(found: Mapping[str, Sequence[Contrast]], column: Column, baseline: str) -> Drawn | None:
    """Paired differences to the baseline, a dot a song: in all, then by grade of hearing loss."""
    if not found:
        return None
    panels = []
    shown: dict[str, System] = {}
    for number, (group, contrasts) in enumerate(found.items()):
        kept = contrasts[:MOST_SYSTEMS]
        with drawing(height=0.9 + 0.38 * len(kept)) as (figure, [axes]):
            axes.axvline(0.0, color=MUTED, linewidth=0.9)
            for place, one in enumerate(kept):
                shown[one.system.run_id] = one.system
                values = np.array(one.songs) * column.scale
                # Songs of one value do not hide each other.
                heights = place + np.linspace(-0.22, 0.22, len(values) + 2)[1:-1]
                axes.plot(values, heights, ".", color=color_of(one.system.mark), alpha=0.4)
                mean = one.mean
                ends = np.nan_to_num([[mean.mean - mean.low], [mean.high - mean.mean]]).clip(0.0)
                style = point_style(one.system.mark)
                axes.errorbar(
                    [mean.mean * column.scale], [place], xerr=ends * column.scale, **style
                )
            axes.set_yticks(range(len(kept)), [_short(one.system.label, 26) for one in kept])
            axes.set_ylim(len(kept) - 0.5, -0.5)
            axes.set_title(group)
            axes.set_xlabel(f"difference in {column.title} to the baseline")
            axes.grid(False, axis="y")
            title = f"Difference in {column.title} to {baseline}, {group}, a dot a song"
            panels.append(to_svg(figure, f"forest-{number}", title))
    caption = (
        f"Paired difference in {column.title} to the baseline {baseline}: the mean with its 95 % "
        "interval, and a dot for each song."
    )
    return Drawn(tuple(panels), caption)


def overview(table: Leaderboard, systems: Sequence[System]) -> Drawn | None:
    """The first score of every system with its interval."""
    if not systems:
        return None
    rows = {str(row.run["run_id"]): row for row in table.rows}
    first = table.columns[0]
    with drawing(height=0.7 + 0.34 * len(systems)) as (figure, [axes]):
        for place, system in enumerate(systems):
            value = rows[system.run_id].values[first.key]
            ends = [[value.mean - value.low], [value.high - value.mean]]
            axes.errorbar(
                [value.mean], [place], xerr=np.nan_to_num(ends), **point_style(system.mark)
            )
        axes.set_yticks(range(len(systems)), [_short(system.label) for system in systems])
        axes.set_ylim(len(systems) - 0.5, -0.5)
        axes.set_xlabel(first.title)
        axes.grid(False, axis="y")
        svg = to_svg(figure, "overview", f"{first.title} of each system with its 95 % interval")
    return Drawn((svg,), f"Mean {first.title} over all pairs, with its 95 % interval.")


def effects(found: Sequence[Effect], score: str) -> Drawn | None:
    """Plot what each part brought: the paired difference of each level to its reference level."""
    if not found:
        return None
    labels = [_short(clean(f"{e.factor}: {e.level}")) for e in found]
    factors = list(dict.fromkeys(e.factor for e in found))
    with drawing(height=0.7 + 0.34 * len(found)) as (figure, [axes]):
        axes.axvline(0.0, color=MUTED, linewidth=0.8)
        for place, effect in enumerate(found):
            value = effect.comparison.difference
            ends = np.nan_to_num([[value.mean - value.low], [value.high - value.mean]])
            style = point_style(factors.index(effect.factor))
            axes.errorbar([value.mean], [place], xerr=ends, **style)
        axes.set_yticks(range(len(found)), labels)
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.set_xlabel(f"difference in {score}")
        axes.grid(False, axis="y")
        svg = to_svg(figure, "effects", f"What each part brought: differences in {score}")
    caption = (
        "Each level beside its reference level, all else equal, averaged over the matched runs, "
        "with 95 % intervals."
    )
    return Drawn((svg,), caption)


def hearing_loss(values: pd.DataFrame, systems: Sequence[System], score: str) -> Drawn | None:
    """The score of each listener against hearing loss; `score` is its title."""
    if values.empty:
        return None
    with drawing(height=3.0) as (figure, [axes]):
        for system in systems:
            own = values[values.run_id == system.run_id].sort_values("pta")
            axes.plot(own.pta, own.value, linestyle="none", alpha=0.85, **mark_style(system.mark))
        axes.set_xlabel("mean hearing threshold, dB HL")
        axes.set_ylabel(score)
        svg = to_svg(figure, "hearing-loss", f"{score} of each listener against hearing loss")
    caption = (
        f"{score} of each listener, mean over scenes, against the mean threshold of both ears at "
        "0.5, 1, 2 and 4 kHz."
    )
    return Drawn((svg,), caption, tuple(systems))


def groups(
    values: pd.DataFrame,
    systems: Sequence[System],
    what: str,
    score: str,
    bounds: tuple[float, float] | None = None,
) -> Drawn | None:
    """The score of each system by group (grade of hearing loss, ear, genre), where there are two.

    Args:
        values: ``run_id``, ``song``, ``listener``, ``part`` (ordered categories), ``value``.
        systems: of the leaderboard.
        what: the groups' name, such as ``"grade of hearing loss"``.
        score: title of the score.
        bounds: least and greatest value that it can have.
    """
    if values.part.nunique() < 2:
        return None
    svg, shown = _by_part(values, systems, f"groups-{what}", score, f"{score} by {what}", bounds)
    return Drawn((svg,), f"{score} by {what}, with 95 % intervals.", shown)


def stems(values: pd.DataFrame, systems: Sequence[System], column: Column) -> Drawn | None:
    """A metric of each stem."""
    if values.empty:
        return None
    parts = pd.Categorical(values.part, [stem for stem in STEMS if (values.part == stem).any()])
    chosen = values.assign(part=parts)
    unit = ", ".join(filter(None, (column.title, column.unit)))
    title = f"{column.title} of each stem and system"
    svg, shown = _by_part(chosen, systems, "stems", unit, title)
    return Drawn(
        (svg,), f"{column.title} of each stem, mean over scenes, with 95 % intervals.", shown
    )


def gains(values: pd.DataFrame, systems: Sequence[System], *, beyond: bool) -> Drawn | None:
    """Gains of strategies that learn, against hearing loss: applied, or beyond the request."""
    if values.empty:
        return None
    shown = [system for system in systems if (values.run_id == system.run_id).any()]
    name = "correction" if beyond else "gains"
    panels = []
    for stem in STEMS:
        with drawing(height=2.2) as (figure, [axes]):
            for system in shown:
                own = values[(values.run_id == system.run_id) & (values.part == stem)]
                if len(own) > MOST_POINTS:
                    own = own.iloc[np.linspace(0, len(own) - 1, MOST_POINTS).astype(int)]
                style = mark_style(system.mark)
                axes.plot(own.pta, own.value, linestyle="none", alpha=0.6, **style)
            axes.axhline(0.0, color=MUTED, linewidth=0.8)
            # A correction of rounding errors must not look like one of decibels.
            low, high = axes.get_ylim()
            axes.set_ylim(min(low, -1.0), max(high, 1.0))
            axes.set_title(stem)
            axes.set_ylabel("gain, dB")
            axes.set_xlabel("mean hearing threshold, dB HL")
            panels.append(to_svg(figure, f"{name}-{stem}", f"Gain of {stem} by hearing loss"))
    caption = (
        "What strategies that learn added to the gains that the scene asks for, against hearing "
        "loss."
        if beyond
        else "Gains that strategies that learn applied, against hearing loss."
    )
    if len(values) > MOST_POINTS * len(STEMS) * len(shown):
        caption += f" Of each system {MOST_POINTS} pairs are drawn, spread evenly."
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
                label=clean(str(stage)),
            )
            left += lengths
        axes.set_yticks(range(len(shown)), [_short(system.label) for system in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel("seconds a (scene, listener) pair")
        axes.grid(False, axis="y")
        figure.legend(loc="outside lower center", ncols=4, frameon=False, handlelength=1.0)
        svg = to_svg(figure, "times", "Seconds a pair by stage and system")
    return Drawn((svg,), "Where the time went: seconds a pair, by stage.")


def _by_part(
    values: pd.DataFrame,
    systems: Sequence[System],
    name: str,
    unit: str,
    title: str,
    bounds: tuple[float, float] | None = None,
) -> tuple[Markup, tuple[System, ...]]:
    """Means with intervals, the systems side by side in each part, and the systems shown.

    `bounds` are those of the score: intervals and the scale end there.
    """
    shown = tuple(system for system in systems if (values.run_id == system.run_id).any())
    parts = list(values.part.cat.categories)
    with drawing(height=2.8) as (figure, [axes]):
        for number, system in enumerate(shown):
            step = min(0.13, 0.8 / max(1, len(shown)))
            offset = (number - (len(shown) - 1) / 2) * step
            for place, part in enumerate(parts):
                own = values[(values.run_id == system.run_id) & (values.part == part)]
                if own.empty:
                    continue
                names = [name for name in ("song", "listener") if name in own.columns]
                scores = own.set_index(pd.MultiIndex.from_frame(own[names]))["value"]
                mean = clustered_mean(scores, bounds=bounds)
                ends = np.nan_to_num([[mean.mean - mean.low], [mean.high - mean.mean]])
                axes.errorbar([place + offset], [mean.mean], yerr=ends, **point_style(system.mark))
        # Long names take two lines rather than run into each other.
        names = [_short(clean(str(part)), 12) for part in parts]
        axes.set_xticks(range(len(parts)), names, rotation=30 if len(parts) > 5 else 0)
        axes.set_xlim(-0.5, len(parts) - 0.5)
        if bounds is not None:
            low, high = axes.get_ylim()
            margin = 0.02 * (bounds[1] - bounds[0])
            axes.set_ylim(max(low, bounds[0]), min(high, bounds[1] + margin))
        axes.set_ylabel(unit)
        axes.grid(False, axis="x")
        return to_svg(figure, name, title), shown


def _short(label: str, most: int = 36) -> str:
    """A label of two lines of `most` characters; what tells two apart often stands at the end."""
    return "\n".join(textwrap.wrap(label, most, max_lines=2, placeholder="…"))
