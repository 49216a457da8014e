"""Resampling to the model's 24 kHz as in pyclarity, which first rounds the rate to whole kHz."""

from __future__ import annotations

import numpy as np
from scipy import signal

from bench.hearing.haaqi.parameters import SAMPLE_RATE, Floats

_BAND = 21.0
"""kHz; twice the edge of the band whose level the resampling keeps."""


def to_model_rate(samples: Floats, sample_rate: float) -> Floats:
    """Resample ``(samples,)`` from `sample_rate` (Hz) to 24 kHz, keeping its RMS level.

    The level is kept over the whole band where the rate rises, below 10.5 kHz where it falls. A
    silent signal stays silent.

    Example:
        >>> tone = np.sin(2 * np.pi * 440 / 48_000 * np.arange(4_800))
        >>> to_model_rate(tone, 48_000).size
        2400
    """
    target = SAMPLE_RATE // 1000
    source = round(sample_rate / 1000)
    if source == target or not samples.any():
        return samples if source == target else np.zeros(-(-samples.size * target // source))
    resampled = signal.resample_poly(samples, target, source)
    if source < target:
        ratio = _rms(samples) / _rms(resampled)
    else:
        ratio = _band_rms(samples, source) / _band_rms(resampled, target)
    scaled: Floats = ratio * resampled
    return scaled


def _rms(samples: Floats) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def _band_rms(samples: Floats, rate: int) -> float:
    b, a = signal.cheby2(7, 30, _BAND / rate)
    return _rms(signal.lfilter(b, a, samples))
