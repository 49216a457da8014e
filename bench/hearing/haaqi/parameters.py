"""Constants, filter coefficients and hearing-loss parameters of the HAAQI model.

Pure functions of numpy arrays, shared by the exact and by the differentiable implementation. The
model is Kates and Arehart's HAAQI version 1 (J. Audio Eng. Soc. 64(5), 2016) as pyclarity 0.9.0
computes it in ``clarity.evaluator.haaqi`` and ``clarity.evaluator.haspi.eb``.

Everything here is for 32 channels at 24 kHz. Levels are dB SPL, dB SL or dB HL as named; a relative
bandwidth is a multiple of the normal ear's equivalent rectangular bandwidth (ERB).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal

Floats = NDArray[np.float64]

SAMPLE_RATE: Final = 24_000
"""Hz; the rate of the ear model."""
CHANNELS: Final = 32
AUDIOGRAM_FREQUENCIES: Final = (250, 500, 1000, 2000, 4000, 6000)
"""Hz; the audiometric frequencies that the model knows."""
DEFAULT_LEVEL: Final = 65.0
"""dB SPL that an RMS of 1.0 stands for, unless a call says otherwise."""

LOWEST_CENTRE: Final = 80.0
HIGHEST_CENTRE: Final = 8000.0
EAR_Q: Final = 9.26449
MIN_BANDWIDTH: Final = 24.7

SMALL: Final = 1e-30
"""What the model adds to amplitudes before a logarithm or a division."""
DISPERSION: Final = 48
"""Samples (2 ms) by which the broadband alignment stops short of the best lag."""
PRUNE_THRESHOLD: Final = 0.001
"""Fraction of the reference's peak that its first and last kept samples exceed."""
UPPER_KNEE: Final = 100.0
"""dB SPL above which compression is linear again."""
MAX_LAG: Final = 2400
"""Samples (100 ms): channels are aligned over lags -MAX_LAG <= lag < MAX_LAG."""
NOISE_LEVEL: Final = -10.0
"""dB re auditory threshold of the noise added to the basilar membrane motion."""
SILENCE_THRESHOLD: Final = 2.5
"""dB SL below which segments and tiles are left out."""

ENVELOPE_WINDOW: Final = 192
"""Samples (8 ms) of a segment of the smoothed envelope; the hop is half of it."""
COVARIANCE_WINDOW: Final = 384
"""Samples (16 ms) of a segment of the covariance; the hop is half of it."""
COVARIANCE_LAG: Final = 24
"""Samples (1 ms): covariances are taken at lags of up to plus or minus this."""
CEPSTRAL_COEFFICIENTS: Final = 6
MODULATION_EDGES: Final = (4.0, 8.0, 12.5, 20.0, 32.0, 50.0, 80.0)
"""Hz; edges of the eight modulation bands, which end at 125 Hz."""
MODULATION_TAPS: Final = 129
SYNC_CUTOFF: Final = 3500.0
"""Hz; cut-off of the inner hair cells' loss of synchrony (order SYNC_ORDER)."""
SYNC_ORDER: Final = 5

OVERSHOOT: Final = 2.0
"""Overshoot of the inner hair cells' adaptation, as a multiple of the steady state."""
RAPID_TIME: Final = 0.002
SHORT_TERM_TIME: Final = 0.060
"""Time constants of the adaptation in s."""


# --- the cochlea ---------------------------------------------------------------------------------


@cache
def _centre_frequencies() -> Floats:
    offset = EAR_Q * MIN_BANDWIDTH
    span = -np.log(HIGHEST_CENTRE + offset) + np.log(LOWEST_CENTRE + offset)
    steps = np.arange(1, CHANNELS) * span / (CHANNELS - 1)
    below = -offset + np.exp(steps) * (HIGHEST_CENTRE + offset)
    frequencies: Floats = np.flip(np.insert(below, 0, HIGHEST_CENTRE)).copy()
    return frequencies


def centre_frequencies() -> Floats:
    """Centre frequencies of the gammatone filters, Hz, ``(32,)``, rising from 80 to 8000."""
    return _centre_frequencies().copy()


def erb() -> Floats:
    """The normal ear's equivalent rectangular bandwidths, Hz, ``(32,)``."""
    return MIN_BANDWIDTH + centre_frequencies() / EAR_Q


@dataclass(frozen=True, eq=False)
class Cochlea:
    """What a hearing loss does to each of the 32 channels; every field is ``(32,)``.

    Attributes:
        ohc_attenuation: attenuation by the outer hair cells, dB.
        bandwidth: relative bandwidth of the quietest sounds' filters.
        knee: lower knee of the compression, dB SPL.
        ratio: compression ratio.
        ihc_attenuation: attenuation at the inner hair cells' synapse, dB.
    """

    ohc_attenuation: Floats
    bandwidth: Floats
    knee: Floats
    ratio: Floats
    ihc_attenuation: Floats


def cochlea(levels: ArrayLike) -> Cochlea:
    """The cochlea of a listener whose loss is `levels`, dB HL ``(6,)`` at AUDIOGRAM_FREQUENCIES."""
    levels = np.asarray(levels, dtype=np.float64)
    centres = centre_frequencies()
    # pyclarity inserts the outer centres into an array of integers: they lose their fraction.
    frequencies = (int(centres[0]), *AUDIOGRAM_FREQUENCIES, int(centres[-1]))
    loss = np.interp(centres, frequencies, np.concatenate((levels[:1], levels, levels[-1:])))
    loss = np.maximum(loss, 0.0)
    normal_ratio = 1.25 + 2.25 * np.arange(CHANNELS) / (CHANNELS - 1)
    # The loss at which the outer hair cells are gone; what exceeds it falls to the inner ones.
    full = 1.25 * (70 * (1 - 1 / normal_ratio))
    gone = loss >= full
    ohc = np.where(gone, 0.8 * full, 0.8 * loss)
    ihc = np.where(gone, 0.2 * full + (loss - full), 0.2 * loss)
    knee = ohc + 30
    ratio = (100 - knee) / (30 + 70 / normal_ratio + ohc - knee)
    bandwidth = 1 + ohc / 50 + 2 * (ohc / 50) ** 6
    return Cochlea(ohc, bandwidth, knee, ratio, ihc)


def control_bandwidth() -> Floats:
    """Relative bandwidths of the control filters, ``(32,)``: those of a loss of 100 dB."""
    return cochlea(np.full(len(AUDIOGRAM_FREQUENCIES), 100.0)).bandwidth


def adjusted_bandwidth(control_rms: ArrayLike, narrow: Floats, level1: float) -> Floats:
    """Relative bandwidths of the signal filters, widened with the level in the control channel.

    Args:
        control_rms: RMS of the control envelopes over the whole signal, ``(32,)``.
        narrow: the cochlea's bandwidths, ``(32,)``.
        level1: dB SPL that an RMS of 1.0 stands for.
    """
    with np.errstate(divide="ignore"):  # a silent channel has -inf dB: the narrow bandwidth
        level = 20 * np.log10(np.asarray(control_rms, dtype=np.float64)) + level1
    wide = control_bandwidth()
    between = narrow + ((np.clip(level, 50, 100) - 50) / 50) * (wide - narrow)
    return np.where(level > 100, wide, between)


# --- filters -------------------------------------------------------------------------------------


def gammatone_poles(bandwidth: Floats) -> Floats:
    """The fourfold real pole of each demodulated gammatone filter, ``(32,)``.

    A channel demodulates the signal by its centre frequency and low-passes both parts by
    ``(1 + 4 a z^-1 + 4 a^2 z^-2) / (1 - a z^-1)^4``, times :func:`gammatone_gains`.
    """
    poles: Floats = np.exp(-bandwidth * (2 * np.pi / SAMPLE_RATE) * erb() * 1.019)
    return poles


def gammatone_gains(poles: Floats) -> Floats:
    """Gains that make the gammatone filters' response 2 at their centre, ``(32,)``."""
    gains: Floats = 2 * (1 - poles) ** 4 / (1 + 2 * poles) ** 2
    return gains


def gammatone_polynomials(poles: Floats) -> tuple[Floats, Floats]:
    """The gammatone filters as pyclarity runs them, in terms of rounded coefficients.

    Rounding the polynomial (1 - a z^-1)^4 moves the poles of a narrow filter by up to 1e-8, which
    can be seen in the eighth decimal of a score. To give the same score, not a better one, each
    operation here is that of pyclarity, in its order.

    Returns:
        coefficients ``(6, 32)``: b1, b2, a1, a2, a3, a4 of
        ``y[n] = x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - ... - a4 y[n-4]``; and gains ``(32,)``.
    """
    a_1 = 4.0 * poles
    a_2 = -6.0 * poles * poles
    a_3 = 4.0 * poles * poles * poles
    a_4 = -poles * poles * poles * poles
    a_5 = 4.0 * poles * poles
    gains = 2.0 * (1 - a_1 - a_2 - a_3 - a_4) / (1 + a_1 + a_5)
    return np.stack((a_1, a_5, -a_1, -a_2, -a_3, -a_4)), gains


def group_delays(bandwidth: Floats) -> NDArray[np.int64]:
    """Samples by which each channel is delayed so that all have the same group delay, ``(32,)``.

    The delay is that of the demodulated filter at 0 Hz, the channel's centre frequency.
    """
    a = gammatone_poles(bandwidth)
    # At 0 Hz, a pole a delays by a / (1 - a), and a zero -2a by 2a / (1 + 2a).
    delay = 4 * a / (1 - a) + 2 * 2 * a / (1 + 2 * a)
    samples = np.rint(delay).astype(np.int64)
    return np.asarray(samples.max() - samples)


@cache
def middle_ear_lowpass() -> tuple[Floats, Floats]:
    """(b, a) of the middle ear's first-order low-pass at 5 kHz."""
    b, a = signal.butter(1, 5000 / (0.5 * SAMPLE_RATE))
    return b, a


@cache
def middle_ear_highpass() -> tuple[Floats, Floats]:
    """(b, a) of the middle ear's second-order high-pass at 350 Hz, after the low-pass."""
    b, a = signal.butter(2, 350 / (0.5 * SAMPLE_RATE), "high")
    return b, a


@cache
def compression_lowpass() -> tuple[Floats, Floats]:
    """(b, a) of the first-order low-pass at 800 Hz on the compression gain."""
    b, a = signal.butter(1, 800 / (0.5 * SAMPLE_RATE))
    return b, a


@cache
def adaptation() -> tuple[float, float, float, float, float, float]:
    """The inner hair cells' adaptation as a linear recursion of two voltages.

    Returns:
        ``(b1, a11, a12, b2, a21, a22)``: with the envelope v0 in dB SL,
        ``v1' = b1 v0 + a11 v1 + a12 v2``, ``v2' = b2 v0 + a21 v1 + a22 v2``, both starting at 0;
        the adapted envelope is ``max(OVERSHOOT * (v0 - v1'), 0)``.
    """
    r_1 = 1 / OVERSHOOT
    r_2 = r_3 = 0.5 * (1 - r_1)
    c_1 = RAPID_TIME * (r_1 + r_2) / (r_1 * r_2)
    c_2 = SHORT_TERM_TIME / ((r_1 + r_2) * r_3)
    charge_1 = r_1 * r_2 * c_1 * SAMPLE_RATE
    charge_2 = r_2 * r_3 * c_2 * SAMPLE_RATE
    # Backward Euler: solve the 2 x 2 system [[m11, m12], [m21, m22]] (v1', v2') = (b1, b2).
    m11, m12 = r_1 + r_2 + charge_1, -r_1
    m21, m22 = -r_3, r_2 + r_3 + charge_2
    inverse = 1 / (m11 * m22 - m21 * m12)
    return (
        inverse * m22 * r_2,
        inverse * m22 * charge_1,
        -inverse * m12 * charge_2,
        -inverse * m21 * r_2,
        -inverse * m21 * charge_1,
        inverse * m11 * charge_2,
    )


@cache
def modulation_filters() -> Floats:
    """The eight linear-phase modulation filters at 250 Hz, ``(8, 129)``."""
    nyquist = 125.0
    edges = [edge / nyquist for edge in MODULATION_EDGES]
    kinds = ["lowpass", *["bandpass"] * (len(edges) - 1), "highpass"]
    cutoffs = [edges[0], *pairwise(edges), edges[-1]]
    return np.stack(
        [
            signal.firwin(MODULATION_TAPS, cutoff, window="hann", pass_zero=kind)
            for cutoff, kind in zip(cutoffs, kinds, strict=True)
        ]
    )


@cache
def cepstral_basis() -> Floats:
    """Half cosines over the channels, of unit norm, ``(32, 6)``."""
    order = np.arange(CEPSTRAL_COEFFICIENTS)
    basis = np.cos(np.outer(np.arange(CHANNELS), order) * np.pi / (CHANNELS - 1))
    normed: Floats = basis / np.linalg.norm(basis, axis=0, keepdims=True)
    return normed


def sync_weights() -> Floats:
    """Weights of the channels for the inner hair cells' loss of synchrony, ``(32,)``."""
    cutoff = SYNC_CUTOFF ** (2 * SYNC_ORDER)
    weights: Floats = np.sqrt(cutoff / (cutoff + centre_frequencies() ** (2 * SYNC_ORDER)))
    return weights


def segments(samples: int, window: int) -> int:
    """Segments of a signal of `samples`, at a hop of half a `window`.

    The first and the last are half windows.
    """
    return 1 + samples // window + int((samples - window / 2) // window)


# --- levels and the final polynomial -------------------------------------------------------------


def noise_amplitude(level1: float) -> float:
    """Standard deviation of the threshold noise."""
    return float(10 ** ((NOISE_LEVEL - level1) / 20))
