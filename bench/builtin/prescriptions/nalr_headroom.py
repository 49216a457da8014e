"""NAL-R, and one cut for each ear that keeps its output below full scale.

With x the ear's NAL-R output and s the share of its samples that may be clipped, the cut is the
smallest c in dB for which no more than s of the samples of 10^(-c/20) x lie above full scale. It
knows nothing of hearing: the baseline of the prescriptions that do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from clarity.utils.audiogram import Listener
from torch import Tensor

from bench.api import Prescription
from bench.builtin.prescriptions import NalrHeadroomOptions
from bench.builtin.prescriptions.fitted import (
    Adaptive,
    Fitted,
    amplified_excerpts,
    check_positive,
)
from bench.errors import BenchError
from bench.hearing import nalr
from bench.hearing.fitting.headroom import HeadroomMeter
from bench.hearing.fitting.stage import OutputStage

_NAME: Final = "nalr-headroom"
_SECTION: Final = 30.0
"""Seconds that are amplified at once to be measured."""


class NalrHeadroom(Adaptive):
    """NAL-R, then a cut for each ear. Differentiable; the cut is a constant."""

    def __init__(self, options: NalrHeadroomOptions) -> None:
        check_positive(_NAME, seconds=options.seconds)
        if not 0 <= options.clipped < 1:
            raise BenchError("clipped must be 0 or more, below 1", where=f"prescription {_NAME}")
        self.options = options

    def fit(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Prescription:
        """NAL-R with the cut of each ear of a signal ``(B, 2, N)``, which is read in sections.

        Raises:
            BenchError: shorter than 0.4 s, where the loss of loudness is limited.
        """
        options = self.options
        meter = HeadroomMeter((len(listeners), 2))
        with torch.no_grad():
            step = round(_SECTION * sample_rate)
            for start in range(0, signal.shape[-1], step):
                section = signal[..., start : start + step]
                # Without the tail, which overlaps the next section.
                amplified = nalr.amplify(section, listeners, sample_rate)
                meter.add(amplified[..., : section.shape[-1]])
            _, pieces = amplified_excerpts(signal, listeners, sample_rate, options.seconds)
            stage = OutputStage(level=-meter.cut(options.clipped))
            return Fitted(stage.within(options.max_loudness_loss, pieces, sample_rate))
