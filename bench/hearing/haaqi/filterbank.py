"""Kernels of the two gammatone filter banks and of the outer hair cells' compression.

Channels come in groups of eight. A group's envelopes or motions are arrays ``(samples, 8)``.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.compiling import kernel
from bench.hearing.haaqi.elementary import exp2, log2, sqrt
from bench.hearing.haaqi.parameters import Cochlea, Floats
from bench.hearing.haaqi.simd import LANES, load, maximum, minimum, store, zeros

GROUPS: Final = parameters.CHANNELS // LANES

_b, _a = parameters.compression_lowpass()
_LOWPASS_B, _LOWPASS_A = float(_b[0]), float(-_a[1])


def control_coefficients() -> Floats:
    """Rows for :func:`control_energy`, ``(4, groups, 5, 8)``: see its source for their order."""
    return grouped(*_gammatone(parameters.gammatone_poles(parameters.control_bandwidth())))


def cochlea_coefficients(ear: Cochlea, bandwidth: Floats, level1: float) -> Floats:
    """Rows for :func:`cochlea_block`, ``(groups, 12, 8)``."""
    control_poles = parameters.gammatone_poles(parameters.control_bandwidth())
    poles = parameters.gammatone_poles(bandwidth)
    # With L = log2 of the control envelope's squared magnitude, its level is `offset + bel * L`.
    bel = 10 * np.log10(2)
    offset = level1 + 20 * np.log10(parameters.gammatone_gains(control_poles))
    slope = 1 - 1 / ear.ratio
    octave = np.log2(10) / 20
    return grouped(
        *_gammatone(control_poles),
        *_gammatone(poles)[2:],
        (ear.knee - offset) / bel,
        (parameters.UPPER_KNEE - offset) / bel,
        -octave * bel * slope,
        octave * (-ear.ohc_attenuation - (offset - ear.knee) * slope),
        _LOWPASS_B * parameters.gammatone_gains(poles),
    )


def _gammatone(poles: Floats) -> tuple[Floats, ...]:
    angle = 2 * np.pi / parameters.SAMPLE_RATE * parameters.centre_frequencies()
    return np.cos(angle), np.sin(angle), poles, 4 * poles, 4 * poles**2


def grouped(*rows: Floats) -> Floats:
    """Rows ``(32,)`` as the coefficients of each group, ``(groups, rows, 8)``."""
    return np.ascontiguousarray(np.stack(rows).reshape(len(rows), GROUPS, LANES).swapaxes(0, 1))


@kernel
def control_energy(signal, rows):  # type: ignore[no-untyped-def]
    """Sum over time of the squared control envelope of one group, before its gain, ``(8,)``.

    Args:
        signal: after the middle ear, ``(samples,)``.
        rows: one group's coefficients.
    """
    turn_c, turn_s = load(rows, 0), load(rows, 8)
    pole, zero_1, zero_2 = load(rows, 16), load(rows, 24), load(rows, 32)
    c, s = zeros() + 1.0, zeros()
    r1 = r2 = r3 = r4 = q4 = p4 = zeros()
    i1 = i2 = i3 = i4 = k4 = j4 = zeros()
    energy = zeros()
    for n in range(signal.size):
        x = signal[n]
        r1 = pole * r1 + x * c
        i1 = pole * i1 + x * s
        r2 = pole * r2 + r1
        i2 = pole * i2 + i1
        r3 = pole * r3 + r2
        i3 = pole * i3 + i2
        p4, q4 = q4, r4
        j4, k4 = k4, i4
        r4 = pole * r4 + r3
        i4 = pole * i4 + i3
        re = zero_2 * p4 + (zero_1 * q4 + r4)
        im = zero_2 * j4 + (zero_1 * k4 + i4)
        energy = im * im + (re * re + energy)
        c, s = s * turn_s + c * turn_c, s * turn_c - c * turn_s
    result = np.empty(LANES)
    store(result, 0, energy)
    return result


STATE_ROWS: Final = 29
"""Rows of the state of :func:`cochlea_block`."""


def initial_state() -> Floats:
    """The state before the first sample, ``(STATE_ROWS, 8)``."""
    state = np.zeros((STATE_ROWS, LANES))
    state[0] = 1.0
    return state


@kernel
def cochlea_block(signal, start, stop, rows, state, envelope, motion, offset):  # type: ignore[no-untyped-def]
    """Both filter banks and the compression for samples `start` to `stop` of one group.

    Args:
        signal: after the middle ear, ``(samples,)``.
        rows: one group's coefficients.
        state: ``(STATE_ROWS, 8)``, carried from block to block; its last row sums the squared
            envelope before its gain and before compression.
        envelope: the compressed envelope is written from row `offset` on, ``(>= samples, 8)``.
        motion: so is the compressed motion of the basilar membrane.
    """
    turn_c, turn_s = load(rows, 0), load(rows, 8)
    control, control_1, control_2 = load(rows, 16), load(rows, 24), load(rows, 32)
    pole, zero_1, zero_2 = load(rows, 40), load(rows, 48), load(rows, 56)
    low, high, slope, constant, lowpass = (
        load(rows, 64),
        load(rows, 72),
        load(rows, 80),
        load(rows, 88),
        load(rows, 96),
    )
    c, s = load(state, 0), load(state, 8)
    cr1, cr2, cr3, cr4 = (
        load(state, 16),
        load(state, 24),
        load(state, 32),
        load(state, 40),
    )
    cq4, cp4 = load(state, 48), load(state, 56)
    ci1, ci2, ci3, ci4 = (
        load(state, 64),
        load(state, 72),
        load(state, 80),
        load(state, 88),
    )
    ck4, cj4 = load(state, 96), load(state, 104)
    r1, r2, r3, r4 = (
        load(state, 112),
        load(state, 120),
        load(state, 128),
        load(state, 136),
    )
    q4, p4 = load(state, 144), load(state, 152)
    i1, i2, i3, i4 = (
        load(state, 160),
        load(state, 168),
        load(state, 176),
        load(state, 184),
    )
    k4, j4 = load(state, 192), load(state, 200)
    before, smooth, energy = load(state, 208), load(state, 216), load(state, 224)
    for n in range(start, stop):
        x = signal[n]
        xc, xs = x * c, x * s
        cr1 = control * cr1 + xc
        ci1 = control * ci1 + xs
        cr2 = control * cr2 + cr1
        ci2 = control * ci2 + ci1
        cr3 = control * cr3 + cr2
        ci3 = control * ci3 + ci2
        cp4, cq4 = cq4, cr4
        cj4, ck4 = ck4, ci4
        cr4 = control * cr4 + cr3
        ci4 = control * ci4 + ci3
        re = control_2 * cp4 + (control_1 * cq4 + cr4)
        im = control_2 * cj4 + (control_1 * ck4 + ci4)
        level = minimum(maximum(log2(re * re + im * im), low), high)
        gain = exp2(slope * level + constant)
        smooth = _LOWPASS_A * smooth + (gain + before)
        before = gain
        gain = lowpass * smooth
        r1 = pole * r1 + xc
        i1 = pole * i1 + xs
        r2 = pole * r2 + r1
        i2 = pole * i2 + i1
        r3 = pole * r3 + r2
        i3 = pole * i3 + i2
        p4, q4 = q4, r4
        j4, k4 = k4, i4
        r4 = pole * r4 + r3
        i4 = pole * i4 + i3
        re = zero_2 * p4 + (zero_1 * q4 + r4)
        im = zero_2 * j4 + (zero_1 * k4 + i4)
        square = re * re + im * im
        energy = energy + square
        at = (offset + n - start) * LANES
        store(envelope, at, gain * sqrt(square))
        store(motion, at, gain * (re * c + im * s))
        c, s = s * turn_s + c * turn_c, s * turn_c - c * turn_s
    store(state, 0, c)
    store(state, 8, s)
    for row, value in enumerate(
        (cr1, cr2, cr3, cr4, cq4, cp4, ci1, ci2, ci3, ci4, ck4, cj4)  # noqa: RUF005
        + (r1, r2, r3, r4, q4, p4, i1, i2, i3, i4, k4, j4)
        + (before, smooth, energy)
    ):
        store(state, (row + 2) * LANES, value)
