"""Effects that stems go through in the training of the bundled separator."""

from __future__ import annotations

import numpy as np
import torch

from bench.api import SAMPLE_RATE
from bench.pretraining.hdemucs.effects import SPEED, coloured, played, saturated, vary


def _sine(hz: float, frames: int) -> torch.Tensor:
    time = torch.arange(frames) / SAMPLE_RATE
    return torch.sin(2 * torch.pi * hz * time).expand(1, 1, 2, -1)


def test_played_faster_is_higher() -> None:
    out = played(_sine(1000.0, 60_000), np.array([[1.2]]), SAMPLE_RATE)
    spectrum = torch.fft.rfft(out[0, 0, 0]).abs()
    assert int(spectrum.argmax()) == 1200


def test_an_effect_that_is_not_chosen_changes_nothing() -> None:
    signal = torch.randn(2, 4, 2, 8000, generator=torch.Generator().manual_seed(0))
    none = np.zeros((2, 4), dtype=bool)
    bent = saturated(signal, np.random.default_rng(0), none)
    ratio = bent / signal
    assert torch.allclose(ratio, ratio[..., :1, :1].expand_as(ratio), rtol=1e-4)


def test_a_stem_keeps_its_level_and_silence() -> None:
    signal = 0.1 * 2**0.5 * _sine(300.0, int(SPEED * 9000) + 2).repeat(3, 4, 1, 1)
    signal[1, 2] = 0.0
    out = vary(signal, np.random.default_rng(3), 9000)
    level = out.square().mean((-2, -1)).sqrt()
    assert out.shape == (3, 4, 2, 9000)
    assert float(level[1, 2]) == 0.0
    heard = level[level > 0]
    assert ((heard > 0.09) & (heard < 0.11)).all()


def test_equaliser_and_room_differ_from_stem_to_stem() -> None:
    signal = torch.randn(1, 1, 2, 8000).expand(1, 4, 2, -1)
    out = coloured(signal, np.random.default_rng(1), np.ones((1, 4), dtype=bool))
    assert not torch.allclose(out[0, 0], out[0, 1])
