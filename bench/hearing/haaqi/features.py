"""From segments to the two nonlinear components: cepstral correlation and synchronous covariance.

Arrays are ``(segments, 32)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.parameters import CHANNELS, MODULATION_TAPS, SMALL, Floats

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
