"""The picture of a listener: the audiogram as clinics draw it, and the gain of NAL-R."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import BenchError
from bench.hearing.audiograms import hearing_loss_group
from bench.hearing.nalr import nalr_gains

if TYPE_CHECKING:
    from clarity.utils.audiogram import Audiogram, Listener

FORMATS: Final = (".png", ".svg", ".pdf")
_RATE: Final = 44_100
_TICKS: Final = (125, 250, 500, 1000, 2000, 4000, 8000)
_EARS: Final[tuple[dict[str, Any], ...]] = (
    # A clinic's signs: blue crosses for the left ear, red circles for the right one.
    {"label": "left ear", "color": "#1f4fbf", "marker": "x", "linestyle": "--"},
    {"label": "right ear", "color": "#c4161c", "marker": "o", "linestyle": "-"},
)
_STYLE: Final[dict[Any, Any]] = {
    "font.size": 9,
    "font.family": "sans-serif",
    "svg.fonttype": "none",
    "svg.hashsalt": "audiogram",
    "text.parse_math": False,
}


def save_picture(listener: Listener, path: Path) -> None:
    """Draw :func:`picture` into a .png, .svg or .pdf file.

    Raises:
        BenchError: the file is of another kind, or cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in FORMATS:
        hint = f"Name it with {', '.join(FORMATS)}."
        raise BenchError("pictures of this kind cannot be written", where=str(path), hint=hint)
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[kind]
    with mpl.rc_context(_STYLE):
        figure = picture(listener)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=160, metadata=dates)
        except OSError as error:
            raise BenchError(f"cannot be written: {error.strerror}", where=str(path)) from None


def picture(listener: Listener) -> Figure:
    """The audiogram (dB HL downwards, an octave as wide as 20 dB are high) beside NAL-R's gain.

    Source of the signs and proportions: ISO 8253-1; right ear red circles, left ear blue crosses.
    """
    figure = Figure(figsize=(9.2, 5.0), layout="constrained", facecolor="white")
    title = f"{listener.id} – hearing loss: {hearing_loss_group(listener)}"
    figure.suptitle(title, fontsize=11, fontweight="bold")
    audiogram, gain = figure.subplots(1, 2, width_ratios=(1.0, 1.0))
    ears = (listener.audiogram_left, listener.audiogram_right)
    _draw_audiogram(audiogram, ears)
    _draw_gain(gain, listener)
    figure.legend(*audiogram.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _draw_audiogram(axes: Axes, ears: tuple[Audiogram, Audiogram]) -> None:
    for ear, style in zip(ears, _EARS, strict=True):
        axes.plot(
            np.log2(ear.frequencies), ear.levels, **style,
            markerfacecolor="none", markersize=9, markeredgewidth=1.6, linewidth=1.3, clip_on=False,
        )  # fmt: skip
    axes.set_title("Audiogram")
    axes.set_ylabel("Hearing level, dB HL")
    lowest = min(-10, *(float(np.min(ear.levels)) for ear in ears))
    highest = max(120, *(float(np.max(ear.levels)) for ear in ears))
    axes.set_ylim(highest, lowest)
    axes.set_yticks(
        range(int(lowest // 10) * 10 + (10 if lowest % 10 else 0), int(highest) + 1, 10)
    )
    _over_octaves(axes, ears)
    # The first axis counts octaves.
    axes.set_aspect(1 / 20)


def _draw_gain(axes: Axes, listener: Listener) -> None:
    frequencies = np.geomspace(125, 8000, 241)
    gains = nalr_gains(listener, frequencies.tolist(), _RATE).numpy()
    for levels, style in zip(gains, _EARS, strict=True):
        axes.plot(np.log2(frequencies), levels, color=style["color"], linestyle=style["linestyle"])
    axes.set_title("NAL-R gain (220 taps at 44.1 kHz)")
    axes.set_ylabel("Gain, dB")
    axes.set_ylim(min(-10.0, float(gains.min()) - 2), max(40.0, float(gains.max()) + 2))
    _over_octaves(axes, (listener.audiogram_left, listener.audiogram_right))


def _over_octaves(axes: Axes, ears: tuple[Audiogram, Audiogram]) -> None:
    given = np.concatenate([ear.frequencies for ear in ears])
    first, last = min(125.0, float(given.min())), max(8000.0, float(given.max()))
    axes.set_xlim(np.log2(first) - 0.3, np.log2(last) + 0.3)
    names = [f"{tick // 1000}k" if tick >= 1000 else str(tick) for tick in _TICKS]
    axes.set_xticks(np.log2(_TICKS), names)
    axes.set_xlabel("Frequency, Hz")
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
