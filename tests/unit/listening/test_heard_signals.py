"""Signals for a page: levels, files, anchors, and what is rendered."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from clarity.utils.audiogram import Audiogram, Listener
from matplotlib.image import imread
from scipy.signal import freqz

from bench.listening.audio import (
    RATE,
    flac,
    lift_together,
    loudness_of,
    match_levels,
    place_of,
    spectrogram,
)
from bench.listening.mushra import low_pass
from bench.listening.render import MIXTURE, REFERENCE, hear
from bench.plugins import installed
from bench.runs.restore import StoredRun
from bench.spec.resolve import make_run_spec, open_dataset
from bench.spec.suite import load_suite

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


@pytest.mark.parametrize("cutoff", [3500.0, 7000.0])
def test_anchors_have_the_standards_slope(cutoff: float) -> None:
    """BS.1534: of the 3.5 kHz anchor +-0.1 dB below, 25 dB at 4 kHz, 50 dB at 4.5 kHz."""
    click = np.zeros((2, 4096))
    click[:, 2048] = 1.0
    response = low_pass(click, cutoff)
    assert np.abs(response[0]).argmax() == 2048  # no delay
    frequencies, gain = freqz(response[0], worN=8192, fs=RATE)
    level = 20 * np.log10(np.maximum(np.abs(gain), 1e-9))
    assert np.abs(level[frequencies <= cutoff]).max() < 0.1
    assert level[frequencies >= cutoff * 4 / 3.5].max() < -25
    assert level[frequencies >= cutoff * 4.5 / 3.5].max() < -50


# --- rendering ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(small_set: Path):  # type: ignore[no-untyped-def]
    """The first scene of a small set through the mixture and the oracle."""
    plugins, suite = installed(), load_suite("cadenza-icassp-2024")
    systems = {}
    for separator in ("mixture", "oracle"):
        options = {"dataset": {"root": str(small_set)}}
        spec = make_run_spec(plugins, suite, separator=separator, gains="fixed", options=options)
        run = StoredRun(f"r{separator}", separator, spec, None)
        systems[run.run_id] = (run, run.system(plugins))
    dataset = open_dataset(spec, plugins)
    scene = dataset.scenes(spec.split)[0]
    level = Audiogram(levels=np.zeros(8))
    normal = Listener(level, level, id="normal")
    [found] = hear(scene, [normal], systems, seconds=2.0, ways=("remix", "amplified"))
    return scene, found


def test_what_is_heard_is_what_is_scored(pair) -> None:  # type: ignore[no-untyped-def]
    scene, found = pair
    assert (found.start, found.seconds) == (0.5, 2.0)
    remix = found.ways["remix"].signals
    assert list(remix) == [MIXTURE, REFERENCE, "rmixture", "roracle"]
    # The oracle's remix is the reference, and a quarter of the mixture four times is the mixture
    # only where nothing else is asked for.
    assert remix["roracle"] == pytest.approx(remix[REFERENCE], abs=1e-9)
    start = round(0.5 * RATE)
    clean = scene.mixture(start, 2 * RATE).double().numpy()
    change = 10 ** (found.ways["remix"].changes[MIXTURE] / 20)
    assert remix[MIXTURE] == pytest.approx(clean * change, abs=1e-9)
    for way in found.ways.values():
        loudness = [METER.integrated_loudness(own.T) for own in way.signals.values()]
        assert loudness == pytest.approx([way.loudness] * 4, abs=0.02)
        assert {own.shape for own in way.signals.values()} == {(2, 2 * RATE)}
    assert found.gains["roracle"].tolist() == list(scene.gains)


def test_outputs_are_in_time_with_the_reference(pair) -> None:  # type: ignore[no-untyped-def]
    """Each way's signals have one delay: a switch moves nothing."""
    _, found = pair
    signals = found.ways["amplified"].signals
    window = slice(RATE // 2, RATE // 2 + 8192)
    reference = signals[REFERENCE][0, window]
    own = signals["roracle"][0, window.start - 50 : window.stop + 50]
    match = np.correlate(own, reference, "valid")
    assert int(match.argmax()) == 50
