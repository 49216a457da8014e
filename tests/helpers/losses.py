"""What loss terms are given."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.api import LossInput
from bench.builtin.losses import LoudnessLossOptions, SdrLossOptions
from bench.builtin.losses.loudness import LoudnessLoss
from bench.builtin.losses.mse import MseLoss
from bench.builtin.losses.sdr import SdrLoss

RATE = 8000
LOSSES = {
    "mse": MseLoss(),
    "si-sdr": SdrLoss(SdrLossOptions()),
    "sdr": SdrLoss(SdrLossOptions(scale_invariant=False)),
    "loudness": LoudnessLoss(LoudnessLossOptions()),
    "rms": LoudnessLoss(LoudnessLossOptions(form="rms")),
}


def pair(estimate: Tensor, reference: Tensor) -> LossInput:
    batch = estimate.shape[0]
    place = "stems" if estimate.ndim == 4 else "remix"
    zeros = torch.zeros(batch, 2, 8)
    return LossInput(estimate, reference, zeros, torch.full((batch, 2), 65.0), RATE, place)


def signals(*shape: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
