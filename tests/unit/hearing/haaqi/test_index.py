"""From segments to the score, each step beside pyclarity's function."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from clarity.evaluator.haaqi.haaqi import haaqi_v1
from clarity.evaluator.haspi import eb
from clarity.utils.audiogram import Audiogram
from numpy.typing import NDArray

from bench.hearing.haaqi import index, parameters
from tests.helpers.chords import RATE, chords

Floats = NDArray[np.float64]
SYNC5 = 4
"""Place of the cut-off at 3.5 kHz in what ``ave_covary2`` returns."""


def envelopes(segments: int, seed: int, quiet: int = 0) -> Floats:
    """Smoothed envelopes in dB SL, ``(segments, 32)``; of the first `quiet` nothing is heard."""
    rng = np.random.default_rng(seed)
    slow = 30 + 15 * np.sin(np.arange(segments)[:, None] / rng.uniform(2, 20, 32))
    levels = np.maximum(slow + 8 * rng.standard_normal((segments, 32)), 0)
    levels[:quiet] = rng.uniform(0, 1, (quiet, 32))
    return levels


@pytest.mark.parametrize("level", [1.0, 2.0, 2.4, 2.6, 3.0, 40.0])
def test_a_segment_is_heard_by_its_loudness(level: float) -> None:
    # A segment of one level in all channels is as loud as that level.
    assert index.heard(np.full((1, 32), level)).tolist() == [level > 2.5]


def test_loudness_is_of_amplitudes_and_not_of_decibels() -> None:
    # One channel of 32 at 40 dB: (100 + 31) / 32 = 4.09, or 12.2 dB; the mean of levels is 1.25.
    levels = np.zeros((1, 32))
    levels[0, 3] = 40.0
    assert index.heard(levels).all()


@pytest.mark.parametrize(("segments", "quiet"), [(400, 0), (400, 150), (130, 3), (40, 5)])
def test_the_cepstral_correlation(segments: int, quiet: int) -> None:
    reference, processed = envelopes(segments, 1, quiet), envelopes(segments, 2, quiet)
    processed = 0.7 * reference + 0.3 * processed
    _, _, expected, _ = eb.melcor9(reference.T, processed.T, 2.5, 0.0, 8)
    heard = index.heard(reference)
    assert heard.sum() == segments - quiet
    found = index.cepstral_correlation(
        index.modulations(reference[heard]), index.modulations(processed[heard])
    )
    assert 0.1 < expected < 0.95
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_band_without_modulation_counts_as_uncorrelated() -> None:
    moving = index.modulations(envelopes(200, 3))
    still = moving.copy()
    still[1] = 0.0
    assert index.cepstral_correlation(moving, moving) == pytest.approx(1, abs=1e-12)
    # One of the four modulation bands.
    assert index.cepstral_correlation(moving, still) == pytest.approx(0.75, abs=1e-12)
    assert index.cepstral_correlation(still, moving) == pytest.approx(0.75, abs=1e-12)


def covariances(segments: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Powers of two signals, ``(segments, 32)``, some of none, and a covariance at most theirs."""
    rng = np.random.default_rng(seed)
    # As many tiles below the threshold of 2.5 dB SL as above it.
    reference = 10 ** rng.uniform(-2, 2.5, (segments, 32))
    processed = reference * 10 ** rng.uniform(-1, 1, (segments, 32))
    covariance = rng.uniform(0, 1.2, (segments, 32)) * np.sqrt(reference * processed)
    processed[rng.random((segments, 32)) < 0.1] = 0.0
    reference[:3] = 1e-3
    return reference, processed, covariance


def test_the_synchronous_covariance() -> None:
    reference, processed, covariance = covariances(60, 4)
    with np.errstate(divide="ignore"):
        normalised = covariance / np.sqrt(reference * processed)
    normalised[processed == 0] = 0.0
    # As bm_covary hands it on: limited to 1, and the power doubled.
    _, expected = eb.ave_covary2(np.clip(normalised, 0, 1).T, 2 * reference.T, 2.5)
    assert 0.2 < expected[SYNC5] < 0.9
    assert np.ptp(expected) > 1e-4  # the cut-offs are told apart
    known = index.normalised_covariance(covariance, reference, processed)
    found = index.sync_covariance(known, reference)
    assert found == pytest.approx(expected[SYNC5], abs=1e-12)


def test_less_than_two_segments_have_no_covariance() -> None:
    for loud in (0, 1):
        reference = np.full((20, 32), 1e-3)
        reference[:loud] = 100.0
        _, expected = eb.ave_covary2(np.ones((32, 20)), 2 * reference.T, 2.5)
        known = index.normalised_covariance(reference, reference, reference)
        found = index.sync_covariance(known, reference)
        assert found == expected[SYNC5] == 0


@pytest.mark.parametrize(
    "levels", [[0] * 6, [20, 30, 40, 50, 60, 70], [80, 90, 100, 105, 105, 105]]
)
def test_sensation_levels(levels: list[float]) -> None:
    rng = np.random.default_rng(5)
    rms, control = 10 ** rng.uniform(-6, 2.5, (2, 32))
    rms[4], control[9], control[10] = 0.0, 0.0, 1e3
    ear = parameters.cochlea(levels)
    loss = ear.ohc_attenuation, ear.knee, ear.ratio, ear.ihc_attenuation
    for level1 in (65.0, 90.0):
        expected = eb.convert_rms_to_sl(rms, control, *loss, level1)
        assert (expected > 0).any()
        found = index.sensation_levels(rms, control, ear, level1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("spread", [0.0, 3.0, 30.0, 120.0])
def test_spectral_differences(spread: float) -> None:
    rng = np.random.default_rng(6)
    reference = rng.uniform(0, 70, 32)
    processed = np.maximum(reference + spread * rng.standard_normal(32), 0)
    loud, norm, _ = eb.spectrum_diff(reference, processed)
    # Of three statistics HAAQI takes the standard deviation.
    expected = [min(max(1 - loud[1] / 2.5, 0), 1), min(max(1 - norm[1] / 25, 0), 1)]
    found = index.spectral_differences(reference, processed)
    assert found == pytest.approx(expected, abs=1e-12)
    assert (found == (1.0, 1.0)) == (spread == 0)


def test_the_spectrum_counts_without_its_level() -> None:
    levels = np.linspace(5, 60, 32)
    assert index.spectral_differences(levels, levels + 20) == pytest.approx((1, 1), abs=1e-12)


def test_the_score_is_the_papers_polynomial() -> None:
    np.random.seed(0)  # noqa: NPY002  pyclarity draws from the legacy generator
    reference = 0.1 * np.random.default_rng(7).standard_normal(12_000)
    processed = np.clip(reference, -0.08, 0.08)
    score, _, _, raw = haaqi_v1(
        reference, 24_000, processed, 24_000, Audiogram(levels=np.linspace(10, 50, 8)), 2, 85.0
    )
    assert 0.05 < score < 0.95
    assert index.combine(*raw) == pytest.approx(score, abs=1e-14)
    assert index.combine(1, 1, 1, 1) == pytest.approx(0.999, abs=1e-14)
    assert index.combine(0, 0, 0, 0) == 0


def test_the_polynomial_on_tensors() -> None:
    np.random.seed(0)  # noqa: NPY002  pyclarity draws from the legacy generator
    signal = chords(1.0)
    damaged = np.clip(signal, -0.1, 0.1)
    truth, _, _, raw = haaqi_v1(
        signal, RATE, damaged, RATE, Audiogram(levels=np.zeros(8)), 2, level1=85.0
    )
    assert 0.1 < truth < 0.95
    assert float(index.combine(*map(torch.tensor, raw))) == pytest.approx(truth, abs=1e-6)
