"""HAAQI-Net's published head on the spectral front end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.hearing.haaqi_net.spectral import (
    SpectralFrontEnd,
    SpectralHaaqiNet,
    load_spectral,
    save_spectral,
)


def model(seed: int = 0) -> SpectralHaaqiNet:
    torch.manual_seed(seed)
    return SpectralHaaqiNet(SpectralFrontEnd()).eval().requires_grad_(False)


def tone(level: float, seconds: float = 1.0, rate: int = 16_000) -> torch.Tensor:
    """1 kHz at `level` dB SPL where an RMS of 1.0 stands for 0 dB SPL."""
    time = torch.arange(int(seconds * rate)) / rate
    return 2**0.5 * 10 ** (level / 20) * torch.sin(2 * torch.pi * 1000 * time)[None]


@pytest.mark.parametrize("level", [30.0, 65.0, 100.0])
def test_the_bands_of_a_tone_add_up_to_its_level(level: float) -> None:
    bands = SpectralFrontEnd().bands(tone(level))
    power = (10 ** (bands / 10) - 1).sum(-1)
    inner = 10 * torch.log10(power[0, 5:-5])
    torch.testing.assert_close(inner, torch.full_like(inner, level), atol=0.1, rtol=0)


def test_silence_has_no_level() -> None:
    assert float(SpectralFrontEnd().bands(torch.zeros(1, 4000)).abs().max()) == 0


def test_a_signal_and_its_level_say_the_same_as_a_louder_signal_at_a_lower_level() -> None:
    net, ear = model(), torch.full((1, 8), 40.0)
    noise = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(1))
    one = net.score(0.1 * noise, ear, torch.tensor([85.0]), 16_000)
    same = net.score(noise, ear, torch.tensor([65.0]), 16_000)
    other = net.score(noise, ear, torch.tensor([85.0]), 16_000)
    torch.testing.assert_close(one, same)
    assert abs(float(one - other)) > 1e-6


def test_the_gradient_reaches_the_signal_in_evaluation_mode() -> None:
    signal = (0.1 * torch.randn(2, 22_050)).requires_grad_()
    score = model().score(signal, torch.full((2, 8), 30.0), torch.full((2,), 85.0), 44_100)
    score.sum().backward()
    assert signal.grad is not None
    assert bool((signal.grad.abs().amax(-1) > 0).all())


def test_the_shortest_signals_have_a_score() -> None:
    for samples in (1, 100, 500):
        score = model().score(torch.rand(1, samples), torch.zeros(1, 8), torch.zeros(1), 16_000)
        assert 0 <= float(score) <= 1


def test_saved_weights_score_as_the_model_did(tmp_path: Path) -> None:
    net, ear, level1 = model(3), torch.full((1, 8), 50.0), torch.tensor([90.0])
    path = tmp_path / "net.safetensors"
    save_spectral(net, path)
    signal = 0.1 * torch.randn(1, 8000)
    kept = load_spectral(path).score(signal, ear, level1, 16_000)
    torch.testing.assert_close(kept, net.score(signal, ear, level1, 16_000), atol=1e-3, rtol=0)


def test_what_is_no_such_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no such weights"):
        load_spectral(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing of the kind")
    with pytest.raises(BenchError, match="not the weights"):
        load_spectral(broken)
