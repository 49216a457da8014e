"""Kernels of the short-time covariance of the basilar membrane's motion."""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.exact.haircells import BLOCK, hair_cells
from bench.hearing.haaqi.parameters import COVARIANCE_LAG, COVARIANCE_WINDOW, Floats
from bench.hearing.simd.kernel import kernel
from bench.hearing.simd.vector import LANES, aligned, load, magnitude, maximum, store, zeros

_WINDOW: Final = np.hanning(COVARIANCE_WINDOW)
_LAGS: Final = 2 * COVARIANCE_LAG + 2
"""Lags at which covariances are taken, and one more whose weight is zero."""
_AT_ONCE: Final = 10
_PART: Final = 64
"""Samples whose products at all lags are summed while they are in the nearest cache."""
# The model doubles the power, takes its root, and asks whether that exceeds the threshold.
_AUDIBLE: Final = parameters.SILENCE_THRESHOLD**2 / 2 * (1 - 1e-9)


_lags, _powers = parameters.covariance_norms()
_FULL_LAGS, _HALF_LAGS = (np.append(weights, 0.0) for weights in _lags)
_FULL_POWER, _HALF_POWER = map(float, _powers)


@kernel
def _weigh(motion, row, window_row, total, out, out_row):  # type: ignore[no-untyped-def]
    """Weigh BLOCK rows by half a window; their sum is added to `total`."""
    for i in range(BLOCK):
        value = _WINDOW[window_row + i] * load(motion, (row + i) * LANES)
        total = total + value
        store(out, (out_row + i) * LANES, value)
    return total


@kernel
def _centre(values, row, length, total, scale):  # type: ignore[no-untyped-def]
    """Make `length` rows that sum to `total` zero-mean; returns their power times `scale`."""
    mean = total * (1.0 / length)
    power = zeros()
    for i in range(length):
        value = load(values, (row + i) * LANES) - mean
        power = power + value * value
        store(values, (row + i) * LANES, value)
    return power * scale


@kernel
def _correlate(x, y, start, sums, steps, products):  # type: ignore[no-untyped-def]
    """Add what _PART samples from `start` contribute to every lag's three `products`.

    Two lags of two samples, ``x0 y0 + x1 y1`` and ``x0 y1 + x1 y2``, take three products instead
    of four: ``(x0 + x1) y1`` belongs to both, ``x0 (y0 - y1)`` to the one and ``x1 (y2 - y1)``
    to the other.
    """
    for i in range(_PART // 2):
        at = (start + 2 * i) * LANES
        store(sums, i * LANES, load(x, at) + load(x, at + LANES))
    for i in range((_PART + _LAGS) // 2):
        at = (start + 2 * i) * LANES
        middle = load(y, at + LANES)
        store(steps, 2 * i * LANES, load(y, at) - middle)
        store(steps, (2 * i + 1) * LANES, load(y, at + 2 * LANES) - middle)
    for group in range(_LAGS // _AT_ONCE):
        lag = group * _AT_ONCE * LANES
        p = group * 15 * LANES
        a0, b0, c0 = load(products, p), load(products, p + 8), load(products, p + 16)
        a1, b1, c1 = load(products, p + 24), load(products, p + 32), load(products, p + 40)
        a2, b2, c2 = load(products, p + 48), load(products, p + 56), load(products, p + 64)
        a3, b3, c3 = load(products, p + 72), load(products, p + 80), load(products, p + 88)
        a4, b4, c4 = load(products, p + 96), load(products, p + 104), load(products, p + 112)
        for i in range(_PART // 2):
            at = (start + 2 * i) * LANES
            first, second, both = load(x, at), load(x, at + LANES), load(sums, i * LANES)
            at += lag + LANES
            step = 2 * i * LANES + lag
            a0 = a0 + both * load(y, at)
            b0 = b0 + first * load(steps, step)
            c0 = c0 + second * load(steps, step + 8)
            a1 = a1 + both * load(y, at + 16)
            b1 = b1 + first * load(steps, step + 16)
            c1 = c1 + second * load(steps, step + 24)
            a2 = a2 + both * load(y, at + 32)
            b2 = b2 + first * load(steps, step + 32)
            c2 = c2 + second * load(steps, step + 40)
            a3 = a3 + both * load(y, at + 48)
            b3 = b3 + first * load(steps, step + 48)
            c3 = c3 + second * load(steps, step + 56)
            a4 = a4 + both * load(y, at + 64)
            b4 = b4 + first * load(steps, step + 64)
            c4 = c4 + second * load(steps, step + 72)
        for value in (a0, b0, c0, a1, b1, c1, a2, b2, c2, a3, b3, c3, a4, b4, c4):
            store(products, p, value)
            p += LANES


@kernel
def _peak(x, y, length, weights, sums, steps, products):  # type: ignore[no-untyped-def]
    """Find the greatest magnitude over the lags of the weighted correlation of two segments.

    Args:
        x: from row 0.
        y: from row COVARIANCE_LAG; that many zero rows lie before it, and two more behind.
        length: samples of the segments.
        weights: of the lags.
        sums: room for _PART / 2 rows.
        steps: room for _PART + _LAGS rows.
        products: room for 3 rows for each two lags.
    """
    nothing = zeros()
    for i in range(3 * _LAGS // 2):
        store(products, i * LANES, nothing)
    for start in range(0, length, _PART):
        _correlate(x, y, start, sums, steps, products)
    peak = nothing
    for i in range(_LAGS // 2):
        p = 3 * i * LANES
        shared = load(products, p)
        peak = maximum(peak, magnitude(shared + load(products, p + 8)) * weights[2 * i])
        peak = maximum(peak, magnitude(shared + load(products, p + 16)) * weights[2 * i + 1])
    return peak


_FIRST, _FULL, _LAST = 0, 1, 2


@kernel
def _segment(x, x_rows, y, y_rows, kind, scratch, tile, out):  # type: ignore[no-untyped-def]
    """Compute powers and peak covariance of one segment, to ``out[:, tile]``, ``(3, segments, 8)``.

    A full segment is two blocks, whose rows are `x_rows` and `y_rows`; the first one has only the
    later block, under the falling half of the window, and the last one only the earlier.
    """
    xs, ys, sums, steps, products = scratch
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
    ys[COVARIANCE_LAG + length : COVARIANCE_LAG + length + _LAGS // 2 + 1] = 0.0
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
        peak = _peak(
            xs, ys, length, _FULL_LAGS if kind == _FULL else _HALF_LAGS, sums, steps, products
        )
        store(out, (2 * segments + tile) * LANES, peak)


@kernel
def tiles(  # type: ignore[no-untyped-def]
    blocks, first, reference, processed, noise_gain, x, fresh, y, scratch, out
):
    """Run hair cells and covariances of one group for a range of blocks.

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
        scratch: see :func:`scratch`.
        out: powers of both signals and their covariance, ``(3, segments, 8)``.
    """
    segments = out.shape[1]
    all_x = x.shape[0] > 2 * BLOCK
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
            _segment(x, x_rows, y, y_rows, _FIRST, scratch, 0, out)
        elif 2 <= j < segments:
            _segment(x, x_rows, y, y_rows, _FULL, scratch, j - 1, out)
        if j == segments - 1:
            _segment(x, (now_x, now_x), y, (now_y, now_y), _LAST, scratch, j, out)


def scratch() -> tuple[Floats, ...]:
    """Allocate room for :func:`tiles`: two segments, and products.

    The first rows of the second segment stay zero.
    """
    rows = COVARIANCE_WINDOW, COVARIANCE_WINDOW + _LAGS, _PART // 2, _PART + _LAGS, 2 * _LAGS
    return tuple(aligned(count) for count in rows)
