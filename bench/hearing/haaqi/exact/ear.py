"""One signal in one ear up to the outer hair cells, in a window that slides over it."""

from __future__ import annotations

import numpy as np
from scipy import signal

from bench.hearing.haaqi import index, parameters
from bench.hearing.haaqi.exact.gammatone import (
    GROUPS,
    STATE_ROWS,
    cochlea_block,
    cochlea_coefficients,
    control_coefficients,
    control_energy,
    initial_state,
)
from bench.hearing.haaqi.exact.haircells import haircell_coefficients
from bench.hearing.haaqi.parameters import Cochlea, Floats
from bench.hearing.simd.vector import LANES, aligned

_AFLOAT = 1e-60
"""Added to every sample: far below anything heard, it keeps filters out of denormal numbers, which
are a hundred times slower, when the signal falls silent."""


class Ear:
    """One signal behind the middle ear, with the filters that its control levels call for.

    Args:
        samples: at 24 kHz, ``(samples,)``.
        cochlea: of the listener.
        level1: dB SPL that an RMS of 1.0 stands for.
    """

    def __init__(self, samples: Floats, cochlea: Cochlea[Floats], level1: float) -> None:
        self.cochlea = cochlea
        self.level1 = level1
        self.signal = middle_ear(samples)
        self.control_rms = _control_rms(self.signal)
        self.bandwidth = parameters.adjusted_bandwidth(self.control_rms, cochlea.bandwidth, level1)
        self.rows = cochlea_coefficients(cochlea, self.bandwidth, level1)
        self.haircell_rows = haircell_coefficients(cochlea, level1)
        poles = parameters.gammatone_poles(self.bandwidth)
        _, self._gains = parameters.gammatone_polynomials(poles)
        self._energy = np.empty((GROUPS, LANES))

    def keep_energy(self, group: int, state: Floats) -> None:
        """Remember the energy of a group's envelopes at the end of the signal."""
        self._energy[group] = state[STATE_ROWS - 1]

    def levels(self) -> Floats:
        """Compute long-term levels of the channels in dB SL, ``(32,)``."""
        rms = self._gains * np.sqrt(self._energy.ravel() / self.signal.size)
        return index.sensation_levels(rms, self.control_rms, self.cochlea, self.level1)


def middle_ear(samples: Floats) -> Floats:
    """Apply the middle ear's band-pass, ``(samples,)``.

    Example:
        >>> hum = np.sin(2 * np.pi * 50 / 24_000 * np.arange(24_000))
        >>> round(20 * float(np.log10(np.std(middle_ear(hum)) / np.std(hum))))  # dB, of 50 Hz
        -34
    """
    low = signal.lfilter(*parameters.middle_ear_lowpass(), samples)
    filtered: Floats = signal.lfilter(*parameters.middle_ear_highpass(), low)
    filtered += _AFLOAT
    return filtered


def _control_rms(samples: Floats) -> Floats:
    rows = control_coefficients()
    energy = np.concatenate([control_energy(samples, rows[g]) for g in range(GROUPS)])
    poles = parameters.gammatone_poles(parameters.control_bandwidth())
    _, gains = parameters.gammatone_polynomials(poles)
    rms: Floats = gains * np.sqrt(energy / samples.size)
    return rms


class SlidingChannels:
    """Compressed envelope and motion of one group of channels, for a window of the signal.

    Row `pad` of the arrays is the window's first sample; rows before the signal's start and
    behind its end are zero.

    Args:
        length: samples of the window.
        pad: rows around it.
    """

    def __init__(self, length: int, pad: int) -> None:
        self.length = length
        self.pad = pad
        rows = length + 2 * pad
        self.arrays = aligned(rows, zeroed=False), aligned(rows, zeroed=False)
        self._start = self._computed = 0
        self._state = initial_state()
        self._ear: Ear | None = None
        self._group = -1

    def begin(self, ear: Ear, group: int) -> None:
        """Turn to another signal or group, at its start."""
        self._ear, self._group = ear, group
        self._rewind()

    def _rewind(self) -> None:
        for array in self.arrays:
            array[: self.pad] = 0
        self._state = initial_state()
        self._start = self._computed = 0

    def move(self, start: int) -> None:
        """Let the window start at `start`: where it is, one length on, or at 0."""
        assert self._ear is not None
        if start != self._start and start != self._start + self.length:
            self._rewind()
        elif start != self._start:
            for array in self.arrays:
                array[: 2 * self.pad] = array[self.length :].copy()
            self._start = start
        samples = self._ear.signal.size
        stop = start + self.length + self.pad
        known = min(stop, samples)
        offset = self.pad + self._computed - start
        if known > self._computed:
            cochlea_block(
                self._ear.signal, self._computed, known, self._ear.rows[self._group],
                self._state, *self.arrays, offset,
            )  # fmt: skip
            self._computed = known
            if known == samples:
                self._ear.keep_energy(self._group, self._state)
        for array in self.arrays:
            array[self.pad + known - start :] = 0
