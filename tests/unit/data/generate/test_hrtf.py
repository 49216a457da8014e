"""The spherical head against Woodworth's and Brown and Duda's formulas."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.generate.hrtf import SPEED_OF_SOUND, TAPS, interaural_delay, shadow, spherical_head

RATE = 44_100


def _group_delay(response: np.ndarray) -> float:
    """Seconds, at 0 Hz: the centre of gravity of an impulse response."""
    return float(np.sum(np.arange(len(response)) * response) / np.sum(response)) / RATE


@pytest.mark.parametrize("azimuth", [-90.0, -45.0, -22.5, 0.0, 30.0, 37.5, 90.0])
@pytest.mark.parametrize("radius", [0.07, 0.0875, 0.1])
def test_delay_between_the_ears_is_woodworths(azimuth: float, radius: float) -> None:
    """Woodworth (1938): ITD = a/c (sin theta + theta) for a distant source in front."""
    theta = np.deg2rad(azimuth)
    left = interaural_delay(np.pi / 2 + theta, radius)
    right = interaural_delay(np.pi / 2 - theta, radius)
    expected = radius / SPEED_OF_SOUND * (np.sin(theta) + theta)
    assert left - right == pytest.approx(expected, abs=1e-12)


def test_published_shadow() -> None:
    """Brown and Duda (1998), eq. 3: 2 facing the source, 0.1 at 150 degrees, 6 dB at most."""
    assert shadow(0.0) == pytest.approx(2.0)
    assert shadow(np.deg2rad(150.0)) == pytest.approx(0.1)
    assert shadow(np.deg2rad(75.0)) == pytest.approx(1.05)


@pytest.mark.parametrize("azimuth", [-37.5, 0.0, 22.5])
def test_response_has_the_published_gains(azimuth: float) -> None:
    response = spherical_head(azimuth, 0.0875, RATE)
    assert response.shape == (TAPS, 2)
    for ear, side in ((0, 1.0), (1, -1.0)):
        incidence = np.pi / 2 + side * np.deg2rad(azimuth)
        spectrum = np.abs(np.fft.rfft(response[:, ear], 4096))
        hz = np.fft.rfftfreq(4096, 1 / RATE)
        beta = 2 * SPEED_OF_SOUND / 0.0875
        s = 2j * np.pi * hz
        analog = np.abs((shadow(incidence) * s + beta) / (s + beta))
        # To 8 kHz, beyond which the bilinear transform and the delay's window bend the curve.
        low = hz < 8000
        np.testing.assert_allclose(
            20 * np.log10(spectrum[low]), 20 * np.log10(analog[low]), atol=0.5
        )


def test_delay_of_the_response() -> None:
    """At 0 Hz the shadow adds (1 - alpha) / beta to the way around the head."""
    radius, azimuth = 0.0875, 30.0
    response = spherical_head(azimuth, radius, RATE)
    theta = np.deg2rad(azimuth)
    beta = 2 * SPEED_OF_SOUND / radius
    ears = (np.pi / 2 + theta, np.pi / 2 - theta)
    expected = [interaural_delay(e, radius) + (1 - shadow(e)) / beta for e in ears]
    measured = _group_delay(response[:, 0]) - _group_delay(response[:, 1])
    assert measured == pytest.approx(expected[0] - expected[1], abs=2e-6)


def test_left_and_right_mirror_each_other() -> None:
    left, right = spherical_head(-30.0, 0.09, RATE), spherical_head(30.0, 0.09, RATE)
    np.testing.assert_array_equal(left, right[:, ::-1])
    # A loudspeaker to the left is nearer and louder at the left ear.
    assert np.argmax(np.abs(left[:, 0])) < np.argmax(np.abs(left[:, 1]))
    assert np.sum(left[:, 0] ** 2) > np.sum(left[:, 1] ** 2)
