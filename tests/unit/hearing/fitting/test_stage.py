"""The output stage and its parts: filters, limiter, headroom, loudness that is lost."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
import torch
from scipy import signal as scipy_signal
from torch import Tensor

from bench.hearing.fitting.equaliser import band_levels, centres, equalise, filters
from bench.hearing.fitting.excerpts import excerpts
from bench.hearing.fitting.headroom import HeadroomMeter
from bench.hearing.fitting.limiter import CENTRES, limit, split
from bench.hearing.fitting.loudness_loss import make_up
from bench.hearing.fitting.stage import NALR_ALONE, OutputStage

RATE = 44_100


def noise(seconds: float = 0.5, scale: float = 1.0, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    frames = round(seconds * RATE)
    return scale * torch.randn(2, frames, generator=generator, dtype=torch.float64)


def test_the_equaliser_has_its_gains_at_its_bands() -> None:
    gains = torch.tensor([3.0, 3.0, 3.0, -6.0, -6.0, -6.0, -6.0, 0.0, 0.0, 0.0])
    taps = filters(gains, RATE).numpy()
    _, response = scipy_signal.freqz(taps, worN=centres(10)[[5, 8]], fs=RATE)
    np.testing.assert_allclose(20 * np.log10(np.abs(response)), [-6.0, 0.0], atol=0.2)


def test_the_equaliser_delays_nothing() -> None:
    impulse = torch.zeros(1, 3000)
    impulse[0, 1500] = 1.0
    filtered = equalise(impulse, filters(torch.linspace(-12, 6, 10), RATE))
    assert filtered.shape == impulse.shape
    assert int(filtered.abs().argmax()) == 1500
    torch.testing.assert_close(filtered, filtered.flip(-1).roll(1, -1), rtol=0, atol=1e-6)


def test_the_filters_gradient_is_true() -> None:
    gains = torch.tensor([2.0, -3.0, 1.0], dtype=torch.float64, requires_grad=True)
    weights = torch.randn(513, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda g: (filters(g, RATE) * weights).sum(), gains)


def test_band_levels_add_up_to_the_power_of_the_signal() -> None:
    sound = noise(2.0, 0.1)
    power = (10 ** (band_levels(sound, RATE) / 10)).sum(-1)
    torch.testing.assert_close(power, sound.square().mean(-1), rtol=0.02, atol=0)


def test_a_limiter_that_is_never_reached_changes_nothing() -> None:
    sound = noise(scale=0.01)
    torch.testing.assert_close(split(sound, RATE).sum(-2), sound, rtol=0, atol=1e-12)
    stage = OutputStage(thresholds=torch.zeros(len(CENTRES)))
    torch.testing.assert_close(stage(sound, RATE), sound, rtol=0, atol=1e-12)


def test_the_limiter_brings_loud_tones_to_their_threshold() -> None:
    time = torch.arange(RATE, dtype=torch.float64) / RATE
    for frequency in CENTRES:
        tone = 2 * torch.sin(2 * torch.pi * frequency * time)[None]
        settings = [torch.tensor(value) for value in (-6.0, 0.003, 0.05)]
        limited = limit(tone, *settings, RATE, look_ahead=0.006)
        peak = float(limited[0, RATE // 2 :].abs().max())
        # Between two bands that are both at their threshold there may be twice as much.
        assert 0.45 < peak <= 1.0, frequency


def test_the_limiter_lets_a_soft_passage_be() -> None:
    """After a loud one it comes back with its release."""
    envelope = torch.full((RATE,), 0.1, dtype=torch.float64)
    envelope[: RATE // 4] = 2.0
    tone = envelope * torch.sin(torch.arange(RATE).double() * 2 * torch.pi * 1000 / RATE)
    settings = [torch.tensor(value) for value in (-6.0, 0.003, 0.05)]
    limited = limit(tone[None], *settings, RATE, look_ahead=0.006)[0]
    assert float(limited[1000 : RATE // 5].abs().max()) <= 1.0
    late = slice(3 * RATE // 4, RATE - 500)
    torch.testing.assert_close(limited[late], tone[late], rtol=0, atol=1e-3)


def test_the_limiters_gradient_is_true() -> None:
    sound = (noise(0.01, 3.0)[:1]).requires_grad_()
    thresholds = torch.full((4,), -3.0, dtype=torch.float64, requires_grad=True)
    attack = torch.tensor(0.002, dtype=torch.float64, requires_grad=True)
    release = torch.tensor(0.01, dtype=torch.float64, requires_grad=True)
    amount = torch.full((4,), 0.7, dtype=torch.float64, requires_grad=True)
    weights = noise(0.01, seed=5)[:1]

    def weighted(*settings: Tensor) -> Tensor:
        *rest, share = settings
        return (weights * limit(*rest, RATE, look_ahead=0.002, amount=share)).sum()

    inputs = (sound, thresholds, attack, release, amount)
    assert torch.autograd.gradcheck(weighted, inputs, eps=1e-7, atol=1e-4, fast_mode=True)
    value = weighted(*inputs)
    for found in torch.autograd.grad(value, inputs):
        assert float(found.abs().max()) > 0


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02])
def test_the_cut_is_the_smallest_that_is_enough(share: float) -> None:
    sound = noise(2.0, 2.0)
    meter = HeadroomMeter((2,))
    for part in sound.split(30_000, -1):
        meter.add(part)
    cut = meter.cut(share)
    clipped = [
        ((sound * 10 ** (-(cut - less)[:, None] / 20)).abs() > 1).double().mean(-1)
        for less in (0.0, 0.011)
    ]
    assert (clipped[0] <= share).all()
    assert (clipped[1] > share).all()


def test_what_clips_nothing_is_not_cut() -> None:
    meter = HeadroomMeter((2,))
    meter.add(noise(scale=1e-3))
    assert meter.cut(0.0).tolist() == [0.0, 0.0]


def test_no_more_loudness_is_lost_than_may_be() -> None:
    plain = noise(2.0, 3.0)[0]
    cut = 0.05 * plain
    gain = make_up(cut, plain, 3.0, RATE)
    meter = pyloudnorm.Meter(RATE)
    levels = [
        meter.integrated_loudness(np.clip(x.numpy(), -1, 1))
        for x in (plain, cut * 10 ** (gain / 20), cut * 10 ** ((gain - 0.1) / 20))
    ]
    assert levels[0] - levels[1] == pytest.approx(3.0, abs=0.02)
    assert levels[0] - levels[2] > 3.02
    assert make_up(plain, plain, 0.0, RATE) == 0.0
    assert make_up(0 * plain, plain, 3.0, RATE) == 0.0


def test_a_stage_is_raised_ear_by_ear() -> None:
    pieces = [noise(1.0, 3.0, seed) for seed in (0, 1)]
    stage = OutputStage(level=torch.tensor([-20.0, 0.0], dtype=torch.float64))
    raised = stage.within(3.0, pieces, RATE)
    assert raised.level is not None
    assert raised.level[0] > -20.0 + 5
    assert raised.level[1] == 0.0
    assert stage.within(99.0, pieces, RATE) is stage


def test_nothing_at_all_is_the_identity() -> None:
    sound = noise()
    assert NALR_ALONE(sound, RATE) is sound


def test_excerpts_lie_in_the_signal_and_are_as_long_as_asked() -> None:
    for frames in (500, 12 * RATE, 12 * RATE + 1, 250 * RATE + 17):
        parts = excerpts(frames, RATE, 12.0)
        assert all(0 <= part.start < part.stop <= frames for part in parts)
        total = sum(part.stop - part.start for part in parts)
        assert total == min(frames, 12 * RATE)
