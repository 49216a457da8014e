"""NAL-R and a multi-band limiter with look-ahead for each ear, fixed or trained.

The limiter and its source are in :mod:`bench.hearing.fitting.limiter`. It has a threshold for each
of four bands, and an attack and a release for all; the trained form learns them, starting from
those of the options. This is the differentiable dynamic range compressor that the seed paper leaves
to future work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from clarity.utils.audiogram import Listener
from torch import Tensor, nn

from bench.api import Prescription
from bench.builtin.prescriptions import NalrLimiterOptions
from bench.builtin.prescriptions.fitted import (
    Adaptive,
    Fitted,
    amplified_excerpts,
    check_positive,
)
from bench.hearing.fitting.limiter import CENTRES
from bench.hearing.fitting.stage import OutputStage


class NalrLimiter(nn.Module, Adaptive):
    """NAL-R, then a limiter for each ear."""

    def __init__(self, options: NalrLimiterOptions) -> None:
        super().__init__()
        check_positive(
            "nalr-limiter",
            attack=options.attack,
            release=options.release,
            look_ahead=options.look_ahead,
            seconds=options.seconds,
        )
        self.options = options
        self.thresholds = nn.Parameter(torch.full((len(CENTRES),), float(options.threshold)))
        """dB re full scale, ``(4,)``."""
        # In logarithms, so that no step of a training makes a time negative.
        self.log_attack = nn.Parameter(torch.tensor(math.log(options.attack / 1000)))
        self.log_release = nn.Parameter(torch.tensor(math.log(options.release / 1000)))
        self.requires_grad_(False)

    def fit(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Prescription:
        """NAL-R and the limiter, with the level behind it that the loss of loudness asks for.

        Raises:
            BenchError: shorter than 0.4 s, where the loss of loudness is limited.
        """
        options = self.options
        stage = OutputStage(
            thresholds=self.thresholds,
            attack=self.log_attack.exp(),
            release=self.log_release.exp(),
            look_ahead=options.look_ahead / 1000,
        )
        _, pieces = amplified_excerpts(signal, listeners, sample_rate, options.seconds)
        return Fitted(stage.within(options.max_loudness_loss, pieces, sample_rate))


class NalrLimiterTrained(NalrLimiter):
    """NAL-R and a limiter whose thresholds, attack and release are trained."""

    def __init__(self, options: NalrLimiterOptions) -> None:
        super().__init__(options)
        self.requires_grad_(True)
