"""Integrated loudness against pyloudnorm and the official recipe's level normalisation."""

from __future__ import annotations

import warnings

import numpy as np
import pyloudnorm
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recipes.cad_icassp_2024.baseline.evaluate import level_normalisation

from bench.errors import BenchError
from bench.hearing import loudness
from bench.hearing.loudness import (
    SILENCE,
    differentiable_loudness,
    integrated_loudness,
    match_loudness,
)
from tests.helpers.paths import SHARED

RATE = 44_100
MUSIC = SHARED / "music"


def pyloudnorms(signal: NDArray[np.float64], rate: int) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(pyloudnorm.Meter(rate).integrated_loudness(signal.T))


def noise(
    seconds: float = 2.0, rate: int = RATE, channels: int = 2, seed: int = 0
) -> NDArray[np.float64]:
    """Noise whose level wanders over the gates."""
    generator = np.random.default_rng(seed)
    samples = round(seconds * rate)
    steps = generator.uniform(-90, 0, 1 + int(seconds / 0.3))
    level = np.interp(np.arange(samples), np.arange(len(steps)) * 0.3 * rate, steps)
    return generator.standard_normal((channels, samples)) * 10 ** (level / 20)


@given(
    seconds=st.floats(0.4, 3.0),
    rate=st.sampled_from([8000, 16000, 22050, 32000, 44100, 48000, 96000]),
    channels=st.sampled_from([1, 2]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_equals_pyloudnorm(seconds: float, rate: int, channels: int, seed: int) -> None:
    signal = noise(max(seconds, 0.4 + 1 / rate), rate, channels, seed)
    expected = pyloudnorms(signal, rate)
    found = float(integrated_loudness(signal, rate))
    double = float(differentiable_loudness(torch.from_numpy(signal), rate))
    single = float(differentiable_loudness(torch.from_numpy(signal).float(), rate))
    if expected == -np.inf:
        assert (found, double, single) == (-np.inf, SILENCE, SILENCE)
    else:
        assert abs(found - expected) < 1e-9
        assert abs(double - expected) < 1e-9
        assert abs(single - expected) < 1e-4


@pytest.mark.parametrize("extra", range(-3, 4))
def test_equals_pyloudnorm_where_the_number_of_blocks_changes(extra: int) -> None:
    # pyloudnorm rounds the number of blocks, so that the last may be longer than the audio.
    signal = noise(1.05)[:, : int(1.05 * RATE) + extra]
    assert abs(float(integrated_loudness(signal, RATE)) - pyloudnorms(signal, RATE)) < 1e-9


def test_a_batch_is_its_items() -> None:
    stems = np.stack([noise(seed=seed) for seed in range(6)]).reshape(2, 3, 2, -1)
    together = integrated_loudness(stems, RATE)
    assert together.shape == (2, 3)
    for index in np.ndindex(2, 3):
        assert together[index] == integrated_loudness(stems[index], RATE)
    np.testing.assert_allclose(
        differentiable_loudness(torch.from_numpy(stems), RATE), together, atol=1e-11
    )


def test_a_full_scale_997_hz_tone_in_one_channel_is_minus_3_01() -> None:
    """ITU-R BS.1770-4, annex 1: a 0 dBFS sine at 997 Hz in one front channel reads -3.01 LKFS.

    The tolerance is that of EBU Tech 3341 for a loudness meter.
    """
    tone = np.sin(2 * np.pi * 997 * np.arange(48_000 * 5) / 48_000)
    assert float(integrated_loudness(tone[None], 48_000)) == pytest.approx(-3.01, abs=0.1)


def test_silence_is_minus_infinity_as_in_pyloudnorm() -> None:
    assert pyloudnorms(np.zeros((2, RATE)), RATE) == -np.inf
    assert integrated_loudness(np.zeros((2, RATE)), RATE) == -np.inf
    assert integrated_loudness(np.full((2, RATE), 1e-6), RATE) == -np.inf


def test_a_long_pause_changes_nothing() -> None:
    signal = np.concatenate([noise(1.0), np.zeros((2, 8 * RATE)), noise(1.0, seed=1)], axis=1)
    assert abs(float(integrated_loudness(signal, RATE)) - pyloudnorms(signal, RATE)) < 1e-9


@pytest.mark.parametrize("measure", [integrated_loudness, differentiable_loudness])
def test_too_short_is_an_error(measure: object) -> None:
    short = torch.zeros(2, int(0.4 * RATE) - 1)
    with pytest.raises(BenchError, match="too short"):
        measure(short, RATE)  # type: ignore[operator]
    with pytest.raises(ValueError, match="greater than the block size"):
        pyloudnorms(short.double().numpy(), RATE)


def test_the_gradient_is_the_finite_difference_of_pyloudnorm() -> None:
    signal = noise(1.2, seed=3)
    variable = torch.from_numpy(signal).requires_grad_()
    differentiable_loudness(variable, RATE).backward()
    assert variable.grad is not None
    generator = np.random.default_rng(1)
    for _ in range(10):
        direction = generator.standard_normal(signal.shape)
        step = 1e-6
        rise = pyloudnorms(signal + step * direction, RATE)
        rise -= pyloudnorms(signal - step * direction, RATE)
        slope = float((variable.grad * torch.from_numpy(direction)).sum())
        assert slope == pytest.approx(rise / (2 * step), rel=1e-6)


def test_the_gradient_passes_gradcheck_for_a_batch() -> None:
    batch = torch.from_numpy(np.stack([noise(0.5, 1000, seed=seed) for seed in (4, 5)]))
    assert torch.autograd.gradcheck(
        lambda x: differentiable_loudness(x, 1000), batch.requires_grad_(), eps=1e-7
    )


def test_silence_and_noise_in_one_batch_give_finite_values_and_gradients() -> None:
    batch = torch.stack([torch.zeros(2, RATE), torch.from_numpy(noise(1.0)).float()])
    batch.requires_grad_()
    level = differentiable_loudness(batch, RATE)
    assert level[0] == SILENCE == -80
    level.sum().backward()
    assert batch.grad is not None
    assert torch.isfinite(batch.grad).all()
    assert not batch.grad[0].any()
    assert batch.grad[1].any()


def test_the_path_for_other_devices_gives_the_same_energies_and_gradients() -> None:
    signal = torch.from_numpy(noise(1.5, seed=6)).requires_grad_()
    by_recursion = loudness._SegmentEnergies.apply(signal, RATE)  # type: ignore[no-untyped-call]
    by_fft = loudness._segment_energies_by_fft(signal, RATE)
    torch.testing.assert_close(by_fft, by_recursion, rtol=1e-9, atol=1e-12)
    weights = torch.linspace(-1, 1, by_fft.numel(), dtype=torch.float64).reshape(by_fft.shape)
    expected = torch.autograd.grad((by_recursion * weights).sum(), signal)[0]
    torch.testing.assert_close(
        torch.autograd.grad((by_fft * weights).sum(), signal)[0], expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("silent", ["neither", "signal", "target", "both"])
def test_matching_equals_the_official_level_normalisation(silent: str) -> None:
    signal, target = noise(2.0, seed=7), 0.1 * noise(2.0, seed=8)
    if silent in ("signal", "both"):
        signal = np.full_like(signal, 1e-5)
    if silent in ("target", "both"):
        target = np.zeros_like(target)
    expected = level_normalisation(signal.T, target.T, RATE).T
    found = match_loudness(torch.from_numpy(signal), torch.from_numpy(target), RATE)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_matching_a_batch_is_differentiable_and_keeps_the_type() -> None:
    signal = torch.from_numpy(np.stack([noise(1.0, seed=9), 0.2 * noise(1.0, seed=10)])).float()
    target = torch.from_numpy(noise(1.0, seed=11)).float().expand(2, -1, -1)
    signal.requires_grad_()
    matched = match_loudness(signal, target, RATE)
    assert matched.dtype == torch.float32
    np.testing.assert_allclose(
        integrated_loudness(matched.detach(), RATE), integrated_loudness(target, RATE), atol=1e-4
    )
    # Matching undoes any gain, so that the gradient has no part along the signal itself.
    matched.square().sum().backward()
    assert signal.grad is not None
    along = (signal.grad * signal.detach()).sum()
    assert along.abs() < 1e-4 * signal.grad.norm() * signal.detach().norm()
    assert signal.grad.norm() > 0


@pytest.mark.skipif(not MUSIC.exists(), reason="needs the real music beside the repository")
def test_equals_pyloudnorm_on_real_music() -> None:
    for path in sorted(MUSIC.glob("*/*/*.flac")):
        signal, rate = soundfile.read(path, frames=6 * RATE)
        expected = pyloudnorms(signal.T, rate)
        found = float(integrated_loudness(signal.T, rate))
        single = float(differentiable_loudness(torch.from_numpy(signal.T).float(), rate))
        if expected == -np.inf:
            assert (found, single) == (-np.inf, SILENCE)
        else:
            assert abs(found - expected) < 1e-9
            assert abs(single - expected) < 1e-4


def test_silence_counts_as_80_below_full_scale() -> None:
    """The recipe's floor."""
    from bench.hearing.loudness import finite_loudness

    assert finite_loudness(np.zeros((2, 48_000)), 48_000) == -80.0
