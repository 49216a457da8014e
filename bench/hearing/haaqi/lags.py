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

from bench.hearing.haaqi.compiling import kernel
from bench.hearing.haaqi.parameters import MAX_LAG, Floats
from bench.hearing.haaqi.simd import (
    LANES,
    aligned,
    join,
    load,
    load16,
    load_shifted,
    maximum,
    store,
    store16,
    zeros,
)

RADICES: Final = (8, 8, 8, 8, 4)
SIZE: Final = 1 << 14
"""Points of a transform, the product of the radices of its passes."""
STEP: Final = 11520
"""Samples of the reference in a transform: whole blocks of the covariance. The processed signal's
reach MAX_LAG further on either side."""

Integers = NDArray[np.int64]

_POINT: Final = 4 * LANES
"""float32 of a point: real parts, then imaginary ones, of eight channels of two signals."""
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


def _twiddles() -> NDArray[np.float32]:
    """For each span: ``(span / radix, radix - 1, 2)`` factors of its pass."""
    tables = []
    span = SIZE
    for radix in RADICES:
        angle = -2 * np.pi / span * np.outer(np.arange(span // radix), np.arange(1, radix))
        tables.append(np.stack((np.cos(angle), np.sin(angle)), axis=-1).ravel())
        span //= radix
    return np.concatenate(tables).astype(np.float32)


def _order() -> Integers:
    """Where the transform leaves each frequency: its number with its digits reversed."""
    digits = np.arange(SIZE)
    place = np.zeros(SIZE, dtype=np.int64)
    for radix in RADICES:
        place = radix * place + digits % radix
        digits //= radix
    return place


def _pairs() -> Integers:
    """Places of each frequency and of its negative, in the order in which they are finished.

    Frequencies of remainder m by 8 fill the m-th eighth of the points, and those of remainder
    8 - m are their negatives: see :func:`_add_spectra`.
    """
    order = _order()
    frequency = np.arange(SIZE)
    parts = []
    for eighth in (0, 4, 1, 2, 3):
        chosen = frequency[frequency % 8 == eighth]
        if eighth in (0, 4):
            chosen = chosen[chosen <= SIZE // 2]
        chosen = chosen[np.argsort(order[chosen])]
        parts.append(np.stack((order[chosen], order[-chosen % SIZE]), axis=1))
    return np.concatenate(parts)


_TWIDDLES: Final = _twiddles()
_ORDER: Final = _order()
_PAIRS: Final = _pairs()
_EIGHTH: Final = np.float32(0.5**0.5)


@njit(inline="always")
def _load(work, place):  # type: ignore[no-untyped-def]
    return load16(work, place), load16(work, place + 16)


@njit(inline="always")
def _store(work, place, real, imaginary):  # type: ignore[no-untyped-def]
    store16(work, place, real)
    store16(work, place + 16, imaginary)


@njit(inline="always")
def _turn(work, place, real, imaginary, factors, w):  # type: ignore[no-untyped-def]
    u, v = factors[w], factors[w + 1]
    store16(work, place, real * u - imaginary * v)
    store16(work, place + 16, real * v + imaginary * u)


@kernel
def _pass4(work, base):  # type: ignore[no-untyped-def]
    """The last pass: a transform of the four points from `base`."""
    r0, i0 = _load(work, base)
    r1, i1 = _load(work, base + _POINT)
    r2, i2 = _load(work, base + 2 * _POINT)
    r3, i3 = _load(work, base + 3 * _POINT)
    ar, ai, br, bi = r0 + r2, i0 + i2, r0 - r2, i0 - i2
    cr, ci, dr, di = r1 + r3, i1 + i3, r1 - r3, i1 - i3
    _store(work, base, ar + cr, ai + ci)
    _store(work, base + _POINT, br + di, bi - dr)
    _store(work, base + 2 * _POINT, ar - cr, ai - ci)
    _store(work, base + 3 * _POINT, br - di, bi + dr)


@njit(inline="always")
def _butterfly(work, p, q, points, factors, w):  # type: ignore[no-untyped-def]
    """A transform of eight points `q` apart, each output but the first turned by its factor."""
    (r0, i0), (r1, i1), (r2, i2), (r3, i3), (r4, i4), (r5, i5), (r6, i6), (r7, i7) = points
    r0, i0, r4, i4 = r0 + r4, i0 + i4, r0 - r4, i0 - i4
    r2, i2, r6, i6 = r2 + r6, i2 + i6, r2 - r6, i2 - i6
    r1, i1, r5, i5 = r1 + r5, i1 + i5, r1 - r5, i1 - i5
    r3, i3, r7, i7 = r3 + r7, i3 + i7, r3 - r7, i3 - i7
    # Even outputs are a transform of four sums, odd ones of four differences turned by
    # eighths: (d0, d1 w, d2 w^2, d3 w^3) with w = exp(-i pi / 4).
    ar, ai, br, bi = r0 + r2, i0 + i2, r0 - r2, i0 - i2
    cr, ci, dr, di = r1 + r3, i1 + i3, r1 - r3, i1 - i3
    _store(work, p, ar + cr, ai + ci)
    _turn(work, p + 4 * q, ar - cr, ai - ci, factors, w + 6)
    _turn(work, p + 2 * q, br + di, bi - dr, factors, w + 2)
    _turn(work, p + 6 * q, br - di, bi + dr, factors, w + 10)
    r5, i5 = _EIGHTH * (r5 + i5), _EIGHTH * (i5 - r5)
    r7, i7 = _EIGHTH * (i7 - r7), -_EIGHTH * (r7 + i7)
    ar, ai, br, bi = r4 + i6, i4 - r6, r4 - i6, i4 + r6
    cr, ci, dr, di = r5 + r7, i5 + i7, r5 - r7, i5 - i7
    _turn(work, p + q, ar + cr, ai + ci, factors, w)
    _turn(work, p + 5 * q, ar - cr, ai - ci, factors, w + 8)
    _turn(work, p + 3 * q, br + di, bi - dr, factors, w + 4)
    _turn(work, p + 7 * q, br - di, bi + dr, factors, w + 12)


@kernel
def _pass8(work, base, span, factors, at):  # type: ignore[no-untyped-def]
    """One radix-8 pass of a decimation in frequency over the `span` points from `base`."""
    q = span // 8 * _POINT
    for j in range(span // 8):
        p = base + j * _POINT
        points = (
            _load(work, p), _load(work, p + q), _load(work, p + 2 * q), _load(work, p + 3 * q),
            _load(work, p + 4 * q), _load(work, p + 5 * q), _load(work, p + 6 * q),
            _load(work, p + 7 * q),
        )  # fmt: skip
        _butterfly(work, p, q, points, factors, at + 14 * j)


@kernel
def _subtransform(work, base, factors):  # type: ignore[no-untyped-def]
    """The passes after the first, over an eighth of the points, depth first."""
    span = SIZE // 8
    at = SIZE // 8 * 14
    _pass8(work, base, span, factors, at)
    at += span // 8 * 14
    for part in range(8):
        first = base + part * (span // 8) * _POINT
        _pass8(work, first, span // 8, factors, at)
        for small in range(8):
            start = first + small * (span // 64) * _POINT
            _pass8(work, start, span // 64, factors, at + span // 64 * 14)
            for least in range(8):
                _pass4(work, start + least * 4 * _POINT)


@kernel
def _transform(work, factors):  # type: ignore[no-untyped-def]
    """Transform SIZE points in place; frequencies come out in the order of _ORDER."""
    _pass8(work, 0, SIZE, factors, 0)
    for part in range(8):
        _subtransform(work, part * (SIZE // 8) * _POINT, factors)


@kernel
def _multiply(work, pairs, total, power):  # type: ignore[no-untyped-def]
    """Add cross spectra at `pairs` of places to `total`, and the points' squares to `power`."""
    power_x, power_y = load(power, 0), load(power, LANES)
    for row in range(pairs.shape[0]):
        p, q = pairs[row, 0] * _POINT, pairs[row, 1] * _POINT
        ar, ai, br, bi = load(work, p), load(work, p + 16), load(work, q), load(work, q + 16)
        cr, ci = load(work, p + 8), load(work, p + 24)
        dr, di = load(work, q + 8), load(work, q + 24)
        # Twice the spectra of the envelope and the motion, from those of their complex sum.
        exr, exi, mxr, mxi = ar + br, ai - bi, ai + bi, br - ar
        eyr, eyi, myr, myi = cr + dr, ci - di, ci + di, dr - cr
        er, ei = exr * eyr + exi * eyi, exr * eyi - exi * eyr
        mr, mi = mxr * myr + mxi * myi, mxr * myi - mxi * myr
        power_x = power_x + (ar * ar + ai * ai) + (br * br + bi * bi)
        power_y = power_y + (cr * cr + ci * ci) + (dr * dr + di * di)
        s = p // 2
        store(total, s, load(total, s) + (er - mi))
        store(total, s + 8, load(total, s + 8) + (ei + mr))
        if p != q:
            s = q // 2
            store(total, s, load(total, s) + (er + mi))
            store(total, s + 8, load(total, s + 8) + (mr - ei))
    store(power, 0, power_x)
    store(power, LANES, power_y)


@kernel
def _gather(  # type: ignore[no-untyped-def]
    envelope_x, motion_x, x_row, x_count, envelope_y, motion_y, y_row, y_count, work
):
    """A block as points envelope + i motion in float32, zero behind `x_count` and `y_count`."""
    nothing = zeros()
    for n in range(x_count):
        p, q = (x_row + n) * LANES, (y_row + n) * LANES
        real = join(load(envelope_x, p), load(envelope_y, q))
        _store(work, n * _POINT, real, join(load(motion_x, p), load(motion_y, q)))
    for n in range(x_count, y_count):
        q = (y_row + n) * LANES
        real = join(nothing, load(envelope_y, q))
        _store(work, n * _POINT, real, join(nothing, load(motion_y, q)))
    for n in range(y_count, SIZE):
        _store(work, n * _POINT, join(nothing, nothing), join(nothing, nothing))


@kernel
def _add_spectra(work, factors, pairs, total, power):  # type: ignore[no-untyped-def]
    """Transform a block; cross spectra are added to `total` while they are in the cache."""
    _pass8(work, 0, SIZE, factors, 0)
    eighth = SIZE // 8 * _POINT
    done = 0
    for part in (0, 4, 1, 2, 3):
        _subtransform(work, part * eighth, factors)
        if part in (0, 4):
            count = SIZE // 16 + (1 if part == 0 else 0)
        else:
            _subtransform(work, (8 - part) * eighth, factors)
            count = SIZE // 8
        _multiply(work, pairs[done : done + count], total, power)
        done += count


@kernel
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
    """The greatest correlation at places `low` to `high`, ``(2, 8)``."""
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
        """Correlations in float32; returns what the best ones must reach, and silent channels."""
        self._total[:] = 0
        self._power[:] = 0
        blocks = 0
        for window in windows():
            for start in range(window.start, window.stop, STEP):
                row = window.row + start - window.start
                x_count = min(STEP, samples - start)
                y_count = min(STEP, samples - start) + 2 * MAX_LAG
                y_row = row - MAX_LAG
                _gather(*window.x, row, x_count, *window.y, y_row, y_count, self._work)
                _add_spectra(self._work, _TWIDDLES, _PAIRS, self._total, self._power)
                blocks += 1
        _invert(self._total, _ORDER, _TWIDDLES, self._work, self._correlation)
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
        """Correlations in float64 at `count` lags from `first` ``(2, 8)`` on, ``(2, count, 8)``.

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
