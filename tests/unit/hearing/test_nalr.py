"""NAL-R in torch against pyclarity's, through the official recipe's own function."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from clarity.enhancer.nalr import NALR
from clarity.utils.audiogram import Audiogram, Listener
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes.cad_icassp_2024.baseline.evaluate import apply_ha

from bench.hearing import nalr
from bench.hearing.audiograms import standard_audiograms
from bench.hearing.nalr import amplify, nalr_filters, nalr_gains
from tests.helpers.paths import SHARED

RATE = 44_100
LISTENERS = SHARED / "cadenza_real/metadata/listeners.valid.json"


def official(signal: np.ndarray, listener: Listener, rate: int = RATE) -> np.ndarray:  # type: ignore[type-arg]
    enhancer = NALR(nfir=220, sample_rate=rate)
    ears = (listener.audiogram_left, listener.audiogram_right)
    return np.stack([apply_ha(enhancer, None, x, ear) for x, ear in zip(signal, ears, strict=True)])


def noise(samples: int, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return 0.2 * np.random.default_rng(seed).standard_normal((2, samples))


def listener_of(left: object, right: object) -> Listener:
    return Listener(Audiogram(np.array(left)), Audiogram(np.array(right)), "L")


def assert_equals_pyclarity(signal: np.ndarray, listener: Listener, rate: int = RATE) -> None:  # type: ignore[type-arg]
    expected = official(signal, listener, rate)
    found = amplify(torch.from_numpy(signal)[None], [listener], rate)[0]
    assert found.shape == (2, signal.shape[1] + 220)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, atol=1e-12 * scale)
    single = amplify(torch.from_numpy(signal).float()[None], [listener], rate)[0]
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, expected, atol=1e-6 * scale)


@given(
    left=st.lists(st.integers(-10, 120), min_size=8, max_size=8),
    right=st.lists(st.integers(-10, 120), min_size=8, max_size=8),
    samples=st.integers(1, 20_000),
    rate=st.sampled_from([16_000, 24_000, 32_000, 44_100, 48_000]),
)
@settings(max_examples=50, deadline=None)
def test_equals_pyclarity(left: list[int], right: list[int], samples: int, rate: int) -> None:
    assert_equals_pyclarity(noise(samples), listener_of(left, right), rate)


@pytest.mark.parametrize("name", standard_audiograms())
def test_equals_pyclarity_for_the_standard_audiograms(name: str) -> None:
    levels = standard_audiograms()[name]
    assert_equals_pyclarity(noise(RATE), listener_of(levels, levels))


# Around the borders of the blocks in which it is done.
@pytest.mark.parametrize("samples", [1, 219, 220, 221, 3655, 3656, 3657, 3876, 3877, 7752])
def test_every_length(samples: int) -> None:
    assert_equals_pyclarity(noise(samples), listener_of([30] * 8, [60] * 8))


def test_audiograms_at_other_frequencies() -> None:
    left = Audiogram(np.array([10.0, 80.0]), np.array([500, 4000]))
    right = Audiogram(np.arange(0, 50, 10), np.array([125, 500, 1000, 2000, 8000]))
    assert_equals_pyclarity(noise(5000), Listener(left, right, "L"))


def test_each_item_of_a_batch_has_its_own_listener() -> None:
    listeners = [listener_of([20] * 8, [70] * 8), listener_of([70] * 8, [20] * 8)]
    signal = torch.from_numpy(np.stack([noise(5000, seed) for seed in (1, 2)]))
    together = amplify(signal, listeners, RATE)
    for item, (x, listener) in enumerate(zip(signal, listeners, strict=True)):
        np.testing.assert_allclose(together[item], official(x.numpy(), listener), atol=1e-12)


def test_without_a_loss_it_only_delays() -> None:
    signal = torch.from_numpy(noise(1000))[None]
    amplified = amplify(signal, [listener_of([0] * 8, [-10] * 8)], RATE)
    torch.testing.assert_close(amplified[..., 110:-110], signal, rtol=0, atol=1e-14)


def test_the_filters_are_pyclaritys() -> None:
    listener = listener_of(standard_audiograms()["N3"], standard_audiograms()["S2"])
    expected, _ = NALR(nfir=220, sample_rate=RATE).build(listener.audiogram_right)
    filters = nalr_filters(listener, RATE)
    assert filters.dtype == torch.float64
    np.testing.assert_array_equal(filters[1], expected)
    # What a caller does to them must not reach the next caller.
    filters.zero_()
    np.testing.assert_array_equal(nalr_filters(listener, RATE)[1], expected)


def test_it_is_differentiable_in_the_signal() -> None:
    listeners = [listener_of([20] * 8, [70] * 8)]
    signal = torch.from_numpy(noise(40))[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: amplify(x, listeners, RATE), signal)


@pytest.mark.skipif(not LISTENERS.exists(), reason="needs the real listeners")
def test_equals_pyclarity_for_real_listeners() -> None:
    listeners = Listener.load_listener_dict(LISTENERS)
    assert len(json.loads(LISTENERS.read_text())) == len(listeners) > 0
    for listener in listeners.values():
        assert_equals_pyclarity(noise(8000), listener)


# Byrne and Dillon (1986), table 2: what NAL-R adds at each frequency, dB.
K = {500: -8, 1000: 1, 2000: -1, 3000: -2, 4000: -2, 6000: -2}


@pytest.mark.parametrize("levels", [(50.0,) * 8, (20.0, 20.0, 25.0, 35.0, 40.0, 45.0, 50.0, 50.0)])
def test_gains_are_the_published_ones(levels: tuple[float, ...]) -> None:
    frequencies = (250, 500, 1000, 2000, 3000, 4000, 6000, 8000)
    ear = Audiogram(levels=np.array(levels), frequencies=np.array(frequencies))
    level = dict(zip(frequencies, levels, strict=True))
    common = 0.05 * (level[500] + level[1000] + level[2000])
    expected = [common + 0.31 * level[f] + k for f, k in K.items()]
    gains = nalr_gains(Listener(ear, ear, "x"), list(K), 44_100)
    assert gains.shape == (2, 6)
    # A filter of 220 taps rounds the corner between the bands.
    assert gains[0].numpy() == pytest.approx(expected, abs=2.5)
    assert gains[0].numpy()[1:] == pytest.approx(expected[1:], abs=1.0)
    assert (gains[0] == gains[1]).all()


def test_nalr_of_a_long_signal_is_that_of_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener(Audiogram(np.full(8, 20.0)), Audiogram(np.full(8, 60.0)), "L")
    signal = torch.randn(1, 2, 20_000, generator=torch.Generator().manual_seed(2)).double()
    whole = nalr.amplify(signal, [listener], RATE)
    monkeypatch.setattr(nalr, "_WHOLE", 8000)
    torch.testing.assert_close(nalr.amplify(signal, [listener], RATE), whole, rtol=0, atol=0)
