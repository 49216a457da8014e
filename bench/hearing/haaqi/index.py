"""From segments to the two nonlinear components: cepstral correlation and synchronous covariance.

Arrays are ``(segments, 32)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.parameters import (
    CHANNELS,
    MODULATION_TAPS,
    SMALL,
    UPPER_KNEE,
    Cochlea,
    Floats,
)

FIRST_BAND = 4
"""Modulation bands from this one on, 20 to 125 Hz, make up the component."""


def heard(levels: Floats) -> NDArray[np.bool_]:
    """Which segments are loud enough to count, from the levels of their channels in dB SL."""
    loudness = 20 * np.log10(np.sum(10 ** (levels / 20), axis=1) / CHANNELS)
    return np.asarray(loudness > parameters.SILENCE_THRESHOLD)


def modulations(envelope: Floats) -> Floats:
    """Modulations of the cepstrum without its mean level, zero-mean, ``(4, 5, segments)``.

    Args:
        envelope: smoothed, dB SL, of the segments that are heard.
    """
    cepstrum = envelope @ parameters.cepstral_basis()[:, 1:]
    cepstrum -= cepstrum.mean(axis=0)
    filters = parameters.modulation_filters()[FIRST_BAND:]
    bands = signal.fftconvolve(cepstrum.T[None], filters[:, None], axes=2)
    delay = MODULATION_TAPS // 2
    bands = bands[:, :, delay : delay + envelope.shape[0]]
    centred: Floats = bands - bands.mean(axis=2, keepdims=True)
    return centred


def cepstral_correlation(reference: Floats, processed: Floats) -> float:
    """Mean of the normalised covariances of two signals' :func:`modulations`."""
    reference_power = np.sum(reference**2, axis=2)
    processed_power = np.sum(processed**2, axis=2)
    known = (reference_power >= SMALL) & (processed_power >= SMALL)
    product = np.where(known, reference_power * processed_power, 1.0)
    covariance = np.abs(np.sum(reference * processed, axis=2)) / np.sqrt(product)
    return float(np.mean(np.where(known, covariance, 0.0)))


def sync_covariance(reference_power: Floats, processed_power: Floats, covariance: Floats) -> float:
    """Mean covariance of the tiles that are heard, weighted by the channels' synchrony.

    Args:
        reference_power: mean square of the reference's motion in each segment.
        processed_power: the same of the processed signal's.
        covariance: greatest over lags, not yet normalised by the powers.
    """
    level = np.sqrt(2 * reference_power)
    segments = heard(level)
    if segments.sum() <= 1:
        return 0.0
    known = (reference_power > SMALL) & (processed_power > SMALL)
    product = np.where(known, reference_power * processed_power, 1.0)
    normalised = np.where(known, np.minimum(covariance / np.sqrt(product), 1.0), 0.0)
    weight = (level > parameters.SILENCE_THRESHOLD) * parameters.sync_weights()
    return float(np.sum((weight * normalised)[segments]) / np.sum(weight[segments]))


def sensation_levels(rms: Floats, control_rms: Floats, ear: Cochlea, level1: float) -> Floats:
    """Compressed long-term levels of the channels in dB SL, ``(32,)``.

    Args:
        rms: RMS of the gammatone envelopes before compression, ``(32,)``.
        control_rms: RMS of the control envelopes, ``(32,)``.
        ear: the cochlea.
        level1: dB SPL that an RMS of 1.0 stands for.
    """
    control = level1 + 20 * np.log10(np.maximum(control_rms, SMALL))
    control = np.maximum(np.minimum(control, UPPER_KNEE), ear.knee)
    gain = -ear.ohc_attenuation - (control - ear.knee) * (1 - 1 / ear.ratio)
    level = np.maximum(level1 + 20 * np.log10(np.maximum(rms, SMALL)), 0)
    return np.maximum(level + gain - ear.ihc_attenuation, 0)


def spectral_differences(reference_sl: Floats, processed_sl: Floats) -> tuple[float, float]:
    """(d_loud, d_norm), the linear terms in 0..1, from levels in dB SL ``(32,)``."""
    reference = 10 ** (reference_sl / 20)
    processed = 10 ** (processed_sl / 20)
    reference = reference / reference.sum()
    processed = processed / processed.sum()
    difference = reference - processed
    loud = 1 - CHANNELS * np.std(difference) / 2.5
    norm = 1 - CHANNELS * np.std(difference / (reference + processed)) / 25
    return min(max(float(loud), 0.0), 1.0), min(max(float(norm), 0.0), 1.0)


def combine(
    cepstral_correlation: float, bm_sync_covariance: float, d_loud: float, d_norm: float
) -> float:
    """The HAAQI score of its four components; 0.999 where all of them are 1."""
    nonlinear = 0.754 * cepstral_correlation**3 + 0.246 * bm_sync_covariance
    linear = 0.329 * d_loud + 0.671 * d_norm
    return 0.336 * nonlinear + 0.001 * linear + 0.501 * nonlinear**2 + 0.161 * linear**2
