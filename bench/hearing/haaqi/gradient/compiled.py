"""The heavy stages of the differentiable HAAQI on the CPU: compiled kernels with their adjoints.

The functions are those of :mod:`.stages`, where they are documented, and must equal them in values
and gradients; they are several times as fast and take a fraction of the memory. Here the kernels
become torch functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from bench.hearing.haaqi import parameters as p
from bench.hearing.haaqi.gradient import covariance as covariances
from bench.hearing.haaqi.gradient import gammatone as filters
from bench.hearing.haaqi.gradient import haircells

_WINDOW = np.hanning(p.COVARIANCE_WINDOW)


def _call(kernel: Callable[..., None], *arguments: Any) -> None:
    """Call a kernel, which needs contiguous arrays, with tensors; it fills some of them."""
    kernel(*(a.detach().contiguous().numpy() if isinstance(a, Tensor) else a for a in arguments))


def _room(like: Tensor) -> Tensor:
    """Allocate contiguous memory to be filled."""
    return torch.empty_like(like, memory_format=torch.contiguous_format)


def _zeros(like: Tensor) -> Tensor:
    """Allocate contiguous zeros to be added to, or filled in part."""
    return torch.zeros_like(like, memory_format=torch.contiguous_format)


class _Gammatone(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, bandwidth: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        groups = bandwidth.shape
        ctx.radius = p.gammatone_poles(bandwidth.detach().numpy().ravel()).reshape(groups)
        ctx.gain = p.gammatone_gains(ctx.radius)
        angle = 2 * math.pi / p.SAMPLE_RATE * p.centre_frequencies().reshape(groups)
        ctx.pole = ctx.radius * np.stack((np.cos(angle), np.sin(angle)))
        z = torch.empty(2, groups[0], len(x), groups[1], dtype=dtype)
        power = _room(bandwidth)
        _call(filters.gammatone, x, ctx.pole, ctx.gain, z, power)
        ctx.save_for_backward(x, z)
        return z, power

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_power: Tensor) -> tuple[Tensor, Tensor, None]:
        x, z = ctx.saved_tensors
        grad_x = _zeros(x)
        by_pole, by_gain = np.empty((2, *grad_power.shape))
        _call(
            filters.gammatone_adjoint,
            *(grad, grad_power, z, x, ctx.pole, ctx.gain),
            *(grad_x, by_pole, by_gain),
        )
        radius = ctx.radius
        # The gain is 2 (1 - a)^4 / (1 + 2a)^2.
        by_radius = 4 * (by_pole / radius - by_gain * (1 / (1 - radius) + 1 / (1 + 2 * radius)))
        erb = p.erb().reshape(radius.shape)
        slope = radius * erb * (-2 * math.pi * 1.019 / p.SAMPLE_RATE)
        return grad_x, torch.from_numpy(by_radius * slope), None


class _Compression(Function):
    @staticmethod
    def forward(ctx: Any, control: Tensor, z: Tensor, curve: Tensor) -> Tensor:
        gain, out = _room(z[0]), _room(z)
        _call(filters.compress, control, z, curve, gain, out)
        ctx.save_for_backward(control, z, curve, gain)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        control, z, curve, gain = ctx.saved_tensors
        grad_control, grad_z = _room(control), _room(z)
        _call(filters.compress_adjoint, grad, control, z, gain, curve, grad_control, grad_z)
        return grad_control, grad_z, None


class _Adaptation(Function):
    @staticmethod
    def forward(ctx: Any, compressed: Tensor, *rest: Any) -> Tensor:
        out = _zeros(compressed)
        _call(haircells.adapt, compressed, *rest, out)
        lags, delays, threshold = rest[:3]
        ctx.save_for_backward(compressed, lags, delays, threshold, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        compressed, lags, delays, threshold, out = ctx.saved_tensors
        grad_compressed = _zeros(compressed)
        _call(
            haircells.adapt_adjoint,
            *(grad, compressed, out, lags, delays, threshold),
            grad_compressed,
        )
        return grad_compressed, None, None, None, None, None


class _Covariance(Function):
    @staticmethod
    def forward(ctx: Any, reference: Tensor, processed: Tensor) -> tuple[Tensor, Tensor]:
        groups, samples, lanes = processed.shape
        shape = (groups, p.segments(samples, p.COVARIANCE_WINDOW), lanes)
        value, power, lag, slope, decay = torch.empty(5, *shape, dtype=torch.float64)
        _call(
            covariances.covariance,
            *(reference, processed, _WINDOW, *p.covariance_norms()),
            *(value, power, lag, slope, decay),
        )
        ctx.save_for_backward(reference, processed, lag, slope, decay)
        ctx.mark_non_differentiable(power)
        return value, power

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[None, Tensor]:
        reference, processed, lag, slope, decay = ctx.saved_tensors
        grad_processed = _zeros(processed)
        _call(
            covariances.covariance_adjoint,
            *(grad, reference, processed, _WINDOW, lag, slope, decay),
            grad_processed,
        )
        return None, grad_processed


def gammatone(x: Tensor, bandwidth: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Equal :func:`.stages.gammatone`, by kernels."""
    result: tuple[Tensor, Tensor] = _Gammatone.apply(x, bandwidth, dtype)  # type: ignore[no-untyped-call]
    return result


def compress(control: Tensor, z: Tensor, curve: Tensor) -> Tensor:
    """Equal :func:`.stages.compress`, by kernels."""
    result: Tensor = _Compression.apply(control, z, curve)  # type: ignore[no-untyped-call]
    return result


def adapt(
    compressed: Tensor,
    lags: Tensor,
    delays: Tensor,
    threshold: Tensor,
    noise: Tensor,
    amplitude: float,
) -> Tensor:
    """Equal :func:`.stages.adapt`, by kernels."""
    result: Tensor = _Adaptation.apply(compressed, lags, delays, threshold, noise, amplitude)  # type: ignore[no-untyped-call]
    return result


def covariance(reference: Tensor, processed: Tensor) -> tuple[Tensor, Tensor]:
    """Equal :func:`.stages.covariance`, by kernels."""
    result: tuple[Tensor, Tensor] = _Covariance.apply(reference, processed)  # type: ignore[no-untyped-call]
    return result
