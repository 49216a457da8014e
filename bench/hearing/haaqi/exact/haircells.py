"""Kernels of the inner hair cells: dB SL, adaptation, threshold noise, envelope smoothing.

They run over one group of eight channels in blocks of half a covariance window (192 samples), so
that what they write is still in the cache when the covariance reads it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.exact.gammatone import grouped
from bench.hearing.haaqi.parameters import ENVELOPE_WINDOW, Cochlea, Floats
from bench.hearing.simd.elementary import log2, reciprocal
from bench.hearing.simd.kernel import kernel
from bench.hearing.simd.vector import LANES, load, load_shifted, maximum, store, zeros

BLOCK: Final = parameters.COVARIANCE_WINDOW // 2
HOP: Final = ENVELOPE_WINDOW // 2
"""Samples between two segments of the smoothed envelope; a block holds two."""

_SMALL: Final = parameters.SMALL
_FLOOR: Final = 1e-100
"""dB SL for zero: nothing even beside _SMALL, but it keeps voltages from denormal numbers."""
_DECIBELS: Final = float(20 * np.log10(2))
_OVERSHOOT: Final = parameters.OVERSHOOT
_B1, _A11, _A12, _B2, _A21, _A22 = (float(c) for c in parameters.adaptation())
_TAPER: Final = np.hanning(ENVELOPE_WINDOW)


def haircell_coefficients(ear: Cochlea[Floats], level1: float) -> Floats:
    """dB SL of an envelope of 1.0 in each channel, ``(groups, 1, 8)``."""
    return grouped(level1 - ear.ihc_attenuation)


@kernel
def hair_cells(  # type: ignore[no-untyped-def]
    source,
    shifts,
    first,
    start,
    rows,
    state,
    noise,
    noise_start,
    noise_gain,
    out,
    out_row,
    smooth,
):
    """Apply the inner hair cells of one group to BLOCK samples from `start`.

    Args:
        source: compressed envelope and motion, two arrays ``(rows, 8)``.
        shifts: ``(2, 8)``, what is added to a sample's number to find its row in either, channel
            by channel.
        first: each channel's first sample that is not delayed away, ``(8,)``.
        rows: the group's coefficients.
        state: the adaptation's two voltages, ``(2, 8)``.
        noise: standard normal, flat, read round and round; its size is a power of two.
        noise_start: where in it the signal starts.
        noise_gain: its amplitude.
        out: the motion is written from `out_row` on, ``(>= rows, 8)``.
        smooth: ``(2, hops, 8)``: sums of the envelope under the rising and the falling half of
            the window that starts or is half over at each hop.
    """
    envelope, motion = source
    level = load(rows, 0)
    v1, v2 = load(state, 0), load(state, LANES)
    alive = np.ones(LANES)
    latest = first.max()
    mask = noise.size - 1
    for part in range(BLOCK // HOP):
        rise = fall = zeros()
        for i in range(HOP):
            n = start + part * HOP + i
            if n <= latest:
                for k in range(LANES):
                    alive[k] = 1.0 if n >= first[k] else 0.0
            audible = load(alive, 0)
            amplitude = load_shifted(envelope, n, shifts, 0) * audible + _SMALL
            v0 = maximum(_DECIBELS * log2(amplitude) + level, _FLOOR)
            v1_next = _A12 * v2 + (_A11 * v1 + _B1 * v0)
            v2 = _A22 * v2 + (_A21 * v1 + _B2 * v0)
            v1 = v1_next
            adapted = maximum(_OVERSHOOT * (v0 - v1), 0.0)
            rise = rise + _TAPER[i] * adapted
            fall = fall + _TAPER[HOP + i] * adapted
            gain = (adapted + _SMALL) * reciprocal(amplitude)
            movement = load_shifted(motion, n, shifts, LANES) * gain
            movement = movement + noise_gain * load(noise, (noise_start + n * LANES) & mask)
            store(out, (out_row + part * HOP + i) * LANES, movement * audible)
        hop = start // HOP + part
        if hop < smooth.shape[1]:
            store(smooth, hop * LANES, rise)
            store(smooth, (smooth.shape[1] + hop) * LANES, fall)
    store(state, 0, v1)
    store(state, LANES, v2)


def smoothed(sums: Floats) -> Floats:
    """Join the segments of the smoothed envelope, ``(segments, 8)``, from their halves.

    The first segment has the falling half of the window, the last one the rising half.

    Args:
        sums: `smooth` of :func:`hair_cells`.
    """
    rise, fall = sums
    segments = rise.shape[0]
    result = np.empty((segments, LANES))
    result[1:-1] = (rise[1 : segments - 1] + fall[2:segments]) / _TAPER.sum()
    result[0] = fall[0] / _TAPER[HOP:].sum()
    result[-1] = rise[segments - 1] / _TAPER[HOP:].sum()
    return result
