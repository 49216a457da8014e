"""NAL-R and an output stage for each ear, found for each signal by the gradient of HAAQI.

Nothing is trained and no clean signal is used. For each ear, with x its NAL-R output and s(x; p)
an equaliser and a limiter with the gains and thresholds p,

    p = arg max HAAQI(clip(s(x; p)), x),

where HAAQI is exact, its reference is the system's own unclipped output x, and the search is that
of :mod:`bench.hearing.fitting.search`. A long signal is judged by four excerpts, so that time and
memory are bounded.

Source: this project's; the differentiable HAAQI is that of :mod:`bench.hearing.haaqi.gradient`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from clarity.utils.audiogram import Listener
from torch import Tensor

from bench.api import Prescription
from bench.builtin.prescriptions import NalrTunedOptions
from bench.builtin.prescriptions.fitted import Adaptive, amplified_excerpts, check_positive
from bench.errors import BenchError
from bench.hearing import nalr
from bench.hearing.audiograms import audiogram_tensor
from bench.hearing.calibration import level1
from bench.hearing.fitting.search import Search, search_stage
from bench.hearing.fitting.stage import OutputStage
from bench.hearing.haaqi.parameters import AUDIOGRAM_COLUMNS

_NAME: Final = "nalr-tuned"


class NalrTuned(Adaptive):
    """NAL-R, then an output stage for each ear. Differentiable; what was found is a constant."""

    def __init__(self, options: NalrTunedOptions) -> None:
        check_positive(_NAME, seconds=options.seconds, rate=options.rate)
        if options.bands < 2 or options.steps < 0:
            what = "bands must be 2 or more and steps 0 or more"
            raise BenchError(what, where=f"prescription {_NAME}")
        self._seconds = options.seconds
        self._search = Search(
            options.steps,
            options.bands,
            options.rate,
            options.start,
            options.threshold if options.limiter else None,
            options.max_loudness_loss,
        )

    def fit(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Prescription:
        """NAL-R with the output stage of each ear of a signal ``(B, 2, N)``, found one by one.

        Raises:
            BenchError: shorter than 0.4 s, where the loss of loudness is limited.
        """
        with torch.no_grad():
            before, after = amplified_excerpts(signal, listeners, sample_rate, self._seconds)
        stages = []
        for item, listener in enumerate(listeners):
            levels = audiogram_tensor(listener).double()[:, AUDIOGRAM_COLUMNS]
            for ear in range(2):
                sound = torch.cat([piece[item, ear] for piece in before]).double()
                calibration = level1(float(sound.square().mean().sqrt()))
                pieces = [piece[item, ear] for piece in after]
                stages.append(
                    search_stage(pieces, calibration, levels[ear], sample_rate, self._search)
                )
        return _Tuned(tuple(stages))


@dataclass(frozen=True)
class _Tuned:
    """NAL-R and the stages of all items' left and right ears."""

    stages: tuple[OutputStage, ...]

    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        """``(B, 2, N)`` -> ``(B, 2, N + 220)``."""
        amplified = nalr.amplify(signal, listeners, sample_rate)
        rows = amplified.flatten(0, 1)
        ears = [stage(row, sample_rate) for stage, row in zip(self.stages, rows, strict=True)]
        return torch.stack(ears).reshape(amplified.shape)
