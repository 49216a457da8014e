"""The common part of prescriptions that set an output stage behind NAL-R."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from clarity.utils.audiogram import Listener
from torch import Tensor

from bench.api import Prescription
from bench.errors import BenchError
from bench.hearing import nalr
from bench.hearing.fitting.excerpts import excerpts
from bench.hearing.fitting.stage import OutputStage


class Adaptive(ABC):
    """A prescription that is fitted to a signal; a :class:`bench.api.AdaptivePrescription`."""

    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        """``(B, 2, N)`` -> ``(B, 2, N + 220)``."""
        return self.fit(signal, listeners, sample_rate).amplify(signal, listeners, sample_rate)

    @abstractmethod
    def fit(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Prescription:
        """The prescription for one signal ``(B, 2, N)`` and its listeners."""


@dataclass(frozen=True)
class Fitted:
    """NAL-R and an output stage that is set."""

    stage: OutputStage

    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        """``(B, 2, N)`` -> ``(B, 2, N + 220)``."""
        return self.stage(nalr.amplify(signal, listeners, sample_rate), sample_rate)


def amplified_excerpts(
    signal: Tensor, listeners: Sequence[Listener], sample_rate: int, seconds: float
) -> tuple[list[Tensor], list[Tensor]]:
    """Excerpts of a signal, each ``(B, 2, N)``, and their NAL-R output, ``(B, 2, N + 220)``."""
    before = [
        signal[..., part].detach() for part in excerpts(signal.shape[-1], sample_rate, seconds)
    ]
    return before, [nalr.amplify(piece, listeners, sample_rate) for piece in before]


def check_positive(prescription: str, **values: float) -> None:
    """Raise a BenchError for a value that is not above zero."""
    for name, value in values.items():
        if not value > 0:
            raise BenchError(f"{name} must be above zero", where=f"prescription {prescription}")
