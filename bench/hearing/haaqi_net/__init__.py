"""HAAQI-Net: a fast, differentiable stand-in for HAAQI.

Two models share one interface, ``bench.api.Predictor``:

* the light one (:mod:`bench.hearing.haaqi_net.light`, bundled) compares the processed signal with
  its reference on a small cochlea in torch;
* the published one (:mod:`bench.hearing.haaqi_net.published`) hears the processed signal alone
  through a pretrained audio transformer, its front end, which comes from a plugin.

Source: Wisnu et al. (2024), HAAQI-Net, arXiv 2401.01145.

Importing this package is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

BUNDLED: Final = "bundled"
"""What stands for the weights that come with a model, in the place of a path."""


def check_shapes(processed: Tensor, audiogram: Tensor, level1: Tensor) -> None:
    """Refuse what a careless reshape lets through, such as a stereo signal as a batch of two.

    Raises:
        ValueError: the shapes do not fit: ``(B, N)``, ``(B, 8)`` and ``(B,)`` are wanted.
    """
    rows = processed.shape[0]
    if processed.dim() != 2 or audiogram.shape != (rows, 8) or level1.shape != (rows,):
        raise ValueError(
            "HAAQI-Net wants a signal (B, N), an audiogram (B, 8) in dB HL and a level1 (B,), "
            f"not {tuple(processed.shape)}, {tuple(audiogram.shape)} and {tuple(level1.shape)}"
        )
