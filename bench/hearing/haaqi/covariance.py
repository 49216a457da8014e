"""Kernels of the short-time covariance of the basilar membrane's motion."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.haircells import BLOCK, hair_cells
from bench.hearing.haaqi.parameters import COVARIANCE_LAG, COVARIANCE_WINDOW, Floats
from bench.hearing.haaqi.simd import (
    LANES,
    aligned,
    load,
    magnitude,
    maximum,
    store,
    zeros,
)

_WINDOW: Final = np.hanning(COVARIANCE_WINDOW)
_LAGS: Final = 2 * COVARIANCE_LAG + 2
"""Lags at which covariances are taken, and one more whose weight is zero."""
_AT_ONCE: Final = 10
# The model doubles the power, takes its root, and asks whether that exceeds the threshold.
_AUDIBLE: Final = parameters.SILENCE_THRESHOLD**2 / 2 * (1 - 1e-9)


def _normalisation(window: Floats) -> tuple[Floats, float]:
    """Weights of the lags, ``(_LAGS,)``, and of the power, that undo a window's taper."""
    correlation = np.correlate(window, window, "full")
    middle = window.size - 1
    lags = 1 / correlation[middle - COVARIANCE_LAG : middle + COVARIANCE_LAG + 1]
    return np.append(lags, 0.0), float(1 / np.sum(window**2))


_FULL_LAGS, _FULL_POWER = _normalisation(_WINDOW)
_HALF_LAGS, _HALF_POWER = _normalisation(_WINDOW[BLOCK:])


@njit(cache=True, nogil=True)
def _weigh(motion, row, window_row, total, out, out_row):  # type: ignore[no-untyped-def]
    """Half a window over BLOCK rows, and the sum of what comes out, added to `total`."""
    for i in range(BLOCK):
        value = _WINDOW[window_row + i] * load(motion, (row + i) * LANES)
        total = total + value
        store(out, (out_row + i) * LANES, value)
    return total


@njit(cache=True, nogil=True)
def _centre(values, row, length, total, scale):  # type: ignore[no-untyped-def]
    """Make `length` rows that sum to `total` zero-mean; their power times `scale`."""
    mean = total * (1.0 / length)
    power = zeros()
    for i in range(length):
        value = load(values, (row + i) * LANES) - mean
        power = power + value * value
        store(values, (row + i) * LANES, value)
    return power * scale


@njit(cache=True, nogil=True)
def _peak(x, y, length, weights):  # type: ignore[no-untyped-def]
    """The greatest magnitude over the lags of the weighted correlation of two segments.

    Args:
        x: from row 0.
        y: from row COVARIANCE_LAG; that many zero rows lie before and after it, and one more.
    """
    peak = zeros()
    for group in range(_LAGS // _AT_ONCE):
        lag = group * _AT_ONCE
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = zeros()
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
            a7 = a7 + value * load(y, at + 7 * LANES)
            a8 = a8 + value * load(y, at + 8 * LANES)
            a9 = a9 + value * load(y, at + 9 * LANES)
        peak = maximum(peak, magnitude(a0) * weights[lag])
        peak = maximum(peak, magnitude(a1) * weights[lag + 1])
        peak = maximum(peak, magnitude(a2) * weights[lag + 2])
        peak = maximum(peak, magnitude(a3) * weights[lag + 3])
        peak = maximum(peak, magnitude(a4) * weights[lag + 4])
        peak = maximum(peak, magnitude(a5) * weights[lag + 5])
        peak = maximum(peak, magnitude(a6) * weights[lag + 6])
        peak = maximum(peak, magnitude(a7) * weights[lag + 7])
        peak = maximum(peak, magnitude(a8) * weights[lag + 8])
        peak = maximum(peak, magnitude(a9) * weights[lag + 9])
    return peak


_FIRST, _FULL, _LAST = 0, 1, 2


@njit(cache=True, nogil=True)
def _segment(x, x_rows, y, y_rows, kind, xs, ys, tile, out):  # type: ignore[no-untyped-def]
    """Powers and peak covariance of one segment, to ``out[:, tile]``, ``(3, segments, 8)``.

    A full segment is two blocks, whose rows are `x_rows` and `y_rows`; the first one has only the
    later block, under the falling half of the window, and the last one only the earlier.
    """
    total_x = total_y = zeros()
    length = 0
    if kind != _FIRST:
        total_x = _weigh(x, x_rows[0], 0, total_x, xs, 0)
        total_y = _weigh(y, y_rows[0], 0, total_y, ys, COVARIANCE_LAG)
        length = BLOCK
    if kind != _LAST:
        total_x = _weigh(x, x_rows[1], BLOCK, total_x, xs, length)
        total_y = _weigh(y, y_rows[1], BLOCK, total_y, ys, COVARIANCE_LAG + length)
        length += BLOCK
    ys[COVARIANCE_LAG + length : _LAGS + length] = 0.0
    scale = _FULL_POWER if kind == _FULL else _HALF_POWER
    segments = out.shape[1]
    store(out, tile * LANES, _centre(xs, 0, length, total_x, scale))
    store(
        out,
        (segments + tile) * LANES,
        _centre(ys, COVARIANCE_LAG, length, total_y, scale),
    )
    # A tile whose reference is below threshold has no weight, whatever its covariance.
    if out[0, tile].max() > _AUDIBLE:
        peak = _peak(xs, ys, length, _FULL_LAGS if kind == _FULL else _HALF_LAGS)
        store(out, (2 * segments + tile) * LANES, peak)


@njit(cache=True, nogil=True)
def tiles(  # type: ignore[no-untyped-def]
    blocks, first, reference, processed, noise_gain, x, fresh, y, scratch, out
):
    """Hair cells and covariances of one group for a range of blocks.

    Args:
        blocks: the range, ``(start, stop)``; to be called with consecutive ranges.
        first: see :func:`hair_cells`.
        reference: ``(source, shifts, rows, state, noise, noise_start, smooth)`` for
            :func:`hair_cells`.
        processed: the same of the processed signal.
        noise_gain: amplitude of the noise.
        x: the reference's motion with noise, float32 ``(rows, 8)``; two blocks, used in turn, or
            all of them.
        fresh: whether the reference's motion has yet to be computed.
        y: the processed signal's, two blocks.
        scratch: room for two segments, see :func:`scratch`.
        out: powers of both signals and their covariance, ``(3, segments, 8)``.
    """
    segments = out.shape[1]
    all_x = x.shape[0] > 2 * BLOCK
    xs, ys = scratch[0], scratch[1]
    for j in range(blocks[0], blocks[1]):
        now_x = (j if all_x else j % 2) * BLOCK
        now_y = j % 2 * BLOCK
        if fresh:
            source, shifts, rows, state, noise, start, smooth = reference
            hair_cells(
                source, shifts, first, j * BLOCK, rows, state, noise, start, noise_gain, x, now_x,
                smooth,
            )  # fmt: skip
        source, shifts, rows, state, noise, start, smooth = processed
        hair_cells(
            source, shifts, first, j * BLOCK, rows, state, noise, start, noise_gain, y, now_y,
            smooth,
        )  # fmt: skip
        x_rows = ((j - 1 if all_x else (j - 1) % 2) * BLOCK, now_x)
        y_rows = ((j - 1) % 2 * BLOCK, now_y)
        if j == 0:
            _segment(x, x_rows, y, y_rows, _FIRST, xs, ys, 0, out)
        elif 2 <= j < segments:
            _segment(x, x_rows, y, y_rows, _FULL, xs, ys, j - 1, out)
        if j == segments - 1:
            _segment(x, (now_x, now_x), y, (now_y, now_y), _LAST, xs, ys, j, out)


def scratch() -> Floats:
    """Room for :func:`tiles`; its rows before and after a segment stay zero."""
    rows = COVARIANCE_WINDOW + _LAGS
    return aligned(2 * rows).reshape(2, rows, LANES)
