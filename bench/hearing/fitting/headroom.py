"""Headroom: the cut that keeps the share of clipped samples under a limit."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_STEP: Final = 0.01
"""dB; cuts are multiples of it."""
_MOST: Final = 120.0
"""dB; samples further above full scale count as being there."""


class HeadroomMeter:
    """Counts by how much samples lie above full scale, of a signal that comes in parts.

    Args:
        ears: the signals' leading shape, such as ``(B, 2)``.

    Example:
        >>> meter = HeadroomMeter((1,))
        >>> meter.add(torch.tensor([[1.0, 2.0]]))
        >>> meter.add(torch.tensor([[-4.0, 0.5]]))
        >>> meter.cut(0.25).tolist(), meter.cut(0.0).tolist(), meter.cut(0.5).tolist()
        ([6.03], [12.05], [0.0])
    """

    def __init__(self, ears: tuple[int, ...]) -> None:
        self._count = torch.zeros(*ears, round(_MOST / _STEP) + 1, dtype=torch.float64)

    def add(self, signal: Tensor) -> None:
        """Take in ``(*ears, N)``, full scale 1.0."""
        level = 20 * signal.detach().double().cpu().abs().clamp_min(1e-9).log10()
        # Bin k holds what a cut of k steps brings to full scale and one of a step less does not.
        bins = (level / _STEP).ceil().clamp(0, self._count.shape[-1] - 1).long()
        self._count.scatter_add_(-1, bins, torch.ones_like(level))

    def cut(self, clipped: float) -> Tensor:
        """Find the smallest cut after which no more than a share lies above full scale.

        Args:
            clipped: the share, 0 to 1.

        Returns:
            dB, float64 ``(*ears,)``, multiples of 0.01; 0 where nothing has to be cut.
        """
        total = self._count.sum(-1, keepdim=True)
        over = total - self._count.cumsum(-1)
        return _STEP * (over <= clipped * total).double().argmax(-1).double()
