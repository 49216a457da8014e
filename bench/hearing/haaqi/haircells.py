"""Kernels after the alignment: dB SL, adaptation, threshold noise, smoothing and covariance.

They run over one group of eight channels in blocks of half a covariance window (192 samples), so
that everything between the aligned envelopes and the segments' values stays in the cache.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.elementary import log2, reciprocal
from bench.hearing.haaqi.filterbank import _grouped
from bench.hearing.haaqi.parameters import Cochlea, Floats
from bench.hearing.haaqi.simd import (
    LANES,
    load,
    load_shifted,
    magnitude,
    maximum,
    store,
    zeros,
)

WINDOW: Final = parameters.COVARIANCE_WINDOW
BLOCK: Final = WINDOW // 2
LAG: Final = parameters.COVARIANCE_LAG
_HOP: Final = parameters.ENVELOPE_WINDOW // 2
_SMALL: Final = parameters.SMALL
_DECIBELS: Final = float(20 * np.log10(2))
_OVERSHOOT: Final = parameters.OVERSHOOT
_B1, _A11, _A12, _B2, _A21, _A22 = (float(c) for c in parameters.adaptation())

_TAPER: Final = np.hanning(WINDOW)
_ENVELOPE_TAPER: Final = np.hanning(parameters.ENVELOPE_WINDOW)


def haircell_coefficients(ear: Cochlea, level1: float) -> Floats:
    """Rows for :func:`hair_cells`, ``(groups, 1, 8)``."""
    return _grouped(level1 - ear.ihc_attenuation)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def hair_cells(  # type: ignore[no-untyped-def]
    envelope,
    motion,
    envelope_shift,
    motion_shift,
    first,
    start,
    rows,
    state,
    noise,
    noise_gain,
    noise_start,
    out,
    out_row,
    rise,
    fall,
):
    """Inner hair cells for BLOCK samples from `start` of one group.

    Args:
        envelope: compressed envelope, padded with zero rows, ``(rows, 8)``.
        motion: compressed motion, likewise.
        envelope_shift: what to add to the sample index to find each channel's row, ``(8,)``.
        motion_shift: the same for the motion.
        first: each channel's first sample that is not delayed away, ``(8,)``.
        rows: coefficients.
        state: the two voltages, ``(2, 8)``.
        noise: standard normal, flat; read from `noise_start`, and again from its start on.
        out: the motion with noise is written from `out_row` on, ``(>= rows, 8)``.
        rise: sums under the rising half of the envelope window, a row for each 96 samples.
        fall: under the falling half.
    """
    level = load(rows, 0)
    v1, v2 = load(state, 0), load(state, LANES)
    live = np.ones(LANES)
    latest = first.max()
    for part in range(BLOCK // _HOP):
        up = zeros()
        down = zeros()
        for i in range(_HOP):
            n = start + part * _HOP + i
            if n <= latest:
                for k in range(LANES):
                    live[k] = 1.0 if n >= first[k] else 0.0
            alive = load(live, 0)
            amplitude = load_shifted(envelope, n, envelope_shift) * alive + _SMALL
            v0 = maximum(_DECIBELS * log2(amplitude) + level, _SMALL)
            w1 = _A12 * v2 + (_A11 * v1 + _B1 * v0)
            v2 = _A22 * v2 + (_A21 * v1 + _B2 * v0)
            v1 = w1
            adapted = maximum(_OVERSHOOT * (v0 - v1), 0.0)
            up = up + _ENVELOPE_TAPER[i] * adapted
            down = down + _ENVELOPE_TAPER[_HOP + i] * adapted
            movement = load_shifted(motion, n, motion_shift) * (
                (adapted + _SMALL) * reciprocal(amplitude)
            )
            hiss = noise_gain * load(noise, (noise_start + n * LANES) & (noise.size - 1))
            store(out, (out_row + part * _HOP + i) * LANES, (movement + hiss) * alive)
        store(rise, (start // _HOP + part) * LANES, up)
        store(fall, (start // _HOP + part) * LANES, down)
    store(state, 0, v1)
    store(state, LANES, v2)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def taper(motion, row, length, window, window_row, out, out_row):  # type: ignore[no-untyped-def]
    """Window `length` rows and make them zero-mean; returns their sum of squares, ``(8,)``."""
    total = zeros()
    for i in range(length):
        value = window[window_row + i] * load(motion, (row + i) * LANES)
        total = total + value
        store(out, (out_row + i) * LANES, value)
    mean = total * (1.0 / length)
    power = zeros()
    for i in range(length):
        value = load(out, (out_row + i) * LANES) - mean
        power = power + value * value
        store(out, (out_row + i) * LANES, value)
    result = np.empty(LANES)
    store(result, 0, power)
    return result


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def peak_covariance(x, y, length, weights, out, out_row):  # type: ignore[no-untyped-def]
    """The greatest magnitude over lags of the weighted correlation of two tapered segments.

    Args:
        x: ``(length, 8)``.
        y: ``(LAG + length + LAG, 8)``, whose first and last LAG rows are zero.
        weights: of each lag from -LAG to LAG, ``(49,)``.
    """
    peak = zeros()
    for group in range(7):
        lag = group * 7
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = zeros()
        for i in range(length):
            value = load(x, i * LANES)
            at = (i + lag) * LANES
            a0 = a0 + value * load(y, at)
            a1 = a1 + value * load(y, at + LANES)
            a2 = a2 + value * load(y, at + 2 * LANES)
            a3 = a3 + value * load(y, at + 3 * LANES)
            a4 = a4 + value * load(y, at + 4 * LANES)
            a5 = a5 + value * load(y, at + 5 * LANES)
            a6 = a6 + value * load(y, at + 6 * LANES)
        peak = maximum(peak, magnitude(a0) * weights[lag])
        peak = maximum(peak, magnitude(a1) * weights[lag + 1])
        peak = maximum(peak, magnitude(a2) * weights[lag + 2])
        peak = maximum(peak, magnitude(a3) * weights[lag + 3])
        peak = maximum(peak, magnitude(a4) * weights[lag + 4])
        peak = maximum(peak, magnitude(a5) * weights[lag + 5])
        peak = maximum(peak, magnitude(a6) * weights[lag + 6])
    store(out, out_row * LANES, peak)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def covariances(x, y, blocks, weights, half_weights, x_power, y_power, peak):  # type: ignore[no-untyped-def]
    """Powers and covariances of the segments of one group; the first and last are half ones."""
    xw = np.zeros((WINDOW, LANES))
    yw = np.zeros((WINDOW + 2 * LAG, LANES))
    for j in range(blocks):
        edge = j == 0 or j == blocks - 1
        length = BLOCK if edge else WINDOW
        window_row = BLOCK if j == 0 else 0
        x_power[j] = taper(x, j * BLOCK, length, _TAPER, window_row, xw, 0)
        y_power[j] = taper(y, j * BLOCK, length, _TAPER, window_row, yw, LAG)
        if edge:
            yw[LAG + length : 2 * LAG + length] = 0.0
        peak_covariance(xw, yw, length, half_weights if edge else weights, peak, j)
        if edge:
            yw[:] = 0.0
