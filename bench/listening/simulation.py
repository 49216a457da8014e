"""Simulate what a listener hears, for people with normal hearing: the MSBG model of hearing loss.

Source: pyclarity's ``clarity.evaluator.msbg``, after Nejime and Moore (1997), Simulation of the
effect of threshold elevation and loudness recruitment combined with reduced frequency selectivity,
Journal of the Acoustical Society of America 102(1).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from clarity.evaluator.msbg.msbg import Ear
from clarity.evaluator.msbg.msbg_utils import measure_rms
from clarity.utils.audiogram import Audiogram, Listener

from bench.api import SAMPLE_RATE

WORST: Final = 80.0
"""dB HL; the model is not designed for more, and worse thresholds count as this."""
_FILTER_DELAY: Final = 1080
"""Samples by which its filters to the cochlea and back, 507 each, and its low-pass, 66, delay."""
_SMEARING_DELAY: Final = 192
"""Samples more where frequency selectivity is reduced: three hops of its frames."""

Array = npt.NDArray[np.float64]


def with_hearing_loss(signal: Array, listener: Listener, level1: tuple[float, float]) -> Array:
    """The signal as a listener hears it, for somebody with normal hearing.

    Args:
        signal: at the listener's ears, ``(2, N)`` at 44.1 kHz.
        listener: whose loss is simulated; thresholds above WORST count as WORST.
        level1: dB SPL that an RMS of 1.0 stands for, left and right.

    Returns:
        ``(2, N)`` on the same scale, its delay taken off.
    """
    audiograms = (listener.audiogram_left, listener.audiogram_right)
    ears = zip(signal, audiograms, level1, strict=True)
    return np.stack([_ear(own, audiogram, level) for own, audiogram, level in ears])


def _ear(signal: Array, audiogram: Audiogram, level1: float) -> Array:
    if not np.any(signal) or not np.isfinite(level1):
        return np.zeros_like(signal)
    levels = np.minimum(audiogram.levels, WORST)
    ear = Ear(sample_rate=SAMPLE_RATE, equiv_0db_spl=level1, ahr=0.0)
    ear.set_audiogram(Audiogram(levels=levels, frequencies=audiogram.frequencies))
    delay = _FILTER_DELAY + (_SMEARING_DELAY if ear.cochlea.smearer is not None else 0)
    # The model takes the level of a signal's active parts for that of the whole, and so lowers it
    # by what silence there is. What it would take away is put on top.
    padded = np.pad(signal, (0, delay))
    active, *_ = measure_rms(padded, SAMPLE_RATE, -12)
    heard: Array = ear.process(padded * active / np.sqrt(np.mean(padded**2)))[0]
    return heard[delay : delay + len(signal)]
