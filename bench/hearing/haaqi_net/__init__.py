"""HAAQI-Net: a fast, differentiable stand-in for HAAQI.

Two models share one interface, ``bench.api.Predictor``:

* the light one (:mod:`bench.hearing.haaqi_net.light`, bundled) compares the processed signal with
  its reference on a small cochlea in torch;
* the published one (:mod:`bench.hearing.haaqi_net.published`) takes the processed signal alone
  through a pretrained audio transformer, its front end, which comes from a plugin.

Source: Wisnu et al. (2024), HAAQI-Net, arXiv 2401.01145.

Importing this package is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

BUNDLED: Final = "bundled"
"""Name of the weights that come with a model, given in the place of a path."""


def check_shapes(processed: Tensor, audiogram: Tensor, level1: Tensor) -> None:
    """Check shapes, so that no stereo signal passes as a batch of two.

    Args:
        processed: signals, ``(B, N)``.
        audiogram: dB HL, ``(B, 8)``.
        level1: dB SPL that an RMS of 1.0 stands for, ``(B,)``.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import torch
        >>> check_shapes(torch.zeros(3, 24_000), torch.zeros(3, 8), torch.zeros(3))
        >>> stereo = torch.zeros(2, 24_000)
        >>> check_shapes(stereo, torch.zeros(1, 8), torch.zeros(1))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: HAAQI-Net needs ... not (2, 24000), (1, 8) and (1,)
    """
    rows = processed.shape[0]
    if processed.dim() != 2 or audiogram.shape != (rows, 8) or level1.shape != (rows,):
        raise ValueError(
            "HAAQI-Net needs a signal (B, N), an audiogram (B, 8) in dB HL and a level1 (B,), "
            f"not {tuple(processed.shape)}, {tuple(audiogram.shape)} and {tuple(level1.shape)}"
        )
