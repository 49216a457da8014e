"""Fourier transforms of eight channels of two signals at once, for the search of lags.

Sixteen float32 lie side by side in a register: eight channels of the reference, then the same eight
of the processed signal. A point is an envelope plus i times a motion, so that one complex transform
is that of both; :func:`add_spectra` parts them again.

A block goes in by :func:`gather`, its cross spectra are summed by :func:`add_spectra`, and
:func:`invert` turns their sum over all blocks into correlations.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.hearing.haaqi.parameters import MAX_LAG, Integers
from bench.hearing.simd.kernel import kernel
from bench.hearing.simd.vector import LANES, join, load, load16, store, store16, zeros

RADICES: Final = (8, 8, 8, 8, 4)
SIZE: Final = 1 << 14
"""Points of a transform, the product of the radices of its passes."""

_POINT: Final = 4 * LANES
"""float32 of a point: real parts, then imaginary ones, of eight channels of two signals."""


def _twiddles() -> NDArray[np.float32]:
    """Compute the factors of each pass, ``(span / radix, radix - 1, 2)``, one after the other."""
    tables = []
    span = SIZE
    for radix in RADICES:
        angle = -2 * np.pi / span * np.outer(np.arange(span // radix), np.arange(1, radix))
        tables.append(np.stack((np.cos(angle), np.sin(angle)), axis=-1).ravel())
        span //= radix
    return np.concatenate(tables).astype(np.float32)


def _order() -> Integers:
    """Compute where the transform leaves each frequency: its number with its digits reversed."""
    digits = np.arange(SIZE)
    place = np.zeros(SIZE, dtype=np.int64)
    for radix in RADICES:
        place = radix * place + digits % radix
        digits //= radix
    return place


def _pairs() -> Integers:
    """Compute the places of each frequency and its negative, in the order of their finishing.

    Frequencies of remainder m by 8 fill the m-th eighth of the points, and those of remainder
    8 - m are their negatives: see :func:`add_spectra`.
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


TWIDDLES: Final = _twiddles()
"""Factors of all passes: real and imaginary parts."""
ORDER: Final = _order()
"""The place of each frequency in a transformed block."""
PAIRS: Final = _pairs()
"""Places of frequencies and of their negatives, as :func:`add_spectra` finishes them."""

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
    """Run the last pass: a transform of the four points from `base`."""
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
    """Transform eight points `q` apart; each output but the first is turned by its factor."""
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
    """Run one radix-8 pass of a decimation in frequency over the `span` points from `base`."""
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
    """Run the passes after the first, over an eighth of the points, depth first."""
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
    """Transform SIZE points in place; the result is in the order of ORDER."""
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
def gather(  # type: ignore[no-untyped-def]
    envelope_x, motion_x, x_row, x_count, envelope_y, motion_y, y_row, y_count, work
):
    """Write a block as points envelope + i motion in float32.

    Args:
        envelope_x, motion_x: the reference's, ``(rows, 8)``: `x_count` rows from `x_row` on, then
            zeros.
        envelope_y, motion_y: the same of the processed signal.
        work: filled, ``(SIZE * 32,)``, float32.
    """
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
def add_spectra(work, factors, pairs, total, power):  # type: ignore[no-untyped-def]
    """Transform a block; its cross spectra are added to `total` while they are in the cache.

    Args:
        work: a block by :func:`gather`, transformed in place.
        factors: TWIDDLES.
        pairs: PAIRS.
        total: cross spectra of envelopes plus i times those of motions, ``(SIZE * 16,)``.
        power: sums of the squares of both signals' points, ``(2, 8)``, added to.
    """
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
def invert(total, order, factors, work, out):  # type: ignore[no-untyped-def]
    """Compute correlations ``(2, 2 * MAX_LAG, 8)`` of envelopes and motions from their spectra.

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
