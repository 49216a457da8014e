"""One signal up to the outer hair cells, beside pyclarity's ear channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from clarity.evaluator.haspi import eb
from numpy.typing import NDArray

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.exact.ear import Ear, SlidingChannels
from bench.hearing.haaqi.exact.gammatone import GROUPS
from bench.hearing.simd.vector import LANES

Floats = NDArray[np.float64]
RATE, CHANNELS, LEVEL1 = 24_000.0, 32, 85.0
LOSS = np.array([20.0, 30, 40, 50, 60, 70])
SAMPLES = 7_001


@dataclass
class Expected:
    """What pyclarity's ear model computes of a signal, channel by channel."""

    middle_ear: Floats
    control_rms: Floats
    bandwidth: Floats
    envelope: Floats
    motion: Floats
    levels: Floats


def music(samples: int = SAMPLES) -> Floats:
    time = np.arange(samples) / RATE
    rng = np.random.default_rng(0)
    beats = 0.2 + np.abs(np.sin(2 * np.pi * 4 * time))
    tones = np.sin(2 * np.pi * 220 * time) + 0.5 * np.sin(2 * np.pi * 1760 * time)
    return 0.1 * beats * (tones + 0.3 * rng.standard_normal(samples))


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear(music(), parameters.cochlea(LOSS), LEVEL1)


@pytest.fixture(scope="module")
def expected(ear: Ear) -> Expected:
    """As ``eb.ear_model`` calls its functions.

    Filters have the bandwidths of `ear`, which are compared by themselves: a bandwidth that differs
    in its tenth digit moves the poles of narrow filters, as rounded, in their eighth.
    """
    centres = eb.center_frequency(CHANNELS)
    ohc, narrow, knee, ratio, ihc = eb.loss_parameters(LOSS, centres)
    _, wide, _, _, _ = eb.loss_parameters(np.full(6, 100), centres)
    heard = eb.middle_ear(music(), RATE)
    control_rms, rms, bandwidth = np.zeros((3, CHANNELS))
    envelopes, motions = np.zeros((2, CHANNELS, SAMPLES))
    for n, centre in enumerate(centres):
        control, *_ = eb.gammatone_basilar_membrane(heard, wide[n], heard, wide[n], RATE, centre)
        control_rms[n] = np.sqrt(np.mean(control**2))
        bandwidth[n] = eb.bandwidth_adjust(control, narrow[n], wide[n], LEVEL1)
        envelope, motion, *_ = eb.gammatone_basilar_membrane(
            heard, ear.bandwidth[n], heard, ear.bandwidth[n], RATE, centre
        )
        rms[n] = np.sqrt(np.mean(envelope**2))
        envelopes[n], motions[n] = eb.env_compress_basilar_membrane(
            envelope, motion, control, ohc[n], knee[n], ratio[n], RATE, LEVEL1
        )
    levels = eb.convert_rms_to_sl(rms, control_rms, ohc, knee, ratio, ihc, LEVEL1)
    return Expected(heard, control_rms, bandwidth, envelopes, motions, levels)


def through(ear: Ear, length: int, pad: int = 50) -> tuple[Floats, Floats]:
    """Compressed envelope and motion ``(32, samples)``, computed in windows of `length`."""
    found = np.zeros((2, CHANNELS, SAMPLES))
    channels = SlidingChannels(length, pad)
    for group in range(GROUPS):
        channels.begin(ear, group)
        lanes = slice(group * LANES, (group + 1) * LANES)
        for start in range(0, SAMPLES, length):
            channels.move(start)
            stop = min(start + length, SAMPLES)
            for rows, array in zip(found, channels.arrays, strict=True):
                rows[lanes, start:stop] = array[pad : pad + stop - start].T
    return found[0], found[1]


def test_the_middle_ear(ear: Ear, expected: Expected) -> None:
    np.testing.assert_allclose(ear.signal, expected.middle_ear, rtol=0, atol=1e-14)


def test_the_control_filters_set_the_bandwidths(ear: Ear, expected: Expected) -> None:
    np.testing.assert_allclose(ear.control_rms, expected.control_rms, rtol=1e-9)
    np.testing.assert_allclose(ear.bandwidth, expected.bandwidth, rtol=1e-9)
    # The level widens some of the filters.
    assert (ear.bandwidth > parameters.cochlea(LOSS).bandwidth * 1.01).any()


@pytest.mark.parametrize("length", [SAMPLES, 10_000, 1000, 777])
def test_windows_hold_the_compressed_channels(ear: Ear, expected: Expected, length: int) -> None:
    envelope, motion = through(ear, length)
    for found, wanted in ((envelope, expected.envelope), (motion, expected.motion)):
        peak = np.abs(wanted).max(axis=1, keepdims=True)
        assert (np.abs(found - wanted) / peak).max() < 1e-11


def test_levels_follow_once_the_signal_is_through(ear: Ear, expected: Expected) -> None:
    through(ear, 1000)
    assert expected.levels.min() == 0 < expected.levels.max()
    np.testing.assert_allclose(ear.levels(), expected.levels, rtol=0, atol=1e-8)


def test_rows_around_a_window_are_the_signal_or_nothing(ear: Ear) -> None:
    pad, length = 50, 1000
    whole = through(ear, SAMPLES)[1][:LANES].T
    padded = np.zeros((SAMPLES + 2 * pad + length, LANES))
    padded[pad : pad + SAMPLES] = whole
    channels = SlidingChannels(length, pad)
    channels.begin(ear, 0)
    # Forwards, once again where it is, and back to the start.
    for start in (0, 1000, 1000, 2000, 0, 1000, *range(2000, SAMPLES, 1000)):
        channels.move(start)
        np.testing.assert_array_equal(
            channels.arrays[1], padded[start : start + length + 2 * pad], err_msg=str(start)
        )


def test_silence_is_kept_out_of_denormal_numbers() -> None:
    signal = music()
    signal[1000:] = 0.0
    tail = Ear(signal, parameters.cochlea(LOSS), LEVEL1).signal[-1000:]
    assert 0 < np.abs(tail).max() < 1e-50
