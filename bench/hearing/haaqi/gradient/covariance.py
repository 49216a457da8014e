"""Kernels of the differentiable HAAQI's short-time covariance of the basilar membrane's motion.

Arrays are as in :mod:`.gammatone`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.hearing.haaqi import parameters as p
from bench.hearing.simd.elementary import sqrt
from bench.hearing.simd.kernel import kernel
from bench.hearing.simd.lanes import choose, load_late
from bench.hearing.simd.vector import LANES, load, magnitude, minimum, store, zeros

_HOP: Final = p.COVARIANCE_WINDOW // 2
_LAGS: Final = 2 * p.COVARIANCE_LAG + 1
_PASS: Final = 7  # lags at a time; divides _LAGS


@kernel
def _taper(source, segment, length, window, offset, rows, start, energy):  # type: ignore[no-untyped-def]
    """Window a segment and take its mean off, into `rows` from `start` on; sums its squares."""
    mean, square = zeros(), zeros()
    for n in range(length):
        value = window[offset + n] * load(source, (segment * _HOP + n) * LANES)
        mean = mean + value
        store(rows, (start + n) * LANES, value)
    mean = mean * (1.0 / length)
    for n in range(start, start + length):
        value = load(rows, n * LANES) - mean
        square = square + value * value
        store(rows, n * LANES, value)
    store(energy, 0, square)


@kernel
def _correlate(x, y, length, low, sums):  # type: ignore[no-untyped-def]
    """Correlate for the lags of a pass: sums[l] = sum over n of x[n + low + l] y[n]."""
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = zeros()
    for n in range(0, length, 2):
        at = (n + low) * LANES
        x0, x1 = load(x, at), load(x, at + LANES)
        x2, x3 = load(x, at + 2 * LANES), load(x, at + 3 * LANES)
        x4, x5 = load(x, at + 4 * LANES), load(x, at + 5 * LANES)
        x6, x7 = load(x, at + 6 * LANES), load(x, at + 7 * LANES)
        y0, y1 = load(y, n * LANES), load(y, (n + 1) * LANES)
        a0, a1 = a0 + x0 * y0 + x1 * y1, a1 + x1 * y0 + x2 * y1
        a2, a3 = a2 + x2 * y0 + x3 * y1, a3 + x3 * y0 + x4 * y1
        a4, a5 = a4 + x4 * y0 + x5 * y1, a5 + x5 * y0 + x6 * y1
        a6 = a6 + x6 * y0 + x7 * y1
    store(sums, 0, a0)
    store(sums, LANES, a1)
    store(sums, 2 * LANES, a2)
    store(sums, 3 * LANES, a3)
    store(sums, 4 * LANES, a4)
    store(sums, 5 * LANES, a5)
    store(sums, 6 * LANES, a6)


@kernel
def covariance(reference, processed, window, weights, scale, value, power, lag, slope, decay):  # type: ignore[no-untyped-def]
    """Find the greatest normalised covariance of each segment over lags of up to 1 ms.

    Args:
        reference, processed: motion ``(groups, samples, 8)``.
        window: ``(2 * _HOP,)``.
        weights: inverse autocorrelation of the window at each lag; of the whole and of half a
            window, ``(2, _LAGS)``.
        scale: inverse energy of the whole and of half a window, ``(2,)``.
        value: filled, in 0 ... 1, ``(groups, segments, 8)``.
        power: filled with the reference's mean squares, the same shape.
        lag, slope, decay: filled with what the adjoint needs, the same shape: number of the lag,
            and the derivative as ``slope * reference[n + lag] - decay * processed[n]``.
    """
    pad = p.COVARIANCE_LAG
    x = np.zeros((2 * (_HOP + pad), LANES))
    y, sums, energy = np.empty((2 * _HOP, LANES)), np.empty((_PASS, LANES)), np.empty(LANES)
    for k in range(len(value)):
        for segment in range(value.shape[1]):
            half = int(segment in (0, value.shape[1] - 1))
            length = _HOP if half else 2 * _HOP
            offset = _HOP if segment == 0 else 0
            x[pad + length :] = 0.0
            _taper(reference[k], segment, length, window, offset, x, pad, energy)
            x_energy = load(energy, 0)
            _taper(processed[k], segment, length, window, offset, y, 0, energy)
            y_energy = load(energy, 0)
            best = best_lag = best_weight = zeros()
            for low in range(0, _LAGS, _PASS):
                _correlate(x, y, length, low, sums)
                for row in range(_PASS):
                    weight = zeros() + weights[half, low + row]
                    weighted = weight * load(sums, row * LANES)
                    better = magnitude(weighted) - magnitude(best)
                    best = choose(better, weighted, best)
                    best_lag = choose(better, zeros() + float(low + row), best_lag)
                    best_weight = choose(better, weight, best_weight)
            at = segment * LANES
            audible = minimum(x_energy, y_energy) * scale[half] - p.SMALL
            inverse = 1.0 / (scale[half] * sqrt(x_energy * y_energy))
            inverse = choose(audible, inverse, zeros())
            found = magnitude(best) * inverse
            inside = 1.0 - found
            signed = choose(best, best_weight, -1.0 * best_weight)
            store(value[k], at, minimum(found, 1.0))
            store(power[k], at, x_energy * scale[half])
            store(lag[k], at, best_lag)
            store(slope[k], at, choose(inside, signed * inverse, zeros()))
            store(decay[k], at, choose(minimum(inside, audible), found / y_energy, zeros()))


@kernel
def covariance_adjoint(grad, reference, processed, window, lag, slope, decay, grad_processed):  # type: ignore[no-untyped-def]
    """Adjoint of :func:`covariance` by `processed`; adds to `grad_processed`."""
    pad = p.COVARIANCE_LAG
    x = np.zeros((2 * (_HOP + pad), LANES))
    y, energy, shifts = np.empty((2 * _HOP, LANES)), np.empty(LANES), np.empty(LANES, np.int64)
    for k in range(len(grad)):
        for segment in range(grad.shape[1]):
            length = _HOP if segment in (0, grad.shape[1] - 1) else 2 * _HOP
            offset = _HOP if segment == 0 else 0
            x[pad + length :] = 0.0
            _taper(reference[k], segment, length, window, offset, x, pad, energy)
            _taper(processed[k], segment, length, window, offset, y, 0, energy)
            shifts[:] = lag[k, segment].astype(np.int64)
            at = segment * LANES
            up = load(grad[k], at) * load(slope[k], at)
            down = load(grad[k], at) * load(decay[k], at)
            mean = zeros()
            for n in range(length):
                by_tapered = up * load_late(x, n, shifts) - down * load(y, n * LANES)
                mean = mean + by_tapered
                store(y, n * LANES, by_tapered)
            mean = mean * (1.0 / length)
            target = grad_processed[k]
            for n in range(length):
                at = (segment * _HOP + n) * LANES
                by_source = (load(y, n * LANES) - mean) * window[offset + n]
                store(target, at, load(target, at) + by_source)
