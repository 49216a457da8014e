"""Music at the hearing-aid microphones: loudspeaker channels through HRTFs, at their own loudness.

What pyclarity's ``recipes.cad_icassp_2024.generate_dataset`` does, bit for bit, but for silent
files, which stay silent there is no loudness to bring them back to.
"""

from __future__ import annotations

import warnings

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy.signal import lfilter

Signal = NDArray[np.float64]


def apply_hrtf(signal: Signal, left: Signal, right: Signal) -> Signal:
    """Filter both loudspeaker channels to both ears and sum them.

    Args:
        signal: what the loudspeakers play, ``(n, 2)``, left then right.
        left: impulse responses of the left loudspeaker, ``(taps, 2)``, left ear then right.
        right: the same of the right loudspeaker.

    Returns:
        ``(n, 2)``, left ear then right.
    """
    ears = [
        lfilter(left[:, ear], 1, signal[:, 0]) + lfilter(right[:, ear], 1, signal[:, 1])
        for ear in (0, 1)
    ]
    return np.stack(ears, axis=1)


def match_loudness(signal: Signal, reference: Signal, sample_rate: int) -> Signal:
    """Bring `signal` to the integrated loudness (BS.1770, LUFS) of `reference`, both ``(n, 2)``.

    A signal or reference without loudness (silence) gives zeros.
    """
    meter = pyloudnorm.Meter(int(sample_rate))
    with warnings.catch_warnings():
        # pyloudnorm takes log10(0) for silence, and warns of samples that the caller may clip.
        warnings.simplefilter("ignore")
        measured = meter.integrated_loudness(signal)
        wanted = meter.integrated_loudness(reference)
        if not np.isfinite(measured) or not np.isfinite(wanted):
            return np.zeros_like(signal)
        # measured + (wanted - measured), as the recipe has it, is not always `wanted` in floats.
        matched: Signal = pyloudnorm.normalize.loudness(
            signal, measured, measured + (wanted - measured)
        )
    return matched


def to_at_mic(signal: Signal, left: Signal, right: Signal, sample_rate: int) -> Signal:
    """Make one file of an at-mic sample: :func:`apply_hrtf`, then the loudness it had before."""
    return match_loudness(apply_hrtf(signal, left, right), signal, sample_rate)


def to_int16(signal: Signal) -> NDArray[np.int16]:
    """Full scale 1.0 to 16 bit: scaled by 2^15, clipped and truncated, as the recipe writes it.

    Example:
        >>> to_int16(np.array([0.0, 0.5, -1.0])).tolist()
        [0, 16384, -32768]
    """
    return np.clip(signal * 32768.0, -32768.0, 32767.0).astype(np.int16)
