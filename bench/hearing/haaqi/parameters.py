"""Constants, filter coefficients and hearing-loss parameters of the HAAQI model.

Pure functions of numpy arrays, shared by the exact and the differentiable HAAQI and by HAAQI
light. Everything here is for 32 channels at 24 kHz. Levels are dB SPL, dB SL or dB HL as named;
a relative bandwidth is a multiple of the normal ear's equivalent rectangular bandwidth (ERB).

Source: Kates and Arehart (2016), The Hearing-Aid Audio Quality Index (HAAQI), IEEE/ACM TASLP 24(2),
354-365; version 1 as pyclarity 0.9.0 computes it in ``clarity.evaluator.haaqi`` and
``clarity.evaluator.haspi.eb``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal

from bench import hearing

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Values = TypeVar("Values", Floats, "Tensor")
"""Arrays or tensors: what takes them is made of arithmetic that both have."""

SAMPLE_RATE: Final = 24_000
"""Hz; the rate of the ear model."""
CHANNELS: Final = 32
AUDIOGRAM_FREQUENCIES: Final = (250, 500, 1000, 2000, 4000, 6000)
AUDIOGRAM_COLUMNS: Final = [hearing.AUDIOGRAM_FREQUENCIES.index(f) for f in AUDIOGRAM_FREQUENCIES]
"""Where they are among the eight frequencies of the rest of the package."""
"""Hz; the audiometric frequencies that the model knows."""
DEFAULT_LEVEL: Final = 65.0
"""dB SPL that an RMS of 1.0 stands for, unless a call says otherwise."""

LOWEST_CENTRE: Final = 80.0
HIGHEST_CENTRE: Final = 8000.0
EAR_Q: Final = 9.26449
MIN_BANDWIDTH: Final = 24.7

SMALL: Final = 1e-30
"""Amplitude that the model adds before a logarithm or a division."""
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
    """Centre frequencies of the gammatone filters, Hz, ``(32,)``, rising from 80 to 8000.

    Example:
        >>> centre_frequencies()[[0, 1, 15, 30, 31]].round().tolist()
        [80.0, 114.0, 1283.0, 7173.0, 8000.0]
    """
    return _centre_frequencies().copy()


def erb() -> Floats:
    """The normal ear's equivalent rectangular bandwidths, Hz, ``(32,)``.

    Example:
        >>> erb()[[0, 31]].round(1).tolist()  # at 80 Hz and at 8 kHz
        [33.3, 888.2]
    """
    return MIN_BANDWIDTH + centre_frequencies() / EAR_Q


@dataclass(frozen=True, eq=False)
class Cochlea(Generic[Values]):
    """The effect of a hearing loss on each of the 32 channels; every field is ``(32,)``.

    HAAQI light has a batch of them in tensors, ``(B, 32, 1)``.

    Attributes:
        ohc_attenuation: attenuation by the outer hair cells, dB.
        bandwidth: relative bandwidth of the quietest sounds' filters.
        knee: lower knee of the compression, dB SPL.
        ratio: compression ratio.
        ihc_attenuation: attenuation at the inner hair cells' synapse, dB.
    """

    ohc_attenuation: Values
    bandwidth: Values
    knee: Values
    ratio: Values
    ihc_attenuation: Values


def normal_ratios() -> Floats:
    """The normal ear's compression ratios, ``(32,)``.

    Example:
        >>> normal_ratios()[[0, 31]].tolist()  # at 80 Hz and at 8 kHz
        [1.25, 3.5]
    """
    return 1.25 + 2.25 * np.arange(CHANNELS) / (CHANNELS - 1)


def impaired(loss: Values, normal_ratio: Values, full: Values | None = None) -> Cochlea[Values]:
    """Apportion a hearing loss to the outer and the inner hair cells of a cochlea.

    Args:
        loss: at the channels' centre frequencies, dB HL, not below 0.
        normal_ratio: the channels' :func:`normal_ratios`, in the same library.
        full: the loss at which the outer hair cells are gone, dB; what exceeds it falls to the
            inner ones. By default it follows from the ratios.

    Example:
        >>> ear = impaired(np.array([40.0, 100.0]), np.array([3.5, 3.5]))
        >>> ear.ohc_attenuation.tolist(), ear.ihc_attenuation.tolist()
        ([32.0, 50.0], [8.0, 50.0])
    """
    if full is None:
        full = 1.25 * (70 * (1 - 1 / normal_ratio))
    shared = loss.clip(max=full)
    ohc = 0.8 * shared
    ihc = 0.2 * shared + (loss - shared)
    knee = ohc + 30
    ratio = (100 - knee) / (30 + 70 / normal_ratio + ohc - knee)
    bandwidth = 1 + ohc / 50 + 2 * (ohc / 50) ** 6
    return Cochlea(ohc, bandwidth, knee, ratio, ihc)


def cochlea(levels: ArrayLike) -> Cochlea[Floats]:
    """The cochlea of a listener whose loss is `levels`, dB HL ``(6,)`` at AUDIOGRAM_FREQUENCIES.

    Example:
        >>> ears = cochlea([0] * 6), cochlea([20, 20, 25, 35, 45, 50])
        >>> [round(float(ear.ratio[20]), 2) for ear in ears]  # compresses less
        [2.7, 1.57]
        >>> [round(float(ear.bandwidth[20]), 2) for ear in ears]  # wider filters
        [1.0, 1.67]
    """
    levels = np.asarray(levels, dtype=np.float64)
    centres = centre_frequencies()
    # pyclarity inserts the outer centres into an array of integers: they lose their fraction.
    frequencies = (int(centres[0]), *AUDIOGRAM_FREQUENCIES, int(centres[-1]))
    loss = np.interp(centres, frequencies, np.concatenate((levels[:1], levels, levels[-1:])))
    loss = np.maximum(loss, 0.0)
    return impaired(loss, normal_ratios())


def control_bandwidth() -> Floats:
    """Relative bandwidths of the control filters, ``(32,)``: those of a loss of 100 dB.

    Example:
        >>> control_bandwidth()[[0, 31]].round(2).tolist()  # at 80 Hz and at 8 kHz
        [1.28, 4.0]
    """
    return cochlea(np.full(len(AUDIOGRAM_FREQUENCIES), 100.0)).bandwidth


def adjusted_bandwidth(control_rms: ArrayLike, narrow: Floats, level1: float) -> Floats:
    """Relative bandwidths of the signal filters, widened with the level in the control channel.

    Args:
        control_rms: RMS of the control envelopes over the whole signal, ``(32,)``.
        narrow: the cochlea's bandwidths, ``(32,)``.
        level1: dB SPL that an RMS of 1.0 stands for.

    Example:
        >>> normal = cochlea([0] * 6).bandwidth
        >>> [round(float(adjusted_bandwidth(rms, normal, 65.0)[31]), 2)
        ...  for rms in (0.1, 1.0, 100.0)]  # 45, 65 and 105 dB SPL
        [1.0, 1.9, 4.0]
    """
    with np.errstate(divide="ignore"):  # a silent channel has -inf dB: the narrow bandwidth
        level = 20 * np.log10(np.asarray(control_rms, dtype=np.float64)) + level1
    wide = control_bandwidth()
    between = narrow + ((np.clip(level, 50, 100) - 50) / 50) * (wide - narrow)
    return np.where(level > 100, wide, between)


# --- filters -------------------------------------------------------------------------------------


def gammatone_poles(bandwidth: Floats) -> Floats:
    """Compute the fourfold real pole of each demodulated gammatone filter, ``(32,)``.

    A channel demodulates the signal by its centre frequency and low-passes both parts by
    ``(1 + 4 a z^-1 + 4 a^2 z^-2) / (1 - a z^-1)^4``, times :func:`gammatone_gains`.

    Example:
        >>> gammatone_poles(np.ones(32))[[0, 31]].round(3).tolist()  # at 80 Hz and at 8 kHz
        [0.991, 0.789]
    """
    poles: Floats = np.exp(-bandwidth * (2 * np.pi / SAMPLE_RATE) * erb() * 1.019)
    return poles


def gammatone_gains(poles: Values) -> Values:
    """Gains that make the gammatone filters' response 2 at their centre, ``(32,)``.

    Example:
        >>> a = 0.9
        >>> round(gammatone_gains(a) * (1 + 4 * a + 4 * a**2) / (1 - a) ** 4, 9)
        2.0
    """
    return 2 * (1 - poles) ** 4 / (1 + 2 * poles) ** 2


def gammatone_polynomials(poles: Floats) -> tuple[Floats, Floats]:
    """Compute the gammatone filters as pyclarity runs them, with rounded coefficients.

    Rounding the polynomial (1 - a z^-1)^4 moves the poles of a narrow filter by up to 1e-8, which
    can be seen in the eighth decimal of a score. To give the same score, not a better one, each
    operation here is that of pyclarity, in its order.

    Returns:
        coefficients ``(6, 32)``: b1, b2, a1, a2, a3, a4 of
        ``y[n] = x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - ... - a4 y[n-4]``; and gains ``(32,)``.

    Example:
        >>> coefficients, gains = gammatone_polynomials(np.array([0.5]))
        >>> coefficients.ravel().tolist()
        [2.0, 1.0, -2.0, 1.5, -0.5, 0.0625]
        >>> gains.tolist() == gammatone_gains(np.array([0.5])).tolist()
        True
    """
    a_1 = 4.0 * poles
    a_2 = -6.0 * poles * poles
    a_3 = 4.0 * poles * poles * poles
    a_4 = -poles * poles * poles * poles
    a_5 = 4.0 * poles * poles
    gains = 2.0 * (1 - a_1 - a_2 - a_3 - a_4) / (1 + a_1 + a_5)
    return np.stack((a_1, a_5, -a_1, -a_2, -a_3, -a_4)), gains


def group_delays(bandwidth: Floats) -> Integers:
    """Compute samples by which each channel is to be delayed, so that all are equally late.

    The group delay is that of the demodulated filter at 0 Hz, the channel's centre frequency.

    Args:
        bandwidth: relative, ``(32,)``.

    Returns:
        ``(32,)``.

    Example:
        >>> group_delays(np.ones(32))[[0, 15, 31]].tolist()  # the lowest channel is the latest
        [0, 358, 433]
    """
    a = gammatone_poles(bandwidth)
    # At 0 Hz, a pole a delays by a / (1 - a), and a zero -2a by 2a / (1 + 2a).
    delay = 4 * a / (1 - a) + 2 * 2 * a / (1 + 2 * a)
    samples = np.rint(delay).astype(np.int64)
    return np.asarray(samples.max() - samples)


@cache
def middle_ear_lowpass() -> tuple[Floats, Floats]:
    """(b, a) of the middle ear's first-order low-pass at 5 kHz.

    Example:
        >>> b, a = middle_ear_lowpass()
        >>> round(float(b.sum() / a.sum()), 9)  # its gain at 0 Hz
        1.0
    """
    b, a = signal.butter(1, 5000 / (0.5 * SAMPLE_RATE))
    return b, a


@cache
def middle_ear_highpass() -> tuple[Floats, Floats]:
    """(b, a) of the middle ear's second-order high-pass at 350 Hz, after the low-pass.

    Example:
        >>> b, a = middle_ear_highpass()
        >>> round(abs(float(b.sum() / a.sum())), 9), b.size, a.size  # its gain at 0 Hz
        (0.0, 3, 3)
    """
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

    Example:
        >>> b1, a11, a12, b2, a21, a22 = adaptation()
        >>> v1 = v2 = 0.0
        >>> adapted = []
        >>> for _ in range(SAMPLE_RATE):  # a second of 40 dB SL from its onset on
        ...     v1, v2 = b1 * 40 + a11 * v1 + a12 * v2, b2 * 40 + a21 * v1 + a22 * v2
        ...     adapted.append(OVERSHOOT * (40 - v1))
        >>> [round(adapted[n], 1) for n in (0, 2400, -1)]  # at once, after 100 ms, at the end
        [79.5, 42.8, 40.0]
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
    """Impulse responses of the eight linear-phase modulation filters at 250 Hz, ``(8, 129)``.

    Example:
        >>> modulation_filters().sum(1).round(1)[[0, 3, 7]].tolist()  # gains at 0 Hz
        [1.0, -0.0, 0.0]
        >>> response = abs(np.fft.rfft(modulation_filters(), 1000))  # in steps of 0.25 Hz
        >>> (response.argmax(1) / 4)[[3, 5]].tolist()  # peaks of 12.5-20 Hz and of 32-50 Hz
        [16.25, 36.0]
    """
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
    """Half cosines over the channels, of unit norm, ``(32, 6)``.

    Example:
        >>> cepstral_basis()[:, 0].round(3)[:2].tolist(), round(0.5**2.5, 3)  # the mean level
        ([0.177, 0.177], 0.177)
    """
    order = np.arange(CEPSTRAL_COEFFICIENTS)
    basis = np.cos(np.outer(np.arange(CHANNELS), order) * np.pi / (CHANNELS - 1))
    normed: Floats = basis / np.linalg.norm(basis, axis=0, keepdims=True)
    return normed


def sync_weights() -> Floats:
    """Weights of the channels for the inner hair cells' loss of synchrony, ``(32,)``.

    Example:
        >>> sync_weights()[[0, 24, 31]].round(2).tolist()  # at 80 Hz, 3.7 kHz and 8 kHz
        [1.0, 0.61, 0.02]
    """
    cutoff = SYNC_CUTOFF ** (2 * SYNC_ORDER)
    weights: Floats = np.sqrt(cutoff / (cutoff + centre_frequencies() ** (2 * SYNC_ORDER)))
    return weights


def segments(samples: int, window: int) -> int:
    """Count the segments of a signal of `samples`, at a hop of half a `window`.

    The first and the last are half windows.

    Example:
        >>> segments(SAMPLE_RATE, ENVELOPE_WINDOW)  # of a second: one each 4 ms
        250
    """
    return 1 + samples // window + int((samples - window / 2) // window)


def noise_amplitude(level1: float) -> float:
    """Standard deviation of the threshold noise, where an RMS of 1.0 is `level1` dB SPL.

    Example:
        >>> noise_amplitude(90.0)  # 100 dB below
        1e-05
    """
    return float(10 ** ((NOISE_LEVEL - level1) / 20))


@cache
def covariance_norms() -> tuple[Floats, Floats]:
    """Compute factors that undo the taper of the covariance's window, whole and half.

    Returns:
        Inverse autocorrelations of either window at the lags, ``(2, 2 * COVARIANCE_LAG + 1)``, and
        inverse energies, ``(2,)``.

    Example:
        >>> lags, energies = covariance_norms()
        >>> bool(np.allclose(lags[:, COVARIANCE_LAG], energies))  # at a lag of 0
        True
    """
    whole = np.hanning(COVARIANCE_WINDOW)
    windows = whole, whole[COVARIANCE_WINDOW // 2 :]
    correlations = []
    for window in windows:
        middle = window.size - 1
        lags = slice(middle - COVARIANCE_LAG, middle + COVARIANCE_LAG + 1)
        correlations.append(1 / np.correlate(window, window, "full")[lags])
    return np.stack(correlations), 1 / np.array([np.sum(window**2) for window in windows])
