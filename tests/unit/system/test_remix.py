"""The remix in blocks, as an evaluation makes it, is the one that training computes."""

from __future__ import annotations

import pytest
import torch

from bench.hearing.loudness import integrated_loudness
from bench.system.remix import mix, remix, scale_stems

RATE = 44_100


@pytest.mark.parametrize("gains", [[3.0, -10.0, 0.0, 6.0], [[0.0, 1, 2, 3], [-6, 0, -3, 10]]])
def test_mix_is_what_training_computes(gains: list[float]) -> None:
    rng = torch.Generator().manual_seed(0)
    stems = 0.1 * torch.randn(4, 2, RATE, generator=rng)
    mixture = 0.2 * torch.randn(1, 2, RATE, generator=rng).double()
    decibels = torch.tensor(gains, dtype=torch.float64)
    expected = remix(scale_stems(stems[None].double(), decibels[None]), mixture, RATE)[0]
    level = float(integrated_loudness(mixture[0].numpy(), RATE))
    torch.testing.assert_close(mix(stems, decibels, level, RATE), expected, rtol=0, atol=1e-13)


def test_mix_of_silence_is_silence() -> None:
    found = mix(torch.zeros(4, 2, RATE), torch.zeros(4), -20.0, RATE)
    assert not found.any()


def test_a_long_signal_is_mixed_as_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stems = 0.1 * torch.randn(4, 2, RATE, generator=torch.Generator().manual_seed(1))
    gains = torch.tensor([0.0, 3, -3, 6])
    whole = mix(stems, gains, -20.0, RATE)
    monkeypatch.setattr("bench.system.remix._BLOCK", 1000)
    torch.testing.assert_close(mix(stems, gains, -20.0, RATE), whole, rtol=0, atol=0)
