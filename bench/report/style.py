"""The style of figures: one place for colours, marks and the way from matplotlib to a themed SVG.

Figures are drawn in placeholder colours, which then become CSS variables: the page gives them their
values for a light and a dark screen. The colours are Okabe and Ito's, told apart with any kind of
colour vision, and each system has a mark of its own as well.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from bench.report.content import System

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
    """A figure of one or more panels, what stands below it, and the systems of its legend."""

    panels: tuple[Markup, ...]
    caption: str
    legend: tuple[System, ...] = ()


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


def point_style(number: int) -> dict[str, Any]:
    """The same for a mean with its interval."""
    return {**mark_style(number), "linestyle": "none", "elinewidth": 1.4, "capsize": 2.5}


def swatch(number: int) -> Markup:
    """The mark as it stands in a legend."""
    color = f"var(--series-{number % len(SERIES)})"
    return Markup('<span class="swatch" style="color:{}" aria-hidden="true">{}</span>').format(
        color, glyph_of(number)
    )


@contextmanager
def drawing(rows: int = 1, height: float = 2.7) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with its axes one above the other, each `height` inches, in the report's style.

    It is 4.4 inches wide: on a phone, whose pages leave 320 pixels, its text has 11 of them.
    """
    with mpl.rc_context(_RC):
        figure = Figure(figsize=(4.4, height * rows), layout="constrained")
        yield figure, list(figure.subplots(rows, 1, squeeze=False).flat)


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
    # Sized by the page, from its viewBox.
    text = re.sub(r'(<svg [^>]*?)\s+width="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?)\s+height="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    for placeholder, variable in _VARIABLES.items():
        text = text.replace(placeholder, variable)
    # The page's own font; a report of many runs has a hundred figures, so no byte is idle.
    text = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", text)
    text = re.sub(r"\s*font-family: [^;\"]*;?", "", text)
    text = re.sub(r"\s*\n\s*", " ", text)
    label = escape(title)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))
