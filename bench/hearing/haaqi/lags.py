"""Correlations over lags of +-100 ms, eight channels at a time, by block Fourier transforms."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft

from bench.hearing.haaqi.parameters import MAX_LAG, Floats
from bench.hearing.haaqi.simd import LANES, aligned, join, load, load16, store, store16, zeros

SIZE: Final = 1 << 14
"""Points of a transform."""
STEP: Final = SIZE - 2 * MAX_LAG
"""Samples of the reference in a block; the processed signal's are MAX_LAG more on either side."""
_POINT: Final = 32
"""float32 of a point: real and imaginary parts of eight channels of both signals."""


def _twiddles() -> NDArray[np.float32]:
    """For each span from SIZE down to 4: ``(span / 4, 3, 2)`` factors of a radix-4 pass."""
    tables = []
    span = SIZE
    while span >= 4:
        angle = -2 * np.pi / span * np.outer(np.arange(span // 4), (1, 2, 3))
        tables.append(np.stack((np.cos(angle), np.sin(angle)), axis=-1).ravel())
        span //= 4
    return np.concatenate(tables).astype(np.float32)


def _order() -> NDArray[np.int64]:
    """Where the transform leaves each frequency: its number with base-4 digits reversed."""
    digits = np.arange(SIZE)
    place = np.zeros(SIZE, dtype=np.int64)
    for _ in range(7):
        place = 4 * place + digits % 4
        digits //= 4
    return place


_TWIDDLES: Final = _twiddles()
_ORDER: Final = _order()
_PAIRS: Final = np.stack(
    (_ORDER[: SIZE // 2 + 1], _ORDER[-np.arange(SIZE // 2 + 1) % SIZE]), axis=1
)[np.argsort(_ORDER[: SIZE // 2 + 1])]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _transform(work, factors):  # type: ignore[no-untyped-def]
    """All passes: depth first, so that each part is finished while it is in the cache."""
    n = work.size // _POINT
    at1 = n // 4 * 6
    at2 = at1 + n // 16 * 6
    at3 = at2 + n // 64 * 6
    _pass(work, 0, n, factors, 0)
    for a in range(4):
        _pass(work, a * (n // 4) * _POINT, n // 4, factors, at1)
        for b in range(4):
            start = (4 * a + b) * (n // 16) * _POINT
            _pass(work, start, n // 16, factors, at2)
            for c in range(4):
                first = start + c * (n // 64) * _POINT
                span, at = n // 64, at3
                while span >= 4:
                    for d in range(n // 64 // span):
                        _pass(work, first + d * span * _POINT, span, factors, at)
                    at += span // 4 * 6
                    span //= 4


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _gather(work, start, samples, pad, envelope_x, motion_x, envelope_y, motion_y):  # type: ignore[no-untyped-def]
    """Envelope + i motion of both signals from sample `start`, in float32, zero where unknown."""
    nothing = zeros()
    for n in range(SIZE):
        er = mr = ep = mp = nothing
        if n < STEP and start + n < samples:
            at = (pad + start + n) * LANES
            er, mr = load(envelope_x, at), load(motion_x, at)
        if start + n < samples + MAX_LAG:
            at = (pad + start + n - MAX_LAG) * LANES
            ep, mp = load(envelope_y, at), load(motion_y, at)
        store16(work, n * _POINT, join(er, ep))
        store16(work, n * _POINT + 16, join(mr, mp))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _accumulate(work, pairs, total):  # type: ignore[no-untyped-def]
    """Add the cross spectra of the envelopes and, times i, of the motions."""
    for row in range(pairs.shape[0]):
        p, q = pairs[row, 0] * _POINT, pairs[row, 1] * _POINT
        ar, ai = load(work, p), load(work, p + 16)
        br, bi = load(work, q), load(work, q + 16)
        cr, ci = load(work, p + 8), load(work, p + 24)
        dr, di = load(work, q + 8), load(work, q + 24)
        # Spectra of real signals from that of their complex sum, times two.
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


def correlations(
    samples: int,
    pad: int,
    envelope_x: Floats,
    motion_x: Floats,
    envelope_y: Floats,
    motion_y: Floats,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Correlations of envelopes and of motions, ``(2 * MAX_LAG, 8)`` from lag -MAX_LAG on."""
    work = aligned(SIZE * 4, np.float32).ravel()
    total = aligned(SIZE * 2, np.float32).ravel()
    for start in range(0, samples, STEP):
        _gather(work, start, samples, pad, envelope_x, motion_x, envelope_y, motion_y)
        _transform(work, _TWIDDLES)
        _accumulate(work, _PAIRS, total)
    spectrum = total.reshape(SIZE, 2, LANES)[_ORDER]
    both = fft.ifft(spectrum[:, 0] + 1j * spectrum[:, 1], axis=0)[: 2 * MAX_LAG] / 4
    return both.real, both.imag
