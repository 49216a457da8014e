"""The figures of the scores."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench.api import STEMS
from bench.leaderboard.model import Column, Leaderboard
from bench.leaderboard.names import Name
from bench.leaderboard.render import clean
from bench.leaderboard.statistics import clustered_mean
from bench.report.content import Contrast, System
from bench.report.style import (
    MUTED,
    PAPER,
    Drawn,
    color_of,
    draw_mean,
    draw_spread,
    drawing,
    marker_of,
    only_chosen,
    point_style,
    system_color,
    system_style,
    to_svg,
    write_title,
)

if TYPE_CHECKING:
    from bench.leaderboard.effects import Effect


MOST_POINTS: Final = 400
"""Points of a system in one panel; of more pairs, this many are drawn, evenly spaced."""
MOST_SYSTEMS: Final = 12
"""Systems that the forest of differences shows, best first."""
MOST_DOTS: Final = 60
"""Most songs that the overview draws as dots; with more, it draws the broad bar only."""
FEWEST_FOR_TREND: Final = 8
"""Fewest listeners for which a line shows the trend over hearing loss."""
STEP: Final = 10.0
"""dB HL; the steps over which that line averages."""
BAR_WORDS: Final = "Broad bars hold the middle half of the songs."
SPREAD_WORDS: Final = f"Dots are songs. {BAR_WORDS}"
Array = NDArray[np.float64]

_BELOW_NAMES: Final[Any] = {"loc": "right"}
"""Where long names leave little room to the axis, its label reaches below them, and is not cut."""


def forest(found: Mapping[str, Sequence[Contrast]], column: Column, baseline: str) -> Drawn | None:
    """Paired differences to the baseline, one dot per song: overall, then by grade of hearing loss.

    All panels have one scale.
    """
    if not found:
        return None
    kept = {group: _first_of(contrasts) for group, contrasts in found.items()}
    reach = [value for contrasts in kept.values() for one in contrasts for value in _extent(one)]
    low, high = (end * column.scale for end in (min(reach), max(reach)))
    margin = 0.06 * (high - low) or 0.01
    panels = []
    for number, (group, contrasts) in enumerate(kept.items()):
        with drawing(height=1.0 + 0.42 * len(contrasts)) as (figure, [axes]):
            axes.axvline(0.0, color=MUTED, linewidth=0.9)
            for place, one in enumerate(contrasts):
                values = np.array(one.songs) * column.scale
                # Songs of one value do not hide each other.
                heights = place + np.linspace(-0.22, 0.22, len(values) + 2)[1:-1]
                color = system_color(one.system.mark)
                axes.plot(values, heights, ".", color=color, alpha=0.4)
                draw_mean(axes, one.system.mark, place, one.mean, scale=column.scale)
            _name_rows(axes, [one.system for one in contrasts])
            axes.set_xlim(low - margin, high + margin)
            most = max(contrasts, key=lambda one: one.mean.n).mean
            write_title(figure, f"{group}: {_basis(most.n, most.songs)}")
            axes.set_xlabel(f"{column.title} minus the baseline's", **_BELOW_NAMES)
            title = f"Difference in {column.title} to {baseline}, {group}, one dot per song"
            panels.append(to_svg(figure, f"forest-{number}", title))
    whole = next(iter(found.values()))
    left_out = len(whole) - len(next(iter(kept.values())))
    caption = (
        f"Paired difference in {column.title} to the baseline {baseline}, the line at 0: systems "
        "to its right are better. Mean with its 95 % interval, and a dot for each song; all "
        "panels have the same scale. Systems that are given the clean stems are not shown."
    )
    if left_out:
        caption += f" Shown are the chosen and the best systems; {left_out} more are in the table."
    return Drawn(tuple(panels), caption)


def _first_of(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """The chosen systems and as many of the best as there is room for, best first."""
    ordered = sorted(range(len(contrasts)), key=lambda place: not contrasts[place].system.chosen)
    return [contrasts[place] for place in sorted(ordered[:MOST_SYSTEMS])]


def _extent(one: Contrast) -> list[float]:
    values = [0.0, *one.songs, one.mean.low, one.mean.high]
    return [value for value in values if not math.isnan(value)]


def _name_rows(axes: Axes, systems: Sequence[System]) -> None:
    """The systems' names at the rows of a figure, the first one on top."""
    axes.set_yticks(range(len(systems)), [_two_lines(system.name) for system in systems])
    axes.tick_params(axis="y", labelsize=11.0)
    axes.set_ylim(len(systems) - 0.5, -0.5)
    axes.grid(False, axis="y")


def overview(table: Leaderboard, systems: Sequence[System], songs: Sequence[Array]) -> Drawn | None:
    """The first score of every system: how it is spread over songs, and the mean."""
    if not systems:
        return None
    lines = [row for row in table.systems if row.n]
    first = table.columns[0]
    with drawing(height=0.8 + 0.42 * len(systems)) as (figure, [axes]):
        for place, (row, system, means) in enumerate(zip(lines, systems, songs, strict=True)):
            draw_spread(axes, system.mark, place, means * first.scale)
            if len(means) <= MOST_DOTS:
                heights = place + np.linspace(-0.2, 0.2, len(means) + 2)[1:-1]
                dots: dict[str, Any] = {"color": system_color(system.mark), "alpha": 0.4}
                only_chosen(
                    system.mark, *axes.plot(means * first.scale, heights, ".", zorder=2, **dots)
                )
            draw_mean(axes, system.mark, place, row.values[first.key], scale=first.scale)
        _name_rows(axes, systems)
        axes.set_xlabel(_with_unit(first), **_BELOW_NAMES)
        svg = to_svg(figure, "overview", f"{first.title} of each system with its 95 % interval")
    basis = max((row.values[first.key] for row in lines), key=lambda value: value.n)
    caption = f"{_mean_words(first)} ({_basis(basis.n, basis.songs)}). {SPREAD_WORDS}"
    return Drawn((svg,), caption)


def effects(found: Sequence[Effect], score: str) -> Drawn | None:
    """Plot the effect of each part: the paired difference of each level to its reference level."""
    if not found:
        return None
    labels = [_two_lines(Name(clean(e.factor), (clean(e.level),)), 28) for e in found]
    factors = list(dict.fromkeys(e.factor for e in found))
    with drawing(height=0.8 + 0.42 * len(found)) as (figure, [axes]):
        axes.axvline(0.0, color=MUTED, linewidth=0.8)
        for place, effect in enumerate(found):
            value = effect.comparison.difference
            ends = np.nan_to_num([[value.mean - value.low], [value.high - value.mean]])
            number = factors.index(effect.factor)
            style = point_style(color_of(number), marker_of(number))
            axes.errorbar([value.mean], [place], xerr=ends, **style)
        axes.set_yticks(range(len(found)), labels)
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.set_xlabel(f"{score} minus the reference level's", **_BELOW_NAMES)
        axes.grid(False, axis="y")
        svg = to_svg(figure, "effects", f"Effect of each part: differences in {score}")
    caption = (
        "Difference of each level to its reference level, all else being equal, averaged over the "
        "matched runs, with 95 % intervals."
    )
    return Drawn((svg,), caption)


def hearing_loss(values: pd.DataFrame, systems: Sequence[System], score: str) -> Drawn | None:
    """The score of each listener against hearing loss; `score` is its title."""
    if values.empty:
        return None
    listeners = values.listener.nunique()
    trend = listeners >= FEWEST_FOR_TREND
    with drawing(height=3.0) as (figure, [axes]):
        for system in _grey_first(systems):
            own = values[values.run_id == system.run_id].sort_values("pta")
            style = system_style(system.mark)
            axes.plot(own.pta, own.value, linestyle="none", alpha=0.75, **style)
            if trend:
                means = own.groupby((own.pta // STEP * STEP).rename("from"))[
                    ["pta", "value"]
                ].mean()
                line = axes.plot(means.pta, means.value, color=style["color"], linewidth=1.4)
                only_chosen(system.mark, *line)
        axes.set_xlabel("mean hearing threshold, dB HL")
        axes.set_ylabel(score)
        svg = to_svg(figure, "hearing-loss", f"{score} of each listener against hearing loss")
    caption = (
        f"{score} of each of {listeners} listeners, mean over scenes, against the mean threshold "
        "of both ears at 0.5, 1, 2 and 4 kHz."
    )
    if trend:
        caption += f" Lines: means over steps of {STEP:g} dB."
    return Drawn((svg,), caption)


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
    svg = _by_part(values, systems, f"groups-{what}", score, f"{score} by {what}", bounds)
    return Drawn((svg,), f"{score} by {what}: means with 95 % intervals. {BAR_WORDS}")


def stems(values: pd.DataFrame, systems: Sequence[System], column: Column) -> Drawn | None:
    """A metric of each stem."""
    if values.empty:
        return None
    parts = pd.Categorical(values.part, [stem for stem in STEMS if (values.part == stem).any()])
    chosen = values.assign(part=parts)
    unit = ", ".join(filter(None, (column.title, column.unit)))
    title = f"{column.title} of each stem and system"
    svg = _by_part(chosen, systems, "stems", unit, title)
    caption = f"{column.title} of each stem: means over scenes with 95 % intervals. {BAR_WORDS}"
    return Drawn((svg,), caption)


def gains(values: pd.DataFrame, systems: Sequence[System], *, beyond: bool) -> Drawn | None:
    """Gains of learned strategies, against hearing loss: applied, or beyond those requested."""
    if values.empty:
        return None
    shown = [system for system in systems if (values.run_id == system.run_id).any()]
    name = "correction" if beyond else "gains"
    panels = []
    for stem in STEMS:
        with drawing(height=2.2) as (figure, [axes]):
            for system in _grey_first(shown):
                own = values[(values.run_id == system.run_id) & (values.part == stem)]
                if len(own) > MOST_POINTS:
                    own = own.iloc[np.linspace(0, len(own) - 1, MOST_POINTS).astype(int)]
                style = system_style(system.mark)
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
        "What learned strategies add to the gains that the scene requests, against hearing loss."
        if beyond
        else "Gains applied by learned strategies, against hearing loss."
    )
    if len(values) > MOST_POINTS * len(STEMS) * len(shown):
        caption += f" At most {MOST_POINTS} pairs per system are drawn, evenly spaced."
    return Drawn(tuple(panels), caption)


def times(seconds: pd.DataFrame, systems: Sequence[System]) -> Drawn | None:
    """Seconds per pair, by stage."""
    shown = [system for system in systems if system.run_id in seconds.index]
    if not shown:
        return None
    with drawing(height=1.2 + 0.42 * len(shown)) as (figure, [axes]):
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
        _name_rows(axes, shown)
        axes.set_xlabel("seconds per pair", **_BELOW_NAMES)
        figure.legend(loc="outside lower center", ncols=3, frameon=False, handlelength=1.0)
        svg = to_svg(figure, "times", "Seconds per pair by stage and system")
    return Drawn((svg,), "Where the time went: seconds per (scene, listener) pair, by stage.")


def _by_part(
    values: pd.DataFrame,
    systems: Sequence[System],
    name: str,
    unit: str,
    title: str,
    bounds: tuple[float, float] | None = None,
) -> Markup:
    """Means with intervals and the spread over songs, the systems side by side in each part.

    `bounds` are those of the score: intervals and the scale end there.
    """
    shown = tuple(system for system in systems if (values.run_id == system.run_id).any())
    parts = list(values.part.cat.categories)
    with drawing(height=2.9) as (figure, [axes]):
        step = min(0.13, 0.8 / max(1, len(shown)))
        for system in _grey_first(shown):
            offset = (shown.index(system) - (len(shown) - 1) / 2) * step
            mine = values[values.run_id == system.run_id]
            for place, part in enumerate(parts):
                own = mine[mine.part == part]
                if own.empty:
                    continue
                names = [name for name in ("song", "listener") if name in own.columns]
                scores = own.set_index(pd.MultiIndex.from_frame(own[names]))["value"]
                mean = clustered_mean(scores, bounds=bounds)
                by_song = own.groupby("song", observed=True)["value"].mean().to_numpy()
                draw_spread(axes, system.mark, place + offset, by_song, upright=True)
                draw_mean(axes, system.mark, place + offset, mean, upright=True)
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
        return to_svg(figure, name, title)


def _grey_first(systems: Sequence[System]) -> list[System]:
    """Systems in an order in which the chosen ones, best on top, hide the others."""
    last_first = list(systems)[::-1]
    return [s for s in last_first if not s.chosen] + [s for s in last_first if s.chosen]


def _basis(n: int, songs: int) -> str:
    """The pairs and songs of a mean, such as ``24 pairs, 8 songs``."""
    counts = ((n, "pair"), (songs, "song"))
    return ", ".join(f"{count} {noun}{'s' if count != 1 else ''}" for count, noun in counts)


def _with_unit(column: Column) -> str:
    return ", ".join(filter(None, (column.title, column.unit)))


def _mean_words(column: Column) -> str:
    return f"{column.title}: the mean over all pairs with its 95 % interval"


def _two_lines(name: Name, most: int = 26) -> str:
    """A name of two lines of `most` characters: what it is, and what differs.

    Names often differ at the end, so the middle is left out.
    """
    lines = [clean(name.head), clean(", ".join(name.details))]
    return "\n".join(_without_middle(line, most) for line in lines if line)


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{text[: most - 1 - end]}…{text[-end:]}"


def _short(label: str, most: int = 36) -> str:
    """A label of two lines of `most` characters."""
    return "\n".join(textwrap.wrap(label, most, max_lines=2, placeholder="…"))
