"""Kernels of the two gammatone filter banks and of the outer hair cells' compression.

Channels come in groups of eight. A group's envelopes or motions are arrays ``(samples, 8)``.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.parameters import Cochlea, Floats
from bench.hearing.simd.elementary import exp2, log2, sqrt
from bench.hearing.simd.kernel import kernel
from bench.hearing.simd.vector import LANES, load, maximum, minimum, rounded, store, zeros

GROUPS: Final = parameters.CHANNELS // LANES

_b, _a = parameters.compression_lowpass()
_LOWPASS_B, _LOWPASS_A = float(_b[0]), float(-_a[1])
_SUMMED: Final = 256
"""Samples whose squares are summed before they go to the whole sum, which keeps it accurate."""


def control_coefficients() -> Floats:
    """Compute the rows for :func:`control_energy`, ``(groups, 8, 8)``."""
    coefficients, _ = _control_filters()
    return grouped(*_carrier(), *coefficients)


def cochlea_coefficients(ear: Cochlea[Floats], bandwidth: Floats, level1: float) -> Floats:
    """Compute the rows for :func:`cochlea_block`, ``(groups, 19, 8)``."""
    control, control_gains = _control_filters()
    poles = parameters.gammatone_poles(bandwidth)
    coefficients, gains = parameters.gammatone_polynomials(poles)
    # With L = log2 of the control envelope's squared magnitude, its level is `offset + bel * L`.
    bel = 10 * np.log10(2)
    offset = level1 + 20 * np.log10(control_gains)
    slope = 1 - 1 / ear.ratio
    octave = np.log2(10) / 20
    return grouped(
        *_carrier(),
        *control,
        *coefficients,
        (ear.knee - offset) / bel,
        (parameters.UPPER_KNEE - offset) / bel,
        -octave * bel * slope,
        octave * (-ear.ohc_attenuation - (offset - ear.knee) * slope),
        _LOWPASS_B * gains,
    )


def _control_filters() -> tuple[Floats, Floats]:
    poles = parameters.gammatone_poles(parameters.control_bandwidth())
    return parameters.gammatone_polynomials(poles)


def _carrier() -> tuple[Floats, Floats]:
    angle = 2 * np.pi / parameters.SAMPLE_RATE * parameters.centre_frequencies()
    return np.cos(angle), np.sin(angle)


def grouped(*rows: Floats) -> Floats:
    """Arrange rows ``(32,)`` as the coefficients of each group, ``(groups, rows, 8)``.

    Example:
        >>> grouped(np.arange(32.0), np.zeros(32))[1, 0].tolist()
        [8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
    """
    return np.ascontiguousarray(np.stack(rows).reshape(len(rows), GROUPS, LANES).swapaxes(0, 1))


@njit(inline="always")
def _filter(x, z, b1, b2, a1, a2, a3, a4):  # type: ignore[no-untyped-def]
    """Filter a sample by a gammatone filter with delays z, each operation as in scipy's lfilter."""
    y = z[0] + x
    z0 = (z[1] + rounded(x, b1)) - rounded(y, a1)
    z1 = (z[2] + rounded(x, b2)) - rounded(y, a2)
    z2 = z[3] - rounded(y, a3)
    z3 = zeros() - rounded(y, a4)
    return y, (z0, z1, z2, z3)


@njit(inline="always")
def _turned(c, s, turn_c, turn_s):  # type: ignore[no-untyped-def]
    """Advance cosine and sine of the carrier by a sample."""
    c_next = rounded(c, turn_c) + rounded(s, turn_s)
    return c_next, rounded(s, turn_c) - rounded(c, turn_s)


@njit(inline="always")
def _four(array, index):  # type: ignore[no-untyped-def]
    return (
        load(array, index), load(array, index + 8), load(array, index + 16), load(array, index + 24)
    )  # fmt: skip


@kernel
def control_energy(signal, rows):  # type: ignore[no-untyped-def]
    """Sum the squared control envelope of one group over time, before its gain, ``(8,)``.

    Args:
        signal: after the middle ear, ``(samples,)``.
        rows: one group's coefficients.
    """
    turn_c, turn_s, b1, b2 = _four(rows, 0)
    a1, a2, a3, a4 = _four(rows, 32)
    c, s = zeros() + 1.0, zeros()
    zr = zi = (zeros(), zeros(), zeros(), zeros())
    energy = zeros()
    for start in range(0, signal.size, _SUMMED):
        part = zeros()
        for n in range(start, min(start + _SUMMED, signal.size)):
            x = signal[n] + zeros()
            re, zr = _filter(rounded(x, c), zr, b1, b2, a1, a2, a3, a4)
            im, zi = _filter(rounded(x, s), zi, b1, b2, a1, a2, a3, a4)
            part = im * im + (re * re + part)
            c, s = _turned(c, s, turn_c, turn_s)
        energy = energy + part
    result = np.empty(LANES)
    store(result, 0, energy)
    return result


STATE_ROWS: Final = 21
"""Rows of the state of :func:`cochlea_block`."""


def initial_state() -> Floats:
    """Return the state before the first sample, ``(STATE_ROWS, 8)``."""
    state = np.zeros((STATE_ROWS, LANES))
    state[0] = 1.0
    return state


@kernel
def cochlea_block(signal, start, stop, rows, state, envelope, motion, offset):  # type: ignore[no-untyped-def]
    """Run both filter banks and the compression for samples `start` to `stop` of one group.

    Args:
        signal: after the middle ear, ``(samples,)``.
        rows: one group's coefficients.
        state: ``(STATE_ROWS, 8)``, carried from block to block; its last row sums the squared
            envelope before its gain and before compression.
        envelope: the compressed envelope is written from row `offset` on, ``(>= samples, 8)``.
        motion: so is the compressed motion of the basilar membrane.
    """
    turn_c, turn_s, control_b1, control_b2 = _four(rows, 0)
    control_a1, control_a2, control_a3, control_a4 = _four(rows, 32)
    b1, b2, a1, a2 = _four(rows, 64)
    a3, a4, low, high = _four(rows, 96)
    slope, constant, lowpass = load(rows, 128), load(rows, 136), load(rows, 144)
    c, s = load(state, 0), load(state, 8)
    control_r, control_i = _four(state, 16), _four(state, 48)
    zr, zi = _four(state, 80), _four(state, 112)
    before, smooth, energy = load(state, 144), load(state, 152), load(state, 160)
    for n in range(start, stop):
        x = signal[n] + zeros()
        xc, xs = rounded(x, c), rounded(x, s)
        re, control_r = _filter(
            xc, control_r, control_b1, control_b2, control_a1, control_a2, control_a3, control_a4
        )
        im, control_i = _filter(
            xs, control_i, control_b1, control_b2, control_a1, control_a2, control_a3, control_a4
        )
        level = minimum(maximum(log2(re * re + im * im), low), high)
        gain = exp2(slope * level + constant)
        smooth = _LOWPASS_A * smooth + (gain + before)
        before = gain
        gain = lowpass * smooth
        re, zr = _filter(xc, zr, b1, b2, a1, a2, a3, a4)
        im, zi = _filter(xs, zi, b1, b2, a1, a2, a3, a4)
        square = re * re + im * im
        energy = energy + square
        at = (offset + n - start) * LANES
        store(envelope, at, gain * sqrt(square))
        store(motion, at, gain * (re * c + im * s))
        c, s = _turned(c, s, turn_c, turn_s)
    store(state, 0, c)
    store(state, 8, s)
    at = 16
    for four in (control_r, control_i, zr, zi):
        for value in four:
            store(state, at, value)
            at += LANES
    store(state, at, before)
    store(state, at + 8, smooth)
    store(state, at + 16, energy)
