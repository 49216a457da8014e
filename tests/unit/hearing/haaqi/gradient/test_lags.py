"""The lags of the differentiable HAAQI's channels, where float32 cannot tell two of them apart."""

from __future__ import annotations

import torch

from bench.hearing.haaqi.gradient.lags import LagSearch


def test_lags_that_float32_leaves_open_are_those_of_float64() -> None:
    """The processed signal holds the reference twice, the echo a little softer: by 3 in 10^8."""
    generator = torch.Generator().manual_seed(0)
    reference = torch.zeros(2, 4, 40_000, 8)
    reference[:, :, 4_000:36_000] = torch.randn(2, 4, 32_000, 8, generator=generator)
    echo = (1 - 3e-8) * reference.double().roll(500, 2)
    processed = (reference.double() + echo).float()
    found = LagSearch(reference).lags(processed)
    assert torch.equal(found, LagSearch(reference.double()).lags(processed.double()))
    assert set(found.flatten().tolist()) == {0}


def test_silence_has_a_lag() -> None:
    silent = torch.zeros(2, 4, 3_000, 8)
    found = LagSearch(silent).lags(silent)
    assert found.shape == (2, 4, 8)
