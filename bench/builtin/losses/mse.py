"""Mean squared error."""

from __future__ import annotations

from torch import Tensor

from bench.api import LossInput


class MseLoss:
    """Mean of the squared difference over all samples, channels, stems and items."""

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar, full scale squared."""
        return (data.estimate - data.reference).square().mean()
