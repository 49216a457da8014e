"""Audiograms: the standard ones, tensors, text, and grades of hearing loss.

Levels are dB HL. Between given frequencies they are interpolated linearly over the logarithm of
frequency, and held beyond them, as pyclarity does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from clarity.utils.audiogram import DEFAULT_CLARITY_AUDIOGRAM_FREQUENCIES, Audiogram, Listener

from bench.errors import BenchError, suggest

if TYPE_CHECKING:
    from torch import Tensor

FREQUENCY_RANGE: Final = (20.0, 24_000.0)
"""Hz; what is written in kHz is below, and is no audiogram."""
LEVEL_RANGE: Final = (-20.0, 130.0)
"""dB HL; what an audiometer can measure, with some room."""

# At 250, 500, 1000, 2000, 3000, 4000 and 6000 Hz, from tables 2 and 3 of Bisgaard, N., Vlaming,
# M. S. M. G. and Dahlquist, M. (2010), "Standard audiograms for the IEC 60118-15 measurement
# procedure", Trends in Amplification 14(2), 113-120.
_BISGAARD: Final = {
    "N1": (10, 10, 10, 15, 20, 30, 40),
    "N2": (20, 20, 25, 35, 40, 45, 50),
    "N3": (35, 35, 40, 50, 55, 60, 65),
    "N4": (55, 55, 55, 65, 70, 75, 80),
    "N5": (65, 70, 75, 80, 80, 80, 80),
    "N6": (75, 80, 85, 90, 95, 100, 100),
    "N7": (90, 95, 105, 105, 105, 105, 105),
    "S1": (10, 10, 10, 15, 30, 55, 70),
    "S2": (20, 20, 25, 55, 75, 95, 95),
    "S3": (30, 35, 60, 75, 80, 80, 85),
}

_PTA_FREQUENCIES: Final = np.array([500, 1000, 2000, 4000])

# Lower limits of the grades, dB HL.
_GRADES: Final = (
    (95.0, "complete"),
    (80.0, "profound"),
    (65.0, "severe"),
    (50.0, "moderately severe"),
    (35.0, "moderate"),
    (20.0, "mild"),
)
GROUPS: Final = ("normal", "unilateral", *(name for _, name in reversed(_GRADES)))
"""The names that :func:`hearing_loss_group` gives, from the least loss to the greatest."""


def standard_audiograms() -> dict[str, tuple[float, ...]]:
    """The standard audiograms N1-N7 (flat and moderately sloping) and S1-S3 (steep).

    Returns:
        dB HL at 250, 500, 1000, 2000, 3000, 4000, 6000 and 8000 Hz by name. The source ends at
        6 kHz; the level at 8 kHz is that at 6 kHz.

    Source:
        Bisgaard, Vlaming and Dahlquist (2010), Trends in Amplification 14(2), 113-120.

    Example:
        >>> standard_audiograms()["N3"]
        (35.0, 35.0, 40.0, 50.0, 55.0, 60.0, 65.0, 65.0)
    """
    return {name: (*map(float, levels), float(levels[-1])) for name, levels in _BISGAARD.items()}


def audiogram_tensor(listener: Listener) -> Tensor:
    """Interpolate the audiograms of both ears to eight frequencies.

    Args:
        listener: pyclarity's Listener, with audiograms at frequencies of their own.

    Returns:
        float32 ``(2, 8)``, left then right, dB HL at 250, 500, 1000, 2000, 3000, 4000, 6000 and
        8000 Hz.

    Example:
        >>> listener = Listener(parse_audiogram("250:20,1000:40,4000:60"), parse_audiogram("N1"))
        >>> left, right = audiogram_tensor(listener).round()
        >>> tuple(left.tolist())
        (20.0, 30.0, 40.0, 50.0, 56.0, 60.0, 60.0, 60.0)
    """
    import torch

    ears = (listener.audiogram_left, listener.audiogram_right)
    levels = [ear.resample(DEFAULT_CLARITY_AUDIOGRAM_FREQUENCIES).levels for ear in ears]
    return torch.from_numpy(np.stack(levels).astype(np.float32))


def parse_audiogram(text: str) -> Audiogram:
    """Read an audiogram as a user types it.

    Args:
        text: ``"250:20,500:25,1000:40"`` (Hz:dB HL, any order, at least two), or the name of a
            standard audiogram such as ``"N3"``.

    Raises:
        BenchError: the text is not an audiogram.

    Example:
        >>> parse_audiogram("500:25, 250:20").levels.tolist()
        [20.0, 25.0]
        >>> parse_audiogram("n1").levels.tolist()
        [10.0, 10.0, 10.0, 15.0, 20.0, 30.0, 40.0, 40.0]
    """
    standard = standard_audiograms()
    if ":" not in text:
        name = text.strip().upper()
        if name not in standard:
            raise BenchError(
                "no such standard audiogram",
                where=f"audiogram '{text}'",
                hint=suggest(name, tuple(standard)) + " Or give Hz:dB HL, as 250:20,500:25.",
            )
        return Audiogram(levels=np.array(standard[name]))
    points = sorted(_parse_point(point, text) for point in text.split(","))
    frequencies = [frequency for frequency, _ in points]
    if len(points) < 2 or len(set(frequencies)) < len(frequencies):
        raise BenchError(
            "an audiogram needs at least two frequencies, each once",
            where=f"audiogram '{text}'",
        )
    return Audiogram(
        levels=np.array([level for _, level in points]), frequencies=np.array(frequencies)
    )


def _parse_point(point: str, text: str) -> tuple[float, float]:
    try:
        frequency, level = map(float, point.split(":"))
    except ValueError:
        raise BenchError(
            f"'{point.strip()}' is not Hz:dB HL",
            where=f"audiogram '{text}'",
            hint="Write it as 250:20,500:25,1000:40,2000:55,4000:60,8000:70.",
        ) from None
    low, high = LEVEL_RANGE
    lowest, highest = FREQUENCY_RANGE
    # The comparisons are false for NaN.
    if not (lowest <= frequency <= highest and low <= level <= high):
        raise BenchError(
            f"'{point.strip()}' is out of range",
            where=f"audiogram '{text}'",
            hint=(
                f"Frequencies are {lowest:g} to {highest:g} Hz, levels {low:g} to {high:g} dB HL."
            ),
        )
    return frequency, level


def check_audiogram(audiogram: Audiogram, *, where: str = "audiogram") -> None:
    """Refuse what is no audiogram of an ear, however it was made.

    Raises:
        BenchError: it is not pyclarity's Audiogram, has fewer than two frequencies, or one or a
            level that is not a number or out of range.
    """
    if not isinstance(audiogram, Audiogram):
        hint = "Make one by bench.parse_audiogram('N3'), or a listener by bench.make_listener."
        raise BenchError(f"{audiogram!r:.60} is no audiogram", where=where, hint=hint)
    lowest, highest = FREQUENCY_RANGE
    low, high = LEVEL_RANGE
    frequencies, levels = np.asarray(audiogram.frequencies), np.asarray(audiogram.levels)
    if len(frequencies) < 2:
        raise BenchError("an audiogram needs at least two frequencies", where=where)
    # The comparisons are false for NaN.
    if not ((lowest <= frequencies) & (frequencies <= highest)).all():
        raise BenchError(f"a frequency is outside {lowest:g} to {highest:g} Hz", where=where)
    if not ((low <= levels) & (levels <= high)).all():
        raise BenchError(f"a level is outside {low:g} to {high:g} dB HL", where=where)


def check_listener(listener: Listener, *, where: str = "listener") -> None:
    """Refuse what is no listener: see :func:`check_audiogram`.

    Raises:
        BenchError: it is not pyclarity's Listener, or an audiogram is none.
    """
    if not isinstance(listener, Listener):
        hint = "Make one by bench.make_listener('N3')."
        raise BenchError(f"{listener!r:.60} is no listener", where=where, hint=hint)
    check_audiogram(listener.audiogram_left, where=f"{where}, left ear")
    check_audiogram(listener.audiogram_right, where=f"{where}, right ear")


def pure_tone_average(audiogram: Audiogram) -> float:
    """Four-frequency pure-tone average: the mean of the levels at 0.5, 1, 2 and 4 kHz, dB HL.

    Example:
        >>> pure_tone_average(parse_audiogram("500:20,1000:30,2000:40,4000:50"))
        35.0
    """
    return float(np.mean(audiogram.resample(_PTA_FREQUENCIES).levels))


def hearing_loss_group(listener: Listener) -> str:
    """Find the listener's grade of hearing loss: see :func:`hearing_loss_grade`.

    Example:
        >>> hearing_loss_group(Listener(parse_audiogram("N3"), parse_audiogram("S2")))
        'moderate'
    """
    left, right = map(pure_tone_average, (listener.audiogram_left, listener.audiogram_right))
    return hearing_loss_grade(left, right)


def hearing_loss_grade(left: float, right: float) -> str:
    """Find the grade of hearing loss, one of :data:`GROUPS`, from both ears' averages.

    By the better ear: under 20 dB HL normal, from 20 mild, 35 moderate, 50 moderately severe, 65
    severe, 80 profound, 95 complete. A normal better ear beside a worse one of 35 or more is
    unilateral.

    Args:
        left: four-frequency pure-tone average of the left ear, dB HL.
        right: of the right ear.

    Source:
        World Health Organization (2021), World report on hearing, table 1.3.

    Example:
        >>> hearing_loss_grade(52.0, 70.0), hearing_loss_grade(10.0, 40.0)
        ('moderately severe', 'unilateral')
    """
    better, worse = sorted((left, right))
    for limit, name in _GRADES:
        if better >= limit:
            return name
    return "unilateral" if worse >= 35.0 else "normal"
