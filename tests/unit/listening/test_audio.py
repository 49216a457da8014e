"""Signals for a page: levels, files, anchors, and what is rendered."""

from __future__ import annotations

import io

import numpy as np
import pyloudnorm
import pytest
import soundfile
from matplotlib.image import imread

from bench.listening.audio import (
    RATE,
    flac,
    lift_together,
    loudness_of,
    match_levels,
    place_of,
    spectrogram,
)

METER = pyloudnorm.Meter(RATE)


def noise(scale: float, seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, (2, round(RATE * seconds)))


def test_levels_are_matched_as_pyloudnorm_measures_them() -> None:
    spiky = noise(0.05, seed=1)
    spiky[0, 100] = 4.0
    given = {"soft": noise(0.001), "loud": noise(0.3, seed=2), "spiky": spiky}
    found = match_levels(given)
    for name, signal in found.signals.items():
        assert METER.integrated_loudness(signal.T) == pytest.approx(found.loudness, abs=0.01)
        assert np.abs(signal).max() <= 10 ** (-1 / 20) + 1e-9
        assert np.allclose(signal, given[name] * 10 ** (found.changes[name] / 20))
    # The spike decides: it stands 1 dB below full scale, and all are softer than they might be.
    assert np.abs(found.signals["spiky"]).max() == pytest.approx(10 ** (-1 / 20))
    assert found.loudness < -23
    assert match_levels({"loud": given["loud"]}).loudness == -23


def test_silence_stays_silent() -> None:
    found = match_levels({"nothing": np.zeros((2, RATE)), "something": noise(0.1)})
    assert not found.signals["nothing"].any()
    assert found.changes["nothing"] == 0
    assert found.loudness == -23
    assert lift_together({"nothing": np.zeros((2, RATE))}, "nothing").changes == {"nothing": 0.0}


def test_lifted_together_differences_stay() -> None:
    given = {"one": noise(0.01), "two": noise(0.02, seed=3)}
    found = lift_together(given, "one")
    assert found.changes["one"] == found.changes["two"]
    assert loudness_of(found.signals["one"]) == pytest.approx(-23, abs=0.01)
    assert loudness_of(found.signals["two"]) == pytest.approx(
        -23 + loudness_of(given["two"]) - loudness_of(given["one"]), abs=0.01
    )


def test_flac_keeps_16_bits() -> None:
    signal = noise(0.1)
    read, rate = soundfile.read(io.BytesIO(flac(signal)))
    assert rate == RATE
    assert np.abs(read.T - signal).max() <= 1 / 32768


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    time = np.arange(RATE) / RATE
    tone = np.stack([0.1 * np.sin(2 * np.pi * 1000 * time)] * 2)
    picture = imread(io.BytesIO(spectrogram(tone)), format="jpeg").astype(float)
    height, width, _ = picture.shape
    assert width == 900
    yellow = picture[:, width // 2, 0] - picture[:, width // 2, 2]  # cividis: blue to yellow
    brightest = 1 - (int(yellow.argmax()) + 0.5) / height
    assert brightest == pytest.approx(place_of(1000), abs=0.03)
