"""The parts that instruments are made of."""

from __future__ import annotations

import numpy as np

from bench.data.generate.synth import dsp

RATE = 44_100


def test_partials_are_harmonics() -> None:
    """Against the sum of sines that they stand for."""
    t = np.arange(4410) / RATE
    expected = np.sin(2 * np.pi * 220 * t) * np.exp(-3 * t)
    expected += 0.5 * np.sin(2 * np.pi * 660 * t) * np.exp(-9 * t)
    sound = dsp.partials(220.0, 4410, [1.0, 0.0, 0.5], damping=3.0)
    np.testing.assert_allclose(sound, expected, atol=1e-9)


def test_saw_is_band_limited() -> None:
    """Between the harmonics, where a naive sawtooth's aliases lie, there is little."""
    hz = 44_100 / 28.5  # no harmonic falls on another's alias
    sound = dsp.saw(hz, RATE) * np.hanning(RATE)
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    bins = np.fft.rfftfreq(RATE, 1 / RATE)
    distance = np.abs(bins / hz - np.rint(bins / hz)) * hz
    between = (distance > 20) & (bins < 8000)
    naive = 2 * ((np.arange(RATE) * hz / RATE) % 1.0) - 1
    naive_spectrum = np.abs(np.fft.rfft(naive * np.hanning(RATE))) ** 2
    assert spectrum[between].sum() < 0.02 * naive_spectrum[between].sum()


def test_pan_keeps_power() -> None:
    sound = dsp.noise(dsp.generator("pan"), 1000)
    for position in (-1.0, -0.3, 0.0, 1.0):
        stereo = dsp.pan(sound, position)
        np.testing.assert_allclose(np.square(stereo).sum(), np.square(sound).sum())
    assert np.abs(dsp.pan(sound, -1.0)[1]).max() < 1e-12


def test_place_drops_what_hangs_over() -> None:
    out = np.zeros((2, 100))
    dsp.place(out, 90 / RATE, np.ones((2, 50)))
    dsp.place(out, 1.0, np.ones((2, 50)))
    dsp.place(out, -1.0, np.ones((2, 50)))
    assert out.sum() == 20
