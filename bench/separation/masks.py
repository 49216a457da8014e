"""Ratio masks: estimates become shares of the mixture, so that stems sum to it."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

WINDOW: Final = 4096
"""Samples of the STFT's Hann window; it is moved by a quarter."""
_FLOOR: Final = 1e-3
"""Magnitude added to each stem: where all are silent, they share alike. Estimates are of a mixture
of standard deviation 1, whose magnitudes are about 40."""


def mask_mixture(estimate: Tensor, mixture: Tensor, sharpness: float = 1.0) -> Tensor:
    """Share the mixture among stems by the magnitudes of their estimates.

    Each stem is ``|S_k|^p / sum_j |S_j|^p`` times the mixture, bin by bin, p being the sharpness; 1
    as Open-Unmix has it where it iterates no further. What an estimate lost or added is gone: with
    no gains the remix is the mixture itself, and small gains change it little, which HAAQI rewards.

    Args:
        estimate: ``(B, S, 2, N)``.
        mixture: ``(B, 2, N)`` of about unit standard deviation, N at least WINDOW / 2 + 1.
        sharpness: above 1, more of a bin goes to the loudest stem.

    Returns:
        ``(B, S, 2, N)``, summing to the mixture.

    Example:
        >>> estimate, mixture = torch.rand(1, 4, 2, 8192), torch.rand(1, 2, 8192)
        >>> mask_mixture(estimate, mixture).shape
        torch.Size([1, 4, 2, 8192])
    """
    window = torch.hann_window(WINDOW, device=mixture.device)
    length = mixture.shape[-1]

    def spectrum(signal: Tensor) -> Tensor:
        flat = signal.reshape(-1, length)
        bins = torch.stft(flat, WINDOW, WINDOW // 4, window=window, return_complex=True)
        return bins.reshape(*signal.shape[:-1], *bins.shape[-2:])

    parts = torch.view_as_real(spectrum(estimate)).square().sum(-1)
    # The floor inside the root keeps its gradient finite.
    magnitudes = (parts + _FLOOR**2) ** (sharpness / 2)
    shares = magnitudes / magnitudes.sum(1, keepdim=True)
    stems = shares * spectrum(mixture)[:, None]
    flat = stems.reshape(-1, *stems.shape[-2:])
    signal = torch.istft(flat, WINDOW, WINDOW // 4, window=window, length=length)
    return signal.reshape(estimate.shape)
