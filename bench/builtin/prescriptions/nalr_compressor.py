"""NAL-R and pyclarity's compressor (``clarity.enhancer.compressor``), in torch.

The compressor follows the RMS level r of the last 64 ms with a gain c, sample by sample:

    r >  threshold:  c <- c + attack  * (attenuation * r + (1 - attenuation) * threshold - c)
    r <= threshold:  c <- c + release * (1 - c)

where attack and release are 1 / (time * sample rate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from clarity.utils.audiogram import Listener
from torch import Tensor

from bench.builtin.prescriptions import NalrCompressorOptions
from bench.errors import BenchError
from bench.hearing import nalr
from bench.hearing.simd.kernel import kernel

_POWER_FLOOR: Final = 1e-8
"""Full scale squared; pyclarity adds it to the mean square."""


class NalrCompressor:
    """NAL-R, then a compressor for each ear. Differentiable; which branch it takes is constant."""

    def __init__(self, options: NalrCompressorOptions) -> None:
        for name in ("attack", "release", "rms_buffer"):
            if not getattr(options, name) > 0:
                raise BenchError(f"{name} must be above zero", where="prescription nalr-compressor")
        self.options = options

    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        """``(B, 2, N)`` -> ``(B, 2, N + 220)``."""
        options = self.options
        amplified = nalr.amplify(signal, listeners, sample_rate)
        level = _running_rms(amplified, max(int(options.rms_buffer * sample_rate), 1))
        ratios: Tensor = _Ratios.apply(  # type: ignore[no-untyped-call]
            level,
            options.threshold,
            options.attenuation,
            1.0 / (options.attack / 1000.0) / sample_rate,
            1.0 / (options.release / 1000.0) / sample_rate,
        )
        return amplified * ratios.to(amplified.dtype)


def _running_rms(signal: Tensor, window: int) -> Tensor:
    """RMS of the last `window` samples, with silence before the first; float64, same shape."""
    energy = torch.nn.functional.pad(signal.double().square().cumsum(dim=-1), (window, 0))
    mean = (energy[..., window:] - energy[..., :-window]) / window
    # Cancellation may leave a hair less than nothing.
    return (mean.clamp(min=0.0) + _POWER_FLOOR).sqrt()


class _Ratios(torch.autograd.Function):
    """The compressor's gain for each sample from the RMS level, float64 ``(..., N)``."""

    @staticmethod
    def forward(
        ctx: Any,
        level: Tensor,
        threshold: float,
        attenuation: float,
        attack: float,
        release: float,
    ) -> Tensor:
        ctx.save_for_backward(level)
        ctx.settings = threshold, attenuation, attack, release
        rows = level.detach().cpu().flatten(0, -2).contiguous()
        ratios = torch.empty_like(rows)
        _ratios(rows.numpy(), threshold, attenuation, attack, release, ratios.numpy())
        return ratios.reshape(level.shape).to(level.device)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None, None]:
        (level,) = ctx.saved_tensors
        rows = level.cpu().flatten(0, -2).contiguous()
        gradient = torch.empty_like(rows)
        towards = upstream.cpu().flatten(0, -2).contiguous()
        _ratio_gradients(rows.numpy(), *ctx.settings, towards.numpy(), gradient.numpy())
        return gradient.reshape(level.shape).to(level.device), None, None, None, None


@kernel
def _ratios(
    level: Any, threshold: float, attenuation: float, attack: float, release: float, ratios: Any
) -> None:
    for row in range(len(level)):
        ratio = 1.0
        for n in range(level.shape[1]):
            if level[row, n] > threshold:
                wanted = level[row, n] * attenuation + (1.0 - attenuation) * threshold
                ratio = ratio * (1.0 - attack) + wanted * attack
            else:
                ratio = release + ratio * (1.0 - release)
            ratios[row, n] = ratio


@kernel
def _ratio_gradients(
    level: Any,
    threshold: float,
    attenuation: float,
    attack: float,
    release: float,
    upstream: Any,
    gradient: Any,
) -> None:
    """The recursion's adjoint: what later ratios owe to this one, backwards in time."""
    for row in range(len(level)):
        owed = 0.0
        for n in range(level.shape[1] - 1, -1, -1):
            owed += upstream[row, n]
            if level[row, n] > threshold:
                gradient[row, n] = owed * attack * attenuation
                owed *= 1.0 - attack
            else:
                gradient[row, n] = 0.0
                owed *= 1.0 - release
