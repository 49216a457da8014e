"""SDR against museval."""

from __future__ import annotations

import json
from types import ModuleType

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq

from bench.api import STEMS
from bench.hearing.sdr import framewise_sdr, median_sdr
from tests.helpers.paths import SHARED

MUSIC = SHARED / "music"
PUBLISHED = MUSIC / "Music Delta - 80s Rock.museval.json"
Array = NDArray[np.float64]


def musevals(module: ModuleType, reference: Array, estimate: Array, window: int, hop: int) -> Array:
    """As ``museval.evaluate`` has it (mode v4), for ``(sources, channels, samples)``."""
    axes = (0, 2, 1)
    result: Array = module.bss_eval(
        reference.transpose(axes),
        estimate.transpose(axes),
        compute_permutation=False,
        window=window,
        hop=hop,
        framewise_filters=False,
        bsseval_sources_version=False,
    )[0]
    return result


def sources(count: int, samples: int, seed: int, channels: int = 2) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    reference = 0.1 * generator.standard_normal((count, channels, samples))
    error = generator.standard_normal(reference.shape) * generator.uniform(0, 0.2, (count, 1, 1))
    return reference, reference * generator.uniform(0.5, 1.5) + error


@given(
    channels=st.sampled_from([1, 2]),
    samples=st.integers(700, 2500),
    window=st.integers(600, 1200),
    overlap=st.sampled_from([1.0, 0.75, 0.5]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=4, deadline=None, derandomize=True)
def test_equals_museval(
    museval_metrics: ModuleType, channels: int, samples: int, window: int, overlap: float, seed: int
) -> None:
    reference, estimate = sources(2, samples, seed, channels)
    hop = int(window * overlap)
    expected = musevals(museval_metrics, reference, estimate, window, hop)
    found = framewise_sdr(reference, estimate, window, hop)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_silent_windows_as_in_museval(museval_metrics: ModuleType) -> None:
    reference, estimate = sources(2, 6000, seed=1)
    reference[0, :, :1000] = 0  # a silent reference
    estimate[1, :, 1000:2000] = 0  # a silent estimate
    reference[1, 1, 2000:3000] = -reference[1, 0, 2000:3000]  # silent in the sum of its channels
    reference[0, 0, 3000:4000] = 0  # one channel only is not silent
    reference[0, :, 4000:4999] = 0  # all but one sample is not silent
    expected = musevals(museval_metrics, reference, estimate, 1000, 1000)
    assert np.isnan(expected).tolist() == [[True] * 3 + [False] * 3] * 2
    found = framewise_sdr(reference, estimate, 1000)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_the_median_ignores_silent_windows(museval_metrics: ModuleType) -> None:
    reference, estimate = sources(2, 8400, seed=2)
    reference[0, :, :1000] = 0
    expected = np.nanmedian(musevals(museval_metrics, reference, estimate, 1000, 1000), axis=1)
    np.testing.assert_allclose(median_sdr(reference, estimate, 1000), expected, atol=1e-9)


def test_a_source_that_is_never_heard_leaves_nothing() -> None:
    reference, estimate = sources(2, 3000, seed=3)
    reference[0] = 0
    assert np.isnan(median_sdr(reference, estimate, 1000)).all()


def test_no_error_is_infinite() -> None:
    reference, estimate = sources(2, 3000, seed=4)
    estimate[0] = reference[0]
    sdr = median_sdr(reference, estimate, 1000)
    assert sdr[0] == np.inf
    assert np.isfinite(sdr[1])


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="expected two of"):
        framewise_sdr(np.ones((2, 2, 10)), np.ones((2, 2, 9)), 5)
    with pytest.raises(ValueError, match="expected two of"):
        framewise_sdr(np.ones((2, 10)), np.ones((2, 10)), 5)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="needs the real music beside the repository")
def test_equals_musevals_published_result() -> None:
    """museval's own regression test: seeded noise as estimates of vocals and accompaniment.

    The stems at hand are those of that test, lowered by a common gain of about 3.0 dB and faded in
    over 20 ms. One of the 12 published values gives the exact gain; those after the fade must
    follow, to the five decimals in print and the rounding of the stems to 16 bit.
    """
    folder = MUSIC / "train" / "Music Delta - 80s Rock"
    stems = {stem: soundfile.read(folder / f"{stem}.flac", always_2d=True)[0] for stem in STEMS}
    accompaniment = stems["drums"] + stems["bass"] + stems["other"]
    reference = np.stack([stems["vocals"].T, accompaniment.T])
    generator = np.random.RandomState(0)
    shape = stems["vocals"].shape
    estimate = np.stack([generator.random_sample(shape).T, generator.random_sample(shape).T])
    targets = {t["name"]: t["frames"] for t in json.loads(PUBLISHED.read_text())["targets"]}
    published = np.array(
        [
            [frame["metrics"]["SDR"] for frame in targets[name]]
            for name in ("vocals", "accompaniment")
        ]
    )
    second = slice(44_100, 2 * 44_100)

    def off(gain: float) -> float:
        sdr = framewise_sdr(gain * reference[..., second], estimate[..., second], 44_100)
        return float(sdr[0, 0] - published[0, 1])

    gain = brentq(off, 1.3, 1.5, xtol=1e-12)
    assert 20 * np.log10(gain) == pytest.approx(3.0, abs=0.05)
    found = framewise_sdr(gain * reference, estimate, 44_100)
    assert found.shape == published.shape == (2, 6)
    np.testing.assert_allclose(found[:, 1:], published[:, 1:], rtol=0, atol=2e-5)


@pytest.mark.slow
@pytest.mark.skipif(not PUBLISHED.exists(), reason="needs the real music beside the repository")
def test_equals_museval_on_real_music(museval_metrics: ModuleType) -> None:
    folder = MUSIC / "train" / "Software-Entwicklungskit - Sodium"
    stems = [soundfile.read(folder / f"{stem}.flac", frames=3 * 44_100)[0].T for stem in STEMS]
    reference = np.stack(stems)
    mixture = reference.sum(axis=0, keepdims=True)
    estimate = 0.9 * reference + 0.1 * mixture
    audible = [bool(stem.any()) for stem in stems]
    reference, estimate = reference[audible], estimate[audible]
    assert len(reference) >= 2
    expected = musevals(museval_metrics, reference, estimate, 44_100, 44_100)
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(
        framewise_sdr(reference, estimate, 44_100), expected, rtol=0, atol=1e-9
    )
