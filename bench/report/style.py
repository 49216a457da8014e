"""The style of figures: one place for colours, marks and the way from matplotlib to a themed SVG.

Figures are drawn in placeholder colours, which then become CSS variables: the page gives them their
values for a light and a dark screen. The colours are Okabe and Ito's, distinguishable with any kind
of colour vision, and each system has its own mark as well. Each system's colour is a variable, so
that the page colours the chosen ones and leaves the others grey, in all figures at once.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.leaderboard.statistics import Interval

Array = NDArray[np.float64]

INK: Final = "#010101"
MUTED: Final = "#020202"
GRID: Final = "#030303"
PAPER: Final = "#040404"
SERIES: Final = tuple(f"#0{number}0a0a" for number in range(7))
_VARIABLES: Final = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    **{color: f"var(--series-{number})" for number, color in enumerate(SERIES)},
}
_MARKS: Final = (("o", "●"), ("s", "■"), ("^", "▲"), ("D", "◆"), ("v", "▼"), ("P", "✚"))
_LINES: Final = ("-", "--", "-.", ":")

_RC: Final[dict[Any, Any]] = {
    "font.size": 11.0,
    "font.family": "sans-serif",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Drawn:
    """A figure of one or more panels, and what stands below it."""

    panels: tuple[Markup, ...]
    caption: str


def color_of(number: int) -> str:
    """The placeholder colour of mark `number`."""
    return SERIES[number % len(SERIES)]


def marker_of(number: int) -> str:
    """Its shape, as matplotlib names it."""
    return _MARKS[number % len(_MARKS)][0]


def glyph_of(number: int) -> str:
    """Its shape as a character, for legends in HTML."""
    return _MARKS[number % len(_MARKS)][1]


def line_of(number: int) -> str:
    """Its line style."""
    return _LINES[number // len(SERIES) % len(_LINES)]


def mark_style(number: int) -> dict[str, Any]:
    """Colour and shape of mark `number`, for matplotlib."""
    return {"color": color_of(number), "marker": marker_of(number)}


def system_color(mark: int) -> str:
    """The placeholder colour of a system: a variable of its own."""
    return f"#a{mark:05x}"


def system_style(mark: int) -> dict[str, Any]:
    """Colour and shape of a system, for matplotlib."""
    return {"color": system_color(mark), "marker": marker_of(mark)}


def point_style(color: str, marker: str) -> dict[str, Any]:
    """A mean with its interval."""
    style = {"linestyle": "none", "elinewidth": 1.4, "capsize": 2.5}
    return {"color": color, "marker": marker, **style}


def only_chosen(mark: int, *artists: Artist) -> None:
    """Let what belongs to a system be seen only where it is among the chosen."""
    for artist in artists:
        artist.set_gid(f"chosen-{mark}")


def draw_mean(
    axes: Axes, mark: int, at: float, value: Interval, *, scale: float = 1.0, upright: bool = False
) -> None:
    """A system's mean, and where it is among the chosen its 95 % interval.

    Args:
        axes: where.
        mark: of the system.
        at: the place across.
        value: mean and interval.
        scale: factor of the values.
        upright: whether values go up rather than to the right.
    """
    style = system_style(mark)
    mean, ends = value.mean * scale, [value.low * scale, value.high * scale]
    place = ([at], [mean]) if upright else ([mean], [at])
    axes.plot(*place, linestyle="none", zorder=4, **style)
    if not math.isnan(value.low):
        line = ([at, at], ends) if upright else (ends, [at, at])
        cap: dict[str, Any] = {
            "marker": "_" if upright else "|",
            "markersize": 6.0,
            "color": style["color"],
        }
        only_chosen(mark, *axes.plot(*line, linewidth=1.4, zorder=3, **cap))


def draw_spread(axes: Axes, mark: int, at: float, values: Array, *, upright: bool = False) -> None:
    """The middle half of a system's values, as a broad bar behind its mean, where it is chosen."""
    if len(values) < 4:
        return
    quartiles = np.percentile(values, [25, 75])
    line = ([at, at], quartiles) if upright else (quartiles, [at, at])
    style: dict[str, Any] = {"linewidth": 5.0, "alpha": 0.28, "solid_capstyle": "butt", "zorder": 1}
    only_chosen(mark, *axes.plot(*line, color=system_color(mark), **style))


def swatch(number: int) -> Markup:
    """The mark as it stands in a legend."""
    return Markup(
        '<span class="swatch" style="color:var(--c-{})" aria-hidden="true">{}</span>'
    ).format(number, glyph_of(number))


def variables(systems: Mapping[int, bool]) -> Markup:
    """The CSS variables of systems: the chosen ones have their colour, the others are grey.

    Args:
        systems: whether each mark is chosen.
    """
    return Markup(" ").join(
        Markup("--c-{}: var(--{}); --o-{}: {};").format(
            mark, f"series-{mark % len(SERIES)}" if chosen else "other", mark, int(chosen)
        )
        for mark, chosen in systems.items()
    )


@contextmanager
def drawing(rows: int = 1, height: float = 2.7) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with its axes one above the other, each `height` inches, in the report's style.

    It is 4.4 inches wide: on a phone, whose pages leave 320 pixels, its text has 11 of them.
    """
    with mpl.rc_context(_RC):
        figure = Figure(figsize=(4.4, height * rows), layout="constrained")
        yield figure, list(figure.subplots(rows, 1, squeeze=False).flat)


def write_title(figure: Figure, title: str) -> None:
    """A panel's title over its whole width, names at the axis included."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold")


def to_svg(figure: Figure, name: str, title: str) -> Markup:
    """The figure as an SVG element to be put into a page.

    Args:
        figure: drawn in placeholder colours.
        name: distinct in the page: it keeps the ids of two figures apart.
        title: what it shows, for those who cannot see it.
    """
    buffer = io.StringIO()
    with mpl.rc_context({**_RC, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="chosen-(\d+)"', r'<g style="opacity: var(--o-\1)"', text)
    # What nothing refers to.
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    # Sized by the page, from its viewBox.
    text = re.sub(r'(<svg [^>]*?)\s+width="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?)\s+height="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    for placeholder, variable in _VARIABLES.items():
        text = text.replace(placeholder, variable)
    text = re.sub(r": #a([0-9a-f]{5})\b", lambda m: f": var(--c-{int(m[1], 16)})", text)
    # The page's own font; a report of many runs has a hundred figures, so no byte is idle.
    text = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", text)
    text = re.sub(r"\s*font-family: [^;\"]*;?", "", text)
    text = re.sub(r"\s*\n\s*", " ", text)
    label = escape(title)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))
