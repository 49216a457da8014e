"""NAL-R and an output stage for each ear that a small network predicts.

The network is :class:`bench.hearing.fitting.network.FitNetwork`: audiogram and long-term band
levels of the ear's NAL-R output in, gains of the equaliser and settings of the limiter out. The
bundled weights learned from exact HAAQI with its gradient what ``nalr-tuned`` searches for each
song; they cost next to nothing in use. Model card: ``bench/hearing/fitting/weights/MODEL_CARD.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from clarity.utils.audiogram import Listener
from torch import Tensor, nn

from bench.api import Prescription
from bench.builtin.prescriptions import NalrFitOptions
from bench.builtin.prescriptions.fitted import (
    Adaptive,
    Fitted,
    amplified_excerpts,
    check_positive,
)
from bench.hearing.audiograms import audiogram_tensor
from bench.hearing.fitting.equaliser import band_levels
from bench.hearing.fitting.network import load_network


class NalrFit(nn.Module, Adaptive):
    """NAL-R, then the output stage that the network predicts for each ear."""

    def __init__(self, options: NalrFitOptions) -> None:
        super().__init__()
        check_positive("nalr-fit", seconds=options.seconds)
        self.options = options
        self.network = load_network(options.weights).requires_grad_(False)

    def fit(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Prescription:
        """NAL-R with the output stage of each ear of a signal ``(B, 2, N)``.

        Raises:
            BenchError: shorter than 0.4 s, where the loss of loudness is limited.
        """
        options = self.options
        _, pieces = amplified_excerpts(signal, listeners, sample_rate, options.seconds)
        levels = band_levels(torch.cat(pieces, -1), sample_rate)
        audiograms = torch.stack([audiogram_tensor(who) for who in listeners])
        stage = self.network(audiograms.to(levels.device), levels)
        return Fitted(stage.within(options.max_loudness_loss, pieces, sample_rate))


class NalrFitTrained(NalrFit):
    """NAL-R with a predicted output stage whose network the run trains."""

    def __init__(self, options: NalrFitOptions) -> None:
        super().__init__(options)
        self.network.requires_grad_(True)
