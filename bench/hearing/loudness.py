"""Integrated loudness by ITU-R BS.1770-4, exact and fast, and differentiable in torch.

The numbers are pyloudnorm's: its K-weighting coefficients, its rounding of block borders and its
gates, so that a level agrees with ``pyloudnorm.Meter(rate).integrated_loudness`` to rounding error
(pyloudnorm's K-weighting reads 0.04 LU under the ITU's reference tone, within the 0.1 LU that EBU
Tech 3341 allows a meter). Signals are ``(..., channels, samples)``, with one or two channels of
weight 1.

The signal goes through the two biquads once, and only the energy between two neighbouring block
borders is kept; a 400 ms block is a sum of such segments. The gates are constants to the gradient.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyloudnorm
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from bench.errors import BenchError
from bench.hearing.simd.kernel import kernel

SILENCE: Final = -80.0
"""LUFS that a signal without any block above the gate counts as, by the official protocol."""

_BLOCK: Final = 0.4
_STEP: Final = 0.25
_ABSOLUTE_GATE: Final = -70.0
_RELATIVE_GATE: Final = -10.0
_OFFSET: Final = -0.691
# The impulse response of the 38 Hz high-pass falls by 2 pi 38 nepers a second: by 1e-26 in 0.25 s.
_RESPONSE_SECONDS: Final = 0.25

Array = npt.NDArray[np.float64]


def integrated_loudness(signal: npt.ArrayLike, sample_rate: int) -> Array:
    """Measure the integrated loudness of one signal or of a batch.

    Args:
        signal: ``(..., channels, samples)``, one or two channels.
        sample_rate: Hz.

    Returns:
        LUFS, ``(...,)``; -inf where no block is above -70 LUFS.

    Raises:
        BenchError: shorter than 0.4 s.

    Example:
        >>> seconds = np.arange(48000) / 48000
        >>> bool(abs(integrated_loudness([np.sin(2 * np.pi * 997 * seconds)], 48000) + 3.01) < 0.1)
        True
    """
    samples = np.asarray(signal)
    if samples.dtype != np.float32:
        samples = samples.astype(np.float64, copy=False)
    blocks = _blocks(samples.shape[-1], sample_rate)
    rows = np.ascontiguousarray(samples.reshape(-1, samples.shape[-1]))
    segments = np.empty((len(rows), len(blocks.edges) - 1))
    _segment_energies(rows, _k_weighting(sample_rate), blocks.edges, segments, rows[:, :0])
    # At even places reduceat sums from a block's first segment to its last.
    sums = np.add.reduceat(
        np.pad(segments, ((0, 0), (0, 1))), np.stack([blocks.first, blocks.last], 1).ravel(), axis=1
    )[:, ::2]
    energies = (sums * blocks.scale).reshape(*samples.shape[:-1], -1).sum(axis=-2)
    gated = _gate(energies)
    mean = np.where(gated, energies, 0.0).sum(axis=-1) / np.maximum(gated.sum(axis=-1), 1)
    return _to_lufs(mean)


def finite_loudness(signal: npt.ArrayLike, sample_rate: int) -> float:
    """Integrated loudness of one signal ``(channels, samples)``, LUFS; silence counts as -80.

    Raises:
        BenchError: shorter than 0.4 s.

    Example:
        >>> finite_loudness(np.zeros((2, 48000)), 48000)
        -80.0
    """
    level = float(integrated_loudness(signal, sample_rate))
    return SILENCE if np.isneginf(level) else level


def differentiable_loudness(signal: Tensor, sample_rate: int, silence: float = SILENCE) -> Tensor:
    """Measure integrated loudness, differentiable in the signal.

    Args:
        signal: ``(..., channels, samples)``, one or two channels.
        sample_rate: Hz.
        silence: LUFS of a signal without any block above -70 LUFS; its gradient is zero.

    Returns:
        LUFS, ``(...,)``, always finite for a finite signal, in the signal's type.

    Raises:
        BenchError: shorter than 0.4 s.

    Example:
        >>> noise = torch.randn(1, 8000, generator=torch.Generator().manual_seed(1)) / 10
        >>> levels = [differentiable_loudness(gain * noise, 8000) for gain in (1, 2)]
        >>> round((levels[1] - levels[0]).item(), 2)  # twice the amplitude
        6.02
        >>> differentiable_loudness(torch.zeros(1, 8000), 8000).item()  # silence
        -80.0
    """
    blocks = _blocks(signal.shape[-1], sample_rate)
    if signal.device.type == "cpu":
        segments: Tensor = _SegmentEnergies.apply(signal, sample_rate)  # type: ignore[no-untyped-call]
    else:
        segments = _segment_energies_by_fft(signal, sample_rate)
    running = torch.nn.functional.pad(segments.sum(dim=-2).cumsum(dim=-1), (1, 0))
    first, last = (torch.from_numpy(i).to(signal.device) for i in (blocks.first, blocks.last))
    energies = (running[..., last] - running[..., first]) * blocks.scale
    gated = torch.from_numpy(_gate(energies.detach().cpu().numpy())).to(signal.device)
    sounds = gated.any(dim=-1)
    mean = (energies * gated).sum(dim=-1) / gated.sum(dim=-1).clamp(min=1)
    # The inner `where` keeps the logarithm's infinite slope at silence out of the gradient.
    level = _OFFSET + 10 * torch.log10(torch.where(sounds, mean, 1.0))
    return torch.where(sounds, level, silence).to(signal.dtype)


def match_loudness(signal: Tensor, target: Tensor, sample_rate: int) -> Tensor:
    """Bring a signal to the integrated loudness of another, as the official recipe does.

    A level of -inf counts as -80 LUFS on either side. Differentiable in both.

    Args:
        signal: ``(..., 2, N)``.
        target: ``(..., 2, M)``, with the same leading dimensions or ones that broadcast.
        sample_rate: Hz.

    Returns:
        `signal` times one gain for each pair, in its own type.

    Raises:
        BenchError: shorter than 0.4 s.

    Example:
        >>> noise = torch.randn(2, 8000, generator=torch.Generator().manual_seed(1))
        >>> matched = match_loudness(noise, 0.25 * noise, 8000)
        >>> torch.allclose(matched, 0.25 * noise, rtol=1e-4)
        True
    """
    change = differentiable_loudness(target, sample_rate).to(signal.dtype)
    change = change - differentiable_loudness(signal, sample_rate)
    return signal * torch.pow(10.0, change / 20)[..., None, None]


class _Blocks(NamedTuple):
    """Gating blocks: block j is the segments first[j] up to (not with) last[j] of `edges`."""

    edges: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    scale: float


@lru_cache(maxsize=32)
def _blocks(samples: int, sample_rate: int) -> _Blocks:
    """Cut blocks where pyloudnorm does, down to the order of its floating-point operations."""
    if samples < _BLOCK * sample_rate:
        raise BenchError(
            f"{samples / sample_rate:.3f} s is too short for integrated loudness",
            where="loudness",
            hint="BS.1770 gates blocks of 0.4 s: give at least that much audio.",
        )
    count = int(np.round((samples / sample_rate - _BLOCK) / (_BLOCK * _STEP)) + 1)
    starts = [int(_BLOCK * (j * _STEP) * sample_rate) for j in range(count)]
    stops = [min(int(_BLOCK * (j * _STEP + 1) * sample_rate), samples) for j in range(count)]
    edges = np.unique(np.array([0, *starts, *stops], dtype=np.int64))
    return _Blocks(
        edges,
        np.searchsorted(edges, starts),
        np.searchsorted(edges, stops),
        1.0 / (_BLOCK * sample_rate),
    )


@lru_cache(maxsize=8)
def _k_weighting(sample_rate: int) -> Array:
    """Compute the high shelf and the high-pass, each a row b0, b1, b2, a1, a2."""
    shelf = pyloudnorm.IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, sample_rate, "high_shelf")
    high_pass = pyloudnorm.IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass")
    return np.stack([np.concatenate([stage.b, stage.a[1:]]) for stage in (shelf, high_pass)])


def _to_lufs(energies: Array) -> Array:
    with np.errstate(divide="ignore"):
        return _OFFSET + 10 * np.log10(energies)


def _gate(energies: Array) -> npt.NDArray[np.bool_]:
    """Find the blocks that count: over -70 LUFS, and over the mean of those minus 10 LU."""
    level = _to_lufs(energies)
    loud = level >= _ABSOLUTE_GATE
    mean = np.where(loud, energies, 0.0).sum(axis=-1) / np.maximum(loud.sum(axis=-1), 1)
    threshold = _to_lufs(mean)[..., None] + _RELATIVE_GATE
    gated: npt.NDArray[np.bool_] = (level > _ABSOLUTE_GATE) & (level > threshold)
    return gated


@kernel
def _flush(state: float) -> float:
    """Set a state that has died away to zero: denormal numbers cost a hundred times as much."""
    return 0.0 if abs(state) < 1e-30 else state


@kernel
def _segment_energies(rows: Any, sos: Any, edges: Any, energies: Any, weighted: Any) -> None:
    """Sum the energy of each K-weighted row between neighbouring edges.

    Two rows at a time, as one recursion alone leaves the processor waiting for itself. The
    K-weighted rows go to `weighted` where it has room for them.
    """
    b0, b1, b2, a1, a2 = sos[0]
    d0, d1, d2, c1, c2 = sos[1]
    keep = weighted.shape[1] > 0
    for first in range(0, len(rows), 2):
        second = min(first + 1, len(rows) - 1)
        p1 = p2 = q1 = q2 = 0.0
        r1 = r2 = s1 = s2 = 0.0
        for segment in range(len(edges) - 1):
            sum_first = sum_second = 0.0
            for n in range(edges[segment], edges[segment + 1]):
                x = rows[first, n]
                y = b0 * x + p1
                p1 = b1 * x - a1 * y + p2
                p2 = b2 * x - a2 * y
                z = d0 * y + q1
                q1 = d1 * y - c1 * z + q2
                q2 = d2 * y - c2 * z
                sum_first += z * z
                u = rows[second, n]
                v = b0 * u + r1
                r1 = b1 * u - a1 * v + r2
                r2 = b2 * u - a2 * v
                w = d0 * v + s1
                s1 = d1 * v - c1 * w + s2
                s2 = d2 * v - c2 * w
                sum_second += w * w
                if keep:
                    weighted[first, n] = z
                    weighted[second, n] = w
            energies[first, segment] = sum_first
            energies[second, segment] = sum_second
            p1, p2, q1, q2 = _flush(p1), _flush(p2), _flush(q1), _flush(q2)
            r1, r2, s1, s2 = _flush(r1), _flush(r2), _flush(s1), _flush(s2)


@kernel
def _segment_gradients(weighted: Any, sos: Any, edges: Any, upstream: Any, gradient: Any) -> None:
    """Compute the energies' gradient: 2 x weighted x upstream, filtered backwards in time."""
    b0, b1, b2, a1, a2 = sos[0]
    d0, d1, d2, c1, c2 = sos[1]
    for row in range(len(weighted)):
        p1 = p2 = q1 = q2 = 0.0
        for segment in range(len(edges) - 2, -1, -1):
            slope = 2.0 * upstream[row, segment]
            for n in range(edges[segment + 1] - 1, edges[segment] - 1, -1):
                x = slope * weighted[row, n]
                y = b0 * x + p1
                p1 = b1 * x - a1 * y + p2
                p2 = b2 * x - a2 * y
                z = d0 * y + q1
                q1 = d1 * y - c1 * z + q2
                q2 = d2 * y - c2 * z
                gradient[row, n] = z
            p1, p2, q1, q2 = _flush(p1), _flush(p2), _flush(q1), _flush(q2)


class _SegmentEnergies(torch.autograd.Function):
    """K-weighted energies ``(..., segments)``, float64, of a signal ``(..., samples)`` on a CPU."""

    @staticmethod
    def forward(ctx: Any, signal: Tensor, sample_rate: int) -> Tensor:
        blocks, sos = _blocks(signal.shape[-1], sample_rate), _k_weighting(sample_rate)
        rows = signal.detach().reshape(-1, signal.shape[-1]).contiguous()
        energies = torch.empty(len(rows), len(blocks.edges) - 1, dtype=torch.float64)
        weighted = torch.empty_like(rows) if ctx.needs_input_grad[0] else rows[:, :0]
        _segment_energies(rows.numpy(), sos, blocks.edges, energies.numpy(), weighted.numpy())
        ctx.save_for_backward(weighted)
        ctx.sample_rate, ctx.shape = sample_rate, signal.shape
        return energies.reshape(*signal.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (weighted,) = ctx.saved_tensors
        edges = _blocks(ctx.shape[-1], ctx.sample_rate).edges
        # What follows the last block is measured by none.
        gradient = torch.zeros_like(weighted)
        _segment_gradients(
            weighted.numpy(),
            _k_weighting(ctx.sample_rate),
            edges,
            upstream.reshape(len(weighted), -1).contiguous().numpy(),
            gradient.numpy(),
        )
        return gradient.reshape(ctx.shape), None


def _segment_energies_by_fft(signal: Tensor, sample_rate: int) -> Tensor:
    """Sum K-weighted energies by torch's FFT, for devices on which a recursion is slow."""
    samples = signal.shape[-1]
    size = next_fast_len(samples + int(_RESPONSE_SECONDS * sample_rate), real=True)
    angle = torch.arange(size // 2 + 1, dtype=torch.float64, device=signal.device)
    delay = torch.exp(-2j * torch.pi * angle / size)
    response = torch.ones_like(delay)
    for b0, b1, b2, a1, a2 in _k_weighting(sample_rate).tolist():
        response *= (b0 + delay * (b1 + delay * b2)) / (1 + delay * (a1 + delay * a2))
    spectrum = torch.fft.rfft(signal, n=size)
    weighted = torch.fft.irfft(spectrum * response.to(spectrum.dtype), n=size)[..., :samples]
    running = torch.nn.functional.pad(weighted.double().square().cumsum(dim=-1), (1, 0))
    edges = torch.from_numpy(_blocks(samples, sample_rate).edges).to(signal.device)
    return running[..., edges].diff(dim=-1)
