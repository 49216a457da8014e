"""Ratio masks."""

from __future__ import annotations

import torch

from bench.separation.masks import WINDOW, mask_mixture


def signals(length: int = 20_000) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    stems = torch.randn(1, 4, 2, length, generator=generator)
    return stems, stems.sum(1)


def test_stems_sum_to_the_mixture_whatever_the_estimate() -> None:
    stems, mixture = signals()
    shares = mask_mixture(3 * stems.flip(-1), mixture)
    torch.testing.assert_close(shares.sum(1), mixture, atol=1e-5, rtol=0)


def test_stems_apart_in_frequency_are_told_apart() -> None:
    time = torch.arange(44_100) / 44_100
    tones = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (220, 880, 3520, 9000)])
    stems = tones[None, :, None].expand(1, 4, 2, -1).contiguous()
    shares = mask_mixture(0.1 * stems, stems.sum(1))
    middle = slice(WINDOW, -WINDOW)
    error = (shares - stems)[..., middle].square().mean() / stems[..., middle].square().mean()
    assert 10 * torch.log10(error) < -40


def test_silence_is_shared_alike_with_a_finite_gradient() -> None:
    _, mixture = signals(WINDOW // 2 + 1)
    estimate = torch.zeros(1, 4, 2, mixture.shape[-1], requires_grad=True)
    shares = mask_mixture(estimate, mixture)
    torch.testing.assert_close(shares, mixture[:, None].expand_as(shares) / 4, atol=1e-5, rtol=0)
    shares.square().sum().backward()
    assert estimate.grad is not None
    assert torch.isfinite(estimate.grad).all()


def test_sharper_masks_give_more_to_the_louder_stem() -> None:
    _, mixture = signals()
    estimate = mixture[:, None] * torch.tensor([3.0, 1.0, 0.0, 0.0]).view(1, 4, 1, 1)
    for sharpness, share in ((1.0, 3 / 4), (2.0, 9 / 10)):
        stems = mask_mixture(estimate, mixture, sharpness)
        torch.testing.assert_close(stems[:, 0], share * mixture, atol=1e-3, rtol=0)
