"""Negative signal-to-distortion ratio.

With reference s, estimate e and both channels of a stem taken as one vector,

    SDR    = 10 log10( |s|^2 / |e - s|^2 )
    SI-SDR = 10 log10( |a s|^2 / |e - a s|^2 ),  a = <e, s> / |s|^2

(Le Roux et al. 2019, without removing means). The power of 16-bit quantisation noise is added to
numerator and denominator, so that a silent estimate gives a finite value and gradient, and nothing
is gained by getting closer than a file could hold. A silent reference has no ratio: such stems are
left out.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from bench.api import LossInput
from bench.builtin.losses import SdrLossOptions

NOISE: Final = 2.0**-30 / 12
"""Mean square of 16-bit quantisation noise, full scale squared."""
SILENCE: Final = 1e-6
"""Full scale squared; a reference of less power (-60 dBFS) counts as silent."""


class SdrLoss:
    """Negative SDR or SI-SDR, averaged over the stems of all items that are not silent."""

    def __init__(self, options: SdrLossOptions) -> None:
        self.scale_invariant = options.scale_invariant

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar, dB; 0 where every reference is silent."""
        heard = data.reference.square().mean((-2, -1)) > SILENCE
        if not bool(heard.any()):
            return 0.0 * data.estimate.sum()
        estimate, reference = data.estimate[heard].flatten(-2), data.reference[heard].flatten(-2)
        target = reference
        if self.scale_invariant:
            power = reference.square().mean(dim=-1, keepdim=True)
            scale = (estimate * reference).mean(dim=-1, keepdim=True) / (power + NOISE)
            target = scale * reference
        signal = target.square().mean(dim=-1) + NOISE
        distortion = (estimate - target).square().mean(dim=-1) + NOISE
        return 10 * (torch.log10(distortion) - torch.log10(signal)).mean()
