"""The output stage behind NAL-R: an equaliser, a limiter and a level, each of them optional.

Settings are tensors whose leading dimensions are those of the signals, such as ``(B, 2)``: every
ear has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from bench.hearing.fitting.equaliser import equalise, filters
from bench.hearing.fitting.limiter import ATTACK, LOOK_AHEAD, RELEASE, limit
from bench.hearing.fitting.loudness_loss import NO_LIMIT, make_up


@dataclass(frozen=True)
class OutputStage:
    """What is done to an ear's NAL-R output before it is clipped; differentiable in all of it.

    Attributes:
        gains: dB of the equaliser's bands, ``(..., bands)``; none where None.
        thresholds: dB re full scale of the limiter's bands, ``(..., 4)``; no limiter where None.
        amount: part of the excess that the limiter takes away, ``(..., 4)``, 0 to 1; all if None.
        attack: of the limiter, seconds.
        release: of the limiter, seconds.
        look_ahead: of the limiter, seconds.
        level: dB, ``(...,)``, applied last; 0 where None.
    """

    gains: Tensor | None = None
    thresholds: Tensor | None = None
    amount: Tensor | None = None
    attack: Tensor | float = ATTACK
    release: Tensor | float = RELEASE
    look_ahead: float = LOOK_AHEAD
    level: Tensor | None = None

    def __call__(self, amplified: Tensor, sample_rate: int) -> Tensor:
        """NAL-R's output ``(..., N)`` through the stage, not clipped: the same shape and type."""
        signal = amplified
        if self.gains is not None:
            signal = equalise(signal, filters(self.gains, sample_rate))
        if self.thresholds is not None:
            signal = limit(
                signal,
                self.thresholds,
                torch.as_tensor(self.attack),
                torch.as_tensor(self.release),
                sample_rate,
                look_ahead=self.look_ahead,
                amount=self.amount,
            )
        if self.level is not None:
            signal = signal * torch.pow(10.0, self.level.double() / 20)[..., None].to(signal)
        return signal

    def within(self, limit: float, pieces: Sequence[Tensor], sample_rate: int) -> OutputStage:
        """The stage with the level that keeps each ear from losing more loudness than a limit.

        Args:
            limit: LU; see :mod:`bench.hearing.fitting.loudness_loss`.
            pieces: excerpts of NAL-R's output, each ``(..., N)``.
            sample_rate: Hz.

        Raises:
            BenchError: shorter than 0.4 s, where there is a limit.
        """
        if limit >= NO_LIMIT:
            return self
        with torch.no_grad():
            plain = torch.cat(list(pieces), -1)
            own = torch.cat([self(piece, sample_rate) for piece in pieces], -1)
            raised = [
                make_up(ear, other, limit, sample_rate)
                for ear, other in zip(
                    own.reshape(-1, own.shape[-1]), plain.reshape(-1, own.shape[-1]), strict=True
                )
            ]
            level = torch.tensor(raised, dtype=torch.float64).reshape(own.shape[:-1])
        return replace(self, level=level if self.level is None else self.level + level)


NALR_ALONE: Final = OutputStage()
"""Nothing at all."""
