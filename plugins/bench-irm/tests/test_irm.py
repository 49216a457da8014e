"""The mask against scipy's STFT and the published definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from bench_irm import IrmOptions
from bench_irm.mask import IdealRatioMask
from scipy.signal import istft, stft

from bench.api import SeparatorSpec
from bench.errors import BenchError
from bench.plugins import installed
from bench.testing import conformance

test_conformance = conformance("separator", "bench-irm/irm")


def music(seconds: float = 0.5, batch: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A mixture that is not the sum of its stems, as at the microphones."""
    generator = torch.Generator().manual_seed(seed)
    samples = int(seconds * 44_100)
    time = torch.arange(samples) / 44_100
    pitches = torch.tensor([220.0, 330.0, 55.0, 880.0])[:, None, None]
    tones = torch.sin(2 * torch.pi * pitches * time) * torch.tensor([1.0, 0.6])[:, None]
    stems = 0.1 * tones + 0.02 * torch.randn(batch, 4, 2, samples, generator=generator)
    return 1.1 * stems.sum(1), stems


def separator(**options: object) -> Any:
    registered = installed().get(SeparatorSpec, "bench-irm/irm")
    return registered.build(registered.options(options))


@pytest.mark.parametrize(("power", "window"), [(1.0, 4096), (2.0, 4096), (2.0, 1024)])
def test_is_the_ratio_mask_of_the_campaign(power: float, window: int) -> None:
    mixture, stems = music()
    estimate = separator(power=power, window=window).separate(mixture, stems)
    settings: dict[str, Any] = {"nperseg": window, "noverlap": window * 3 // 4, "window": "hann"}
    spectra = stft(stems.double().numpy(), **settings)[2]
    mixed = stft(mixture.double().numpy(), **settings)[2]
    weights = np.abs(spectra) ** power
    masked = weights / weights.sum(1, keepdims=True) * mixed[:, None]
    expected = istft(masked, **settings)[1][..., : mixture.shape[-1]]
    # scipy pads the ends with zeros, torch reflects them: the inner part is the same.
    inner = slice(window, -window)
    np.testing.assert_allclose(estimate.numpy()[..., inner], expected[..., inner], atol=2e-6)


def test_the_stems_sum_to_the_mixture() -> None:
    mixture, stems = music()
    estimate = separator().separate(mixture, stems)
    torch.testing.assert_close(estimate.sum(1), mixture, rtol=0, atol=1e-6)


def test_is_nearer_to_the_stems_than_the_mixture() -> None:
    mixture, stems = music()
    error = (separator().separate(mixture, stems) - stems).square().mean()
    assert float(error) < 0.2 * float((mixture[:, None] / 4 - stems).square().mean())


@pytest.mark.parametrize("samples", [1, 100, 4095, 12_345])
def test_any_length(samples: int) -> None:
    mixture, stems = (x[..., :samples] for x in music())
    estimate = separator().separate(mixture, stems)
    assert estimate.shape == stems.shape
    assert estimate.dtype == torch.float32
    torch.testing.assert_close(estimate.sum(1), mixture, rtol=0, atol=1e-6)


def test_silence_is_shared_alike() -> None:
    mixture, stems = music()
    estimate = separator().separate(mixture, torch.zeros_like(stems))
    quarter = (mixture / 4)[:, None].expand_as(stems)
    torch.testing.assert_close(estimate, quarter, rtol=0, atol=1e-6)
    silence = separator().separate(torch.zeros_like(mixture), stems)
    assert float(silence.abs().max()) == 0


def test_a_batch_is_each_of_its_items() -> None:
    mixture, stems = music()
    together = separator().separate(mixture, stems)
    alone = separator().separate(mixture[1:], stems[1:])
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-6)


def test_is_never_ranked() -> None:
    assert installed().get(SeparatorSpec, "irm").spec.reads_stems  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [IrmOptions(power=0.0), IrmOptions(window=4095)])
def test_options_that_make_no_sense(options: IrmOptions) -> None:
    with pytest.raises(BenchError, match="separator irm"):
        IdealRatioMask(options)
