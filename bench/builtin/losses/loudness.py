"""Difference of loudness between stems."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from bench.api import LossInput
from bench.errors import BenchError, suggest
from bench.hearing.loudness import differentiable_loudness

if TYPE_CHECKING:
    from bench.builtin.losses import LoudnessLossOptions

FLOOR: Final = -60.0
"""LUFS; what is softer is not heard in a mix at common levels, and counts as silent."""
DOUBLING: Final = 10.0
"""LU that make a sound twice as loud (Stevens, 1955: ten decibels)."""
FORMS: Final = ("lufs", "rms")
_LEAST_POWER: Final = 1e-12
"""Full scale squared; beneath the root of a silent stem's power."""


class LoudnessLoss:
    """Squared relative difference of loudness, averaged over the stems that are heard.

    A stem of ``L`` LUFS is ``s = 2 ** (L / 10)`` loud, and one that should be ``t`` loud gives
    ``((s - t) / (s + t)) ** 2``: 0 where they are alike, 1 where only one of them is heard. In
    between, a mismatch of 1 LU gives 0.0012, of 3 LU 0.011, of 6 LU 0.042, of 10 LU (twice or half
    as loud) 0.11, of 20 LU 0.36 and of 40 LU 0.78. So a stem that is lost counts, and its gradient
    does not outgrow all others'. Stems whose reference is below :data:`FLOOR` are left out: they
    have no loudness that could be met. An estimate counts as at least that loud.

    The form "rms" is that of the seed paper's script: the squared difference of RMS over both
    channels, in full scale squared, averaged over all stems (the script takes the last one alone).

    On the remix the term is zero by construction: both sides are brought to the loudness of the
    mixture.

    Args:
        options: see :class:`bench.builtin.losses.LoudnessLossOptions`.

    Raises:
        BenchError: an unknown form.
    """

    def __init__(self, options: LoudnessLossOptions) -> None:
        self.form = options.form
        if self.form not in FORMS:
            hint = suggest(self.form, FORMS)
            raise BenchError(f"no form '{self.form}'", where="loss loudness", hint=hint)

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar, 0 to 1; with the form "rms" full scale squared.

        Raises:
            BenchError: shorter than 0.4 s (not with the form "rms").
        """
        if self.form == "rms":
            return (_rms(data.estimate) - _rms(data.reference)).square().mean()
        reference = differentiable_loudness(data.reference, data.sample_rate)
        estimate = differentiable_loudness(data.estimate, data.sample_rate).clamp_min(FLOOR)
        heard = reference > FLOOR
        if not bool(heard.any()):
            return 0.0 * data.estimate.sum()
        # (s - t) / (s + t) of two powers of two is a hyperbolic tangent of their exponents.
        exponents = (estimate - reference)[heard] * (math.log(2) / DOUBLING)
        return torch.tanh(exponents / 2).square().mean()


def _rms(signal: Tensor) -> Tensor:
    return torch.sqrt(signal.square().mean((-2, -1)) + _LEAST_POWER)
