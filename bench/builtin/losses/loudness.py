"""Difference of integrated loudness."""

from __future__ import annotations

from typing import Final

from torch import Tensor

from bench.api import LossInput
from bench.hearing.loudness import differentiable_loudness

FLOOR: Final = -60.0
"""LUFS; what is softer is not heard in a mix at common levels."""


class LoudnessLoss:
    """Squared difference of BS.1770-4 integrated loudness, averaged over items and stems.

    Both levels count as at least :data:`FLOOR`: without it, faint bleed into a stem that is silent
    for the segment would outweigh all else. On the remix the term is zero by construction: both
    sides are brought to the loudness of the mixture.
    """

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar, LU squared.

        Raises:
            BenchError: shorter than 0.4 s.
        """
        estimate = differentiable_loudness(data.estimate, data.sample_rate).clamp_min(FLOOR)
        reference = differentiable_loudness(data.reference, data.sample_rate).clamp_min(FLOOR)
        return (estimate - reference).square().mean()
