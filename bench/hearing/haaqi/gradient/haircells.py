"""Kernels of the differentiable HAAQI's inner hair cells: dB SL, adaptation, threshold noise.

Arrays are as in :mod:`.gammatone`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.hearing.haaqi import parameters as p
from bench.hearing.simd.elementary import log2
from bench.hearing.simd.kernel import kernel
from bench.hearing.simd.lanes import TINY, choose, load_late, store_late
from bench.hearing.simd.vector import LANES, load, maximum, zeros

_DB_PER_OCTAVE: Final = float(20 * np.log10(2))
_DB_SLOPE: Final = float(20 / np.log(10))

_B1, _A11, _A12, _B2, _A21, _A22 = p.adaptation()


@kernel
def adapt(compressed, lags, delays, threshold, noise, amplitude, out):  # type: ignore[no-untyped-def]
    """Apply the inner hair cells: envelope in dB SL with adaptation, motion of that envelope.

    Args:
        compressed: envelope and motion ``(2, groups, samples, 8)``.
        lags: samples by which each is late, ``(2, groups, 8)``.
        delays: samples by which the results are delayed, ``(groups, 8)``.
        threshold: log2 of the envelope at 0 dB SL, ``(groups, 8)``.
        noise: standard normal numbers ``(groups, rows, 8)``, used over and over, scaled by
            `amplitude` and added to the motion.
        out: adapted envelope and motion ``(2, groups, samples, 8)``; zeros on entry.
    """
    rows = noise.shape[1]
    for k in range(len(threshold)):
        zero = load(threshold[k], 0)
        envelopes, motions = compressed[0, k], compressed[1, k]
        late, motion_late = lags[0, k], lags[1, k]
        hiss, delay, out_envelopes, out_motions = noise[k], delays[k], out[0, k], out[1, k]
        v1 = v2 = zeros()
        for n in range(len(envelopes)):
            envelope = load_late(envelopes, n, late) + p.SMALL
            level = maximum(_DB_PER_OCTAVE * (log2(envelope) - zero), TINY)
            v1, v2 = _B1 * level + _A11 * v1 + _A12 * v2, _B2 * level + _A21 * v1 + _A22 * v2
            adapted = maximum(p.OVERSHOOT * (level - v1), 0.0)
            motion = load_late(motions, n, motion_late) * (adapted + p.SMALL) / envelope
            motion = motion + amplitude * load(hiss, (n % rows) * LANES)
            store_late(out_envelopes, n, delay, adapted)
            store_late(out_motions, n, delay, motion)


@kernel
def adapt_adjoint(grad, compressed, out, lags, delays, threshold, grad_compressed):  # type: ignore[no-untyped-def]
    """Adjoint of :func:`adapt`; `grad_compressed` holds zeros on entry.

    Where the envelope is exactly 0 the gradient of the motion is taken as 0.
    """
    for k in range(len(threshold)):
        zero = load(threshold[k], 0)
        envelopes, motions = compressed[0, k], compressed[1, k]
        late, motion_late = lags[0, k], lags[1, k]
        out_envelopes, delay = out[0, k], delays[k]
        grad_envelopes, grad_motions = grad[0, k], grad[1, k]
        by_envelopes, by_motions = grad_compressed[0, k], grad_compressed[1, k]
        # Adjoint voltages: what of this sample's output depends on them through later ones.
        v1 = v2 = zeros()
        for n in range(len(envelopes) - 1, -1, -1):
            envelope = maximum(load_late(envelopes, n, late), p.SMALL)
            inverse = 1.0 / envelope
            motion = load_late(motions, n, motion_late) * inverse
            adapted = load_late(out_envelopes, n, delay)
            by_motion = load_late(grad_motions, n, delay)
            by_adapted = load_late(grad_envelopes, n, delay) + by_motion * motion
            by_adapted = choose(adapted, p.OVERSHOOT * by_adapted, zeros() + TINY)
            v1, v2 = _A11 * v1 + _A21 * v2 - by_adapted, _A12 * v1 + _A22 * v2
            by_level = _DB_SLOPE * (by_adapted + _B1 * v1 + _B2 * v2)
            by_level = choose(log2(envelope) - zero, by_level, zeros())
            by_motion = by_motion * adapted * inverse
            store_late(by_envelopes, n, late, by_level * inverse - by_motion * motion)
            store_late(by_motions, n, motion_late, by_motion)
