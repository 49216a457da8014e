"""Negative signal-to-distortion ratio.

With reference s, estimate e and both channels of a stem taken as one vector,

    SDR    = 10 log10( |s|^2 / |e - s|^2 )
    SI-SDR = 10 log10( |a s|^2 / |e - a s|^2 ),  a = <e, s> / |s|^2

(Le Roux et al. 2019, without removing means). The power of 16-bit quantisation noise is added to
numerator and denominator, so that silence on either side gives a finite value and gradient, and
nothing is gained by getting closer than a file could hold.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from bench.api import LossInput
from bench.builtin.losses import SdrLossOptions

NOISE: Final = 2.0**-30 / 12
"""Mean square of 16-bit quantisation noise, full scale squared."""


class SdrLoss:
    """Negative SDR or SI-SDR, averaged over items and stems."""

    def __init__(self, options: SdrLossOptions) -> None:
        self.scale_invariant = options.scale_invariant

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar, dB."""
        estimate, reference = data.estimate.flatten(-2), data.reference.flatten(-2)
        target = reference
        if self.scale_invariant:
            power = reference.square().mean(dim=-1, keepdim=True)
            scale = (estimate * reference).mean(dim=-1, keepdim=True) / (power + NOISE)
            target = scale * reference
        signal = target.square().mean(dim=-1) + NOISE
        distortion = (estimate - target).square().mean(dim=-1) + NOISE
        return 10 * (torch.log10(distortion) - torch.log10(signal)).mean()
