"""Excerpts of a long signal, by which a fit keeps its time and memory bounded."""

from __future__ import annotations

from typing import Final

EXCERPTS: Final = 4
"""Into so many excerpts a long signal's time is divided."""


def excerpts(frames: int, sample_rate: int, seconds: float) -> list[slice]:
    """Choose excerpts: the whole signal if it is no longer than `seconds`, else four of a quarter.

    They lie evenly: each in the middle of its quarter of the signal.

    Args:
        frames: samples of the signal.
        sample_rate: Hz.
        seconds: of all excerpts together.

    Example:
        >>> excerpts(1000, 100, 12.0)
        [slice(0, 1000, None)]
        >>> excerpts(4000, 100, 12.0)[:2]  # 3 s of each 10 s
        [slice(350, 650, None), slice(1350, 1650, None)]
    """
    if frames <= seconds * sample_rate:
        return [slice(0, frames)]
    length = round(seconds * sample_rate / EXCERPTS)
    starts = [(frames * (2 * k + 1) // (2 * EXCERPTS)) - length // 2 for k in range(EXCERPTS)]
    return [slice(start, start + length) for start in starts]
