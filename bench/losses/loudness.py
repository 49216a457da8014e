"""Difference of integrated loudness."""

from __future__ import annotations

from torch import Tensor

from bench.api import LossInput
from bench.hearing.loudness import differentiable_loudness


class LoudnessLoss:
    """Squared difference of BS.1770-4 integrated loudness, averaged over items and stems.

    What is silent to the meter counts as -80 LUFS and has no gradient of its own. On the remix the
    term is zero by construction: both sides are brought to the loudness of the mixture.
    """

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar, LU squared.

        Raises:
            BenchError: shorter than 0.4 s.
        """
        estimate = differentiable_loudness(data.estimate, data.sample_rate)
        reference = differentiable_loudness(data.reference, data.sample_rate)
        return (estimate - reference).square().mean()
