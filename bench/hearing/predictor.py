"""What the predictors of HAAQI share; their interface is :class:`bench.api.Predictor`.

Importing this module is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

BUNDLED: Final = "bundled"
"""Name of the weights that come with a predictor, given in the place of a path."""


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
        ValueError: a predictor of HAAQI needs ... not (2, 24000), (1, 8) and (1,)
    """
    rows = processed.shape[0]
    if processed.dim() != 2 or audiogram.shape != (rows, 8) or level1.shape != (rows,):
        raise ValueError(
            "a predictor of HAAQI needs a signal (B, N), an audiogram (B, 8) in dB HL and a "
            f"level1 (B,), not {tuple(processed.shape)}, {tuple(audiogram.shape)} and "
            f"{tuple(level1.shape)}"
        )
