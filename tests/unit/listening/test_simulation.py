"""The simulated hearing loss is pyclarity's MSBG at the level that HAAQI takes, and in time."""

from __future__ import annotations

import numpy as np
import pytest
from clarity.evaluator.msbg.cochlea import Cochlea
from clarity.evaluator.msbg.msbg import UPPER_CUTOFF_HZ, Ear
from clarity.utils.audiogram import Audiogram, Listener
from scipy.signal import firwin, lfilter

from bench.listening.simulation import WORST, with_hearing_loss

RATE = 44_100
LEVEL1 = 85.0


def listener(left: list[float], right: list[float]) -> Listener:
    return Listener(Audiogram(levels=np.array(left)), Audiogram(levels=np.array(right)), id="L")


def bursts(seconds: float = 0.4) -> np.ndarray:
    """Noise with gaps, whose active parts are well above its mean level."""
    signal = np.random.default_rng(0).normal(0, 0.1, round(RATE * seconds))
    signal[len(signal) // 3 :] *= 0.01
    return np.stack([signal, signal])


def msbg_at_level(signal: np.ndarray, audiogram: Audiogram) -> np.ndarray:
    """The model's own stages, one by one, without its guess of the level."""
    correction = Ear.get_src_correction("ff")
    inside = Ear.src_to_cochlea_filt(signal, correction, RATE)
    inside = Cochlea(audiogram=audiogram).simulate(inside, LEVEL1)
    outside = Ear.src_to_cochlea_filt(inside, correction, RATE, backward=True)
    taps = firwin(133, UPPER_CUTOFF_HZ / (RATE // 2), window=("kaiser", 8))
    heard: np.ndarray = lfilter(taps, 1, outside)
    return heard


def test_it_is_msbg_at_the_level_that_is_given() -> None:
    flat, signal = [40.0] * 8, bursts()
    found = with_hearing_loss(signal, listener(flat, flat), (LEVEL1, LEVEL1))[0]
    padded = np.pad(signal[0], (0, 1080 + 192))
    expected = msbg_at_level(padded, Audiogram(levels=np.array(flat)))
    delay = 1080 + 192
    assert found == pytest.approx(expected[delay : delay + len(found)], abs=1e-9)


def test_both_ears_stay_in_time() -> None:
    """One ear that hears well beside one that does not: no delay between them, nor to the input."""
    signal = np.zeros((2, RATE // 4))
    signal[:, 4000:4200] = np.random.default_rng(1).normal(0, 0.5, 200)
    someone = listener([0.0] * 8, [45.0] * 8)
    found = with_hearing_loss(signal, someone, (LEVEL1, LEVEL1))
    assert found.shape == signal.shape
    for heard in found:
        match = np.correlate(heard, signal[0, 3900:4300], "valid")
        assert abs(int(np.abs(match).argmax()) - 3900) < 20  # 0.5 ms


def test_a_greater_loss_leaves_less() -> None:
    signal = bursts(0.25)
    found = with_hearing_loss(signal, listener([20.0] * 8, [60.0] * 8), (LEVEL1, LEVEL1))
    left, right = np.sqrt(np.mean(found**2, axis=1))
    assert right < 0.3 * left


def test_thresholds_beyond_the_model_count_as_its_worst() -> None:
    signal = bursts(0.2)
    worst = with_hearing_loss(signal, listener([WORST] * 8, [110.0] * 8), (LEVEL1, LEVEL1))
    assert worst[0] == pytest.approx(worst[1])


def test_a_silent_ear_hears_nothing() -> None:
    signal = bursts(0.2)
    signal[1] = 0.0
    found = with_hearing_loss(signal, listener([0.0] * 8, [0.0] * 8), (LEVEL1, np.inf))
    assert found[0].any()
    assert not found[1].any()
