"""The search for the lag of each channel's greatest correlation within 100 ms.

Eight channels are searched at a time.

Correlations at all lags come from block Fourier transforms in float32, sixteen values a register:
eight channels of the reference beside the same eight of the processed signal, each channel's
envelope as the real and its motion as the imaginary part. Their error is bounded, so that the lags
that may be the best are few, and those are compared by correlations in float64. The lag found is
therefore the one that float64 finds. The transforms are those of :mod:`.fft`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.hearing.haaqi.exact.fft import (
    ORDER,
    PAIRS,
    SIZE,
    TWIDDLES,
    add_spectra,
    gather,
    invert,
)
from bench.hearing.haaqi.parameters import MAX_LAG, Floats, Integers
from bench.hearing.simd.kernel import kernel
from bench.hearing.simd.vector import LANES, aligned, load, load_shifted, maximum, store

STEP: Final = 11520
"""Samples of the reference in a transform: whole blocks of the covariance. The processed signal's
reach MAX_LAG further on either side."""


# With the unit roundoff u = 6e-8, a radix-8 pass changes a vector by at most 7 u of its norm (three
# sums, a product with the root of a half, and one with a rounded factor), so a transform by 30 u,
# and a correlation by 90 u of the product of both norms: two factors and the inverse. What is
# added for each block is rounded once more.
_ERROR: Final = 6e-6
_ERROR_PER_BLOCK: Final = 1.2e-7
_SILENT: Final = 1e-60
"""Mean power under which a channel is silent, and its lag of no consequence."""
SLACK: Final = 64
"""Lags compared at once in float64, and so the rows that may be read past the last lag."""
_FEW: Final = 32
_TOGETHER: Final = 8
_ROWS: Final = 256


@kernel
def _compare(x, x_row, y, shifts, samples, lags, moved, sums):  # type: ignore[no-untyped-def]
    """Add correlations at `lags` consecutive lags, channel by channel, in float64.

    Args:
        x: envelope or motion, ``(rows, 8)``; its first sample is in row `x_row`.
        y: the same of the processed signal.
        shifts: row of y that meets the first sample of x at each channel's first lag, ``(8,)``.
        samples: how many.
        lags: how many, a multiple of _TOGETHER.
        moved: room for ``(_ROWS + lags, 8)``.
        sums: added to, ``(lags, 8)``.
    """
    for start in range(0, samples, _ROWS):
        rows = min(_ROWS, samples - start)
        for n in range(rows + lags):
            store(moved, n * LANES, load_shifted(y, start + n, shifts, 0))
        for lag in range(0, lags, _TOGETHER):
            s = lag * LANES
            a0, a1, a2, a3 = (
                load(sums, s),
                load(sums, s + 8),
                load(sums, s + 16),
                load(sums, s + 24),
            )
            s += 4 * LANES
            a4, a5, a6, a7 = (
                load(sums, s),
                load(sums, s + 8),
                load(sums, s + 16),
                load(sums, s + 24),
            )
            for n in range(rows):
                value = load(x, (x_row + start + n) * LANES)
                at = (n + lag) * LANES
                a0 = a0 + value * load(moved, at)
                a1 = a1 + value * load(moved, at + 8)
                a2 = a2 + value * load(moved, at + 16)
                a3 = a3 + value * load(moved, at + 24)
                a4 = a4 + value * load(moved, at + 32)
                a5 = a5 + value * load(moved, at + 40)
                a6 = a6 + value * load(moved, at + 48)
                a7 = a7 + value * load(moved, at + 56)
            s = lag * LANES
            for a in (a0, a1, a2, a3, a4, a5, a6, a7):
                store(sums, s, a)
                s += LANES


@kernel
def _highest(correlation, low, high, out):  # type: ignore[no-untyped-def]
    """Find the greatest correlation at places `low` to `high`, ``(2, 8)``."""
    for part in range(2):
        peak = load(correlation, (part * 2 * MAX_LAG + low) * LANES)
        for place in range(low + 1, high + 1):
            peak = maximum(peak, load(correlation, (part * 2 * MAX_LAG + place) * LANES))
        store(out, part * LANES, peak)


@kernel
def _seek(correlation, threshold, places, end, step):  # type: ignore[no-untyped-def]
    """Move `places` ``(2, 8)`` by `step` until a correlation reaches its threshold, or to `end`."""
    for part in range(2):
        for k in range(LANES):
            place = places[part, k]
            while place != end and correlation[part, place, k] < threshold[part, k]:
                place += step
            places[part, k] = place


class Window(NamedTuple):
    """One group's envelopes and motions for samples `start` to `stop` and what surrounds them.

    `x` and `y` are (envelope, motion) of the reference and of the processed signal, each
    ``(rows, 8)``; row `row` is sample `start`, and at least MAX_LAG + SLACK rows lie before and
    behind.
    """

    start: int
    stop: int
    row: int
    x: tuple[Floats, Floats]
    y: tuple[Floats, Floats]


class LagSearch:
    """A search for the best lags of one group of channels after another."""

    def __init__(self) -> None:
        self._work = aligned(4 * SIZE, np.float32, zeroed=False).ravel()
        self._total = aligned(2 * SIZE, np.float32).ravel()
        self._power = aligned(2)
        self._correlation = aligned(2 * 2 * MAX_LAG).reshape(2, 2 * MAX_LAG, LANES)
        self._moved = aligned(_ROWS + SLACK)
        self._sums = aligned(2 * SLACK).reshape(2, SLACK, LANES)

    def lags(self, windows: Callable[[], Iterable[Window]], samples: int) -> Integers:
        """Find the samples by which y lags x, ``(2, 8)``: of the envelopes, and of the motions.

        Of equal correlations the one at the greater lag is taken, as pyclarity does.

        Args:
            windows: yields windows that make up the whole signal, all but the last a multiple of
                STEP long. It may be called more than once.
            samples: of the whole signal.
        """
        # Place 0 is lag -MAX_LAG; a short signal does not have all lags.
        low, high = (
            max(0, MAX_LAG + 1 - samples),
            min(2 * MAX_LAG, MAX_LAG + samples) - 1,
        )
        threshold, silent = self._screen(windows, samples, low, high)
        place, last = np.full((2, LANES), low), np.full((2, LANES), high)
        place[:, silent] = high
        _seek(self._correlation, threshold, place, high, 1)
        _seek(self._correlation, threshold, last, low, -1)
        found, best = last.copy(), np.full((2, LANES), -np.inf)
        if (place == last).all():
            return found - MAX_LAG
        open_parts = [part for part in range(2) if (place[part] != last[part]).any()]
        while (place <= last)[open_parts].any():
            width = int((last - place).max()) + 1
            count = _FEW if width > SLACK else -(-width // _TOGETHER) * _TOGETHER
            values = self._compared(windows, samples, place - MAX_LAG, count, open_parts)
            values[np.arange(count)[:, None] > (last - place)[:, None]] = -np.inf
            top = count - 1 - np.argmax(values[:, ::-1], axis=1)
            value = np.take_along_axis(values, top[:, None], axis=1)[:, 0]
            found = np.where(value >= best, place + top, found)
            best = np.maximum(value, best)
            place = np.minimum(place + count, last + 1)
            ahead = np.minimum(place, last)
            _seek(self._correlation, threshold, ahead, high, 1)
            place = np.where(place <= last, ahead, place)
        return found - MAX_LAG

    def _screen(
        self, windows: Callable[[], Iterable[Window]], samples: int, low: int, high: int
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Correlate in float32.

        Returns:
            The correlation that the best lags must reach, ``(2, 8)``, and which channels are
            silent, ``(8,)``.
        """
        self._total[:] = 0
        self._power[:] = 0
        blocks = 0
        for window in windows():
            for start in range(window.start, window.stop, STEP):
                row = window.row + start - window.start
                x_count = min(STEP, samples - start)
                y_count = min(STEP, samples - start) + 2 * MAX_LAG
                y_row = row - MAX_LAG
                gather(*window.x, row, x_count, *window.y, y_row, y_count, self._work)
                add_spectra(self._work, TWIDDLES, PAIRS, self._total, self._power)
                blocks += 1
        invert(self._total, ORDER, TWIDDLES, self._work, self._correlation)
        error = (
            (_ERROR + blocks * _ERROR_PER_BLOCK) * np.sqrt(self._power[0] * self._power[1]) / SIZE
        )
        peak = np.empty((2, LANES))
        _highest(self._correlation, low, high, peak)
        return peak - 2 * error, self._power.min(axis=0) < _SILENT * SIZE * samples

    def _compared(
        self,
        windows: Callable[[], Iterable[Window]],
        samples: int,
        first: Integers,
        count: int,
        parts: list[int],
    ) -> Floats:
        """Correlate in float64 at `count` lags from `first` ``(2, 8)`` on, ``(2, count, 8)``.

        Those of parts not asked for are zero.
        """
        sums = self._sums[:, :count]
        sums[:] = 0
        for window in windows():
            stop = min(window.stop, samples)
            for part in parts:
                _compare(
                    window.x[part], window.row, window.y[part], window.row + first[part],
                    stop - window.start, count, self._moved, self._sums[part],
                )  # fmt: skip
        return np.array(sums)
