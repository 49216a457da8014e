"""The lag of each channel's greatest correlation within 100 ms, eight channels at a time.

Correlations at all lags come from block Fourier transforms in float32, sixteen values a register:
eight channels of the reference beside the same eight of the processed signal, each channel's
envelope as the real and its motion as the imaginary part. Their error is bounded, so that the lags
that may be the best are few, and those are compared by correlations in float64. The lag found is
therefore the one that float64 finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.hearing.haaqi.parameters import MAX_LAG, Floats
from bench.hearing.haaqi.simd import (
    LANES,
    aligned,
    join,
    load,
    load16,
    load_shifted,
    store,
    store16,
    zeros,
)

LEVELS: Final = 7
SIZE: Final = 4**LEVELS
"""Points of a transform."""
STEP: Final = 11520
"""Samples of the reference in a transform: whole blocks of the covariance. The processed signal's
reach MAX_LAG further on either side."""

Integers = NDArray[np.int64]

_POINT: Final = 4 * LANES
"""float32 of a point: real parts, then imaginary ones, of eight channels of two signals."""
# With the unit roundoff u = 6e-8, a radix-4 pass changes a vector by at most 6 u of its norm
# (two sums and a product with a rounded factor), a transform by 7 * 6 u = 2.6e-6. A correlation
# has two factors and goes through one transform more; the blocks of the processed signal overlap
# by less than a half; the envelope and the motion share a transform. That is 3 * 2.6e-6 * 1.25,
# doubled for what is left out here, and a rounding for each block that is summed.
_ERROR: Final = 2e-5
_ERROR_PER_BLOCK: Final = 1.2e-7
_SILENT: Final = 1e-60
"""Mean power under which a channel is silent, and its lag of no consequence."""
SLACK: Final = 64
"""Lags compared at once in float64, and so the rows that may be read past the last lag."""
_FEW: Final = 32
_TOGETHER: Final = 8
_ROWS: Final = 256


def _twiddles() -> NDArray[np.float32]:
    """For each span from SIZE down to 4: ``(span / 4, 3, 2)`` factors of a radix-4 pass."""
    tables = []
    for level in range(LEVELS):
        span = SIZE // 4**level
        angle = -2 * np.pi / span * np.outer(np.arange(span // 4), (1, 2, 3))
        tables.append(np.stack((np.cos(angle), np.sin(angle)), axis=-1).ravel())
    return np.concatenate(tables).astype(np.float32)


def _order() -> Integers:
    """Where the transform leaves each frequency: its number with base-4 digits reversed."""
    digits = np.arange(SIZE)
    place = np.zeros(SIZE, dtype=np.int64)
    for _ in range(LEVELS):
        place = 4 * place + digits % 4
        digits //= 4
    return place


_TWIDDLES: Final = _twiddles()
_ORDER: Final = _order()
_HALF: Final = np.sort(_ORDER[: SIZE // 2 + 1])
_PAIRS: Final = np.stack((_HALF, _ORDER[-np.argsort(_ORDER)[_HALF] % SIZE]), axis=1)
"""Places of each frequency and of its negative."""


@njit(cache=True, nogil=True)
def _pass(work, base, span, factors, at):  # type: ignore[no-untyped-def]
    """One radix-4 pass of a decimation in frequency over the `span` points from `base`."""
    q = span // 4 * _POINT
    for j in range(span // 4):
        p0 = base + j * _POINT
        p1, p2, p3 = p0 + q, p0 + 2 * q, p0 + 3 * q
        r0, i0 = load16(work, p0), load16(work, p0 + 16)
        r1, i1 = load16(work, p1), load16(work, p1 + 16)
        r2, i2 = load16(work, p2), load16(work, p2 + 16)
        r3, i3 = load16(work, p3), load16(work, p3 + 16)
        ar, ai, br, bi = r0 + r2, i0 + i2, r0 - r2, i0 - i2
        cr, ci, dr, di = r1 + r3, i1 + i3, r1 - r3, i1 - i3
        store16(work, p0, ar + cr)
        store16(work, p0 + 16, ai + ci)
        r1, i1, r2, i2, r3, i3 = br + di, bi - dr, ar - cr, ai - ci, br - di, bi + dr
        if j > 0:
            w = at + 6 * j
            u, v = factors[w], factors[w + 1]
            r1, i1 = r1 * u - i1 * v, r1 * v + i1 * u
            u, v = factors[w + 2], factors[w + 3]
            r2, i2 = r2 * u - i2 * v, r2 * v + i2 * u
            u, v = factors[w + 4], factors[w + 5]
            r3, i3 = r3 * u - i3 * v, r3 * v + i3 * u
        store16(work, p1, r1)
        store16(work, p1 + 16, i1)
        store16(work, p2, r2)
        store16(work, p2 + 16, i2)
        store16(work, p3, r3)
        store16(work, p3 + 16, i3)


@njit(cache=True, nogil=True)
def _transform(work, factors):  # type: ignore[no-untyped-def]
    """All passes, depth first, so that each part is finished while it is in the cache."""
    counts = np.zeros(LEVELS, dtype=np.int64)
    starts = np.zeros(LEVELS, dtype=np.int64)
    for level in range(1, LEVELS):
        starts[level] = starts[level - 1] + SIZE // 4**level * 6
    level = 0
    while True:
        span = SIZE >> (2 * level)
        _pass(work, counts[level] * span * _POINT, span, factors, starts[level])
        counts[level] += 1
        if level < LEVELS - 1:
            level += 1
            continue
        while level > 0 and counts[level] % 4 == 0:
            level -= 1
        if level == 0:
            break


@njit(cache=True, nogil=True)
def _add_block(start, samples, x, x_row, y, y_row, work, factors, pairs, total, power):  # type: ignore[no-untyped-def]
    """Add the cross spectra of the block from `start` to `total`, and its power to `power`.

    The real part of a spectrum in `total` belongs to the envelopes' correlation, the imaginary
    one to the motions': both are real in time.
    """
    envelope_x, motion_x = x
    envelope_y, motion_y = y
    power_x, power_y = load(power, 0), load(power, LANES)
    for n in range(SIZE):
        ex = mx = ey = my = zeros()
        if n < STEP and start + n < samples:
            at = (x_row + n) * LANES
            ex, mx = load(envelope_x, at), load(motion_x, at)
            power_x = power_x + (ex * ex + mx * mx)
        if n < STEP + 2 * MAX_LAG and start + n < samples + MAX_LAG:
            at = (y_row + n - MAX_LAG) * LANES
            ey, my = load(envelope_y, at), load(motion_y, at)
            if MAX_LAG <= n < MAX_LAG + STEP:
                power_y = power_y + (ey * ey + my * my)
        store16(work, n * _POINT, join(ex, ey))
        store16(work, n * _POINT + 16, join(mx, my))
    store(power, 0, power_x)
    store(power, LANES, power_y)
    _transform(work, factors)
    for row in range(pairs.shape[0]):
        p, q = pairs[row, 0] * _POINT, pairs[row, 1] * _POINT
        ar, ai, br, bi = (
            load(work, p),
            load(work, p + 16),
            load(work, q),
            load(work, q + 16),
        )
        cr, ci = load(work, p + 8), load(work, p + 24)
        dr, di = load(work, q + 8), load(work, q + 24)
        # Twice the spectra of the envelope and the motion, from those of their complex sum.
        exr, exi, mxr, mxi = ar + br, ai - bi, ai + bi, br - ar
        eyr, eyi, myr, myi = cr + dr, ci - di, ci + di, dr - cr
        er, ei = exr * eyr + exi * eyi, exr * eyi - exi * eyr
        mr, mi = mxr * myr + mxi * myi, mxr * myi - mxi * myr
        s = p // 2
        store(total, s, load(total, s) + (er - mi))
        store(total, s + 8, load(total, s + 8) + (ei + mr))
        if p != q:
            s = q // 2
            store(total, s, load(total, s) + (er + mi))
            store(total, s + 8, load(total, s + 8) + (mr - ei))


@njit(cache=True, nogil=True)
def _invert(total, order, factors, work, out):  # type: ignore[no-untyped-def]
    """Correlations ``(2, 2 * MAX_LAG, 8)`` of envelopes and motions from their spectra.

    An inverse transform is a forward one of the conjugate, conjugated.
    """
    nothing = zeros()
    for n in range(SIZE):
        s = order[n] * 2 * LANES
        store16(work, n * _POINT, join(load(total, s), nothing))
        store16(work, n * _POINT + 16, join(nothing - load(total, s + 8), nothing))
    _transform(work, factors)
    for n in range(2 * MAX_LAG):
        s = order[n] * _POINT
        store(out, n * LANES, load(work, s) * (0.25 / SIZE))
        store(out, (2 * MAX_LAG + n) * LANES, load(work, s + 16) * (-0.25 / SIZE))


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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
    """Finds the best lags of one group of channels after another."""

    def __init__(self) -> None:
        self._work = aligned(4 * SIZE, np.float32).ravel()
        self._total = aligned(2 * SIZE, np.float32).ravel()
        self._power = aligned(2)
        self._correlation = aligned(2 * 2 * MAX_LAG).reshape(2, 2 * MAX_LAG, LANES)
        self._moved = aligned(_ROWS + SLACK)
        self._sums = aligned(2 * SLACK).reshape(2, SLACK, LANES)

    def lags(self, windows: Callable[[], Iterable[Window]], samples: int) -> Integers:
        """Samples by which y lags x, ``(2, 8)``: of the envelopes, and of the motions.

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
        while (place <= last).any():
            width = int((last - place).max()) + 1
            count = _FEW if width > SLACK else -(-width // _TOGETHER) * _TOGETHER
            values = self._compared(windows, samples, place - MAX_LAG, count)
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
        """Correlations in float32; returns what the best ones must reach, and silent channels."""
        self._total[:] = 0
        self._power[:] = 0
        blocks = 0
        for window in windows():
            for start in range(window.start, window.stop, STEP):
                row = window.row + start - window.start
                _add_block(
                    start, samples, window.x, row, window.y, row, self._work, _TWIDDLES, _PAIRS,
                    self._total, self._power,
                )  # fmt: skip
                blocks += 1
        _invert(self._total, _ORDER, _TWIDDLES, self._work, self._correlation)
        error = (_ERROR + blocks * _ERROR_PER_BLOCK) * np.sqrt(self._power[0] * self._power[1])
        peak = self._correlation[:, low : high + 1].max(axis=1)
        return peak - 2 * error, self._power.min(axis=0) < _SILENT * samples

    def _compared(
        self,
        windows: Callable[[], Iterable[Window]],
        samples: int,
        first: Integers,
        count: int,
    ) -> Floats:
        """Correlations in float64 at `count` lags from `first` ``(2, 8)`` on, ``(2, count, 8)``."""
        sums = self._sums[:, :count]
        sums[:] = 0
        for window in windows():
            stop = min(window.stop, samples)
            for part in range(2):
                _compare(
                    window.x[part], window.row, window.y[part], window.row + first[part],
                    stop - window.start, count, self._moved, self._sums[part],
                )  # fmt: skip
        return np.array(sums)
