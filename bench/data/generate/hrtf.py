"""Head-related impulse responses of a rigid sphere (Brown and Duda 1998).

"A structural model for binaural sound synthesis", IEEE Trans. Speech Audio Proc. 6(5), 476-488:
the head's shadow is a one-pole, one-zero filter whose zero moves with the angle between the source
and the ear, and the delay is that of the shortest way around the sphere. There is no pinna, torso
or room: this stands for a behind-the-ear microphone in an anechoic chamber.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

SPEED_OF_SOUND = 343.0
"""Metres per second."""
TAPS = 96
"""Samples of a response at 44.1 kHz."""

_ALPHA_MIN = 0.1
_THETA_MIN = np.deg2rad(150.0)
_LEAD = 32
"""Samples before the wave reaches the centre of the head, so that the near ear stays causal."""
_HALF = 16
"""Half the length in samples of the fractional delay."""


def interaural_delay(incidence: float, radius: float) -> float:
    """Arrival at the ear against that at the centre of the head, in seconds.

    Args:
        incidence: angle between source and ear axis in radians, 0 to pi.
        radius: of the head in metres.
    """
    if incidence < np.pi / 2:
        return float(-radius / SPEED_OF_SOUND * np.cos(incidence))
    return float(radius / SPEED_OF_SOUND * (incidence - np.pi / 2))


def shadow(incidence: float) -> float:
    """Gain of the head at high frequencies (at 0 Hz it is 1): 2 in full sun, 0.1 in the shade.

    Args:
        incidence: angle between source and ear axis in radians, 0 to pi.
    """
    lift, swing = 1 + _ALPHA_MIN / 2, 1 - _ALPHA_MIN / 2
    return float(lift + swing * np.cos(incidence / _THETA_MIN * np.pi))


def _fractional_delay(samples: float) -> NDArray[np.float64]:
    """A windowed-sinc impulse at `samples`, of :data:`TAPS` samples."""
    offset = np.arange(TAPS) - samples
    window = np.where(np.abs(offset) < _HALF, 0.5 + 0.5 * np.cos(np.pi * offset / _HALF), 0.0)
    delayed: NDArray[np.float64] = np.sinc(offset) * window
    return delayed


def ear_response(incidence: float, radius: float, sample_rate: int) -> NDArray[np.float64]:
    """Impulse response from a distant source to one ear, ``(TAPS,)``.

    Args:
        incidence: angle between source and ear axis in radians, 0 to pi.
        radius: of the head in metres.
        sample_rate: Hz.
    """
    delay = _LEAD + interaural_delay(incidence, radius) * sample_rate
    # H(s) = (alpha s + beta) / (s + beta) with beta = 2c/a, by the bilinear transform.
    beta, double = 2 * SPEED_OF_SOUND / radius, 2.0 * sample_rate
    alpha = shadow(incidence)
    b = np.array([beta + alpha * double, beta - alpha * double]) / (beta + double)
    a = np.array([1.0, (beta - double) / (beta + double)])
    response: NDArray[np.float64] = lfilter(b, a, _fractional_delay(delay))
    return response


def spherical_head(azimuth: float, radius: float, sample_rate: int = 44_100) -> NDArray[np.float64]:
    """Impulse responses of a loudspeaker to both ears, ``(TAPS, 2)``, left ear first.

    Args:
        azimuth: of the loudspeaker in degrees, -90 to 90; negative is to the left.
        radius: of the head in metres.
        sample_rate: Hz.

    The ears are at +-90 degrees. At 0 Hz both gains are 1.
    """
    angle = np.deg2rad(azimuth)
    ears = (np.pi / 2 + angle, np.pi / 2 - angle)
    return np.stack([ear_response(float(e), radius, sample_rate) for e in ears], axis=1)
