"""The heavy stages of the differentiable HAAQI in plain torch: the readable reference.

They run on any device. Filters are closed forms in the frequency domain, padded until what wraps
around has decayed, and autograd does the rest. The stages in :mod:`.compiled`, for the CPU, have
the same signatures and must equal these.

Arrays of channels are ``(groups, samples, 8)`` and what is given for each channel
``(groups, 8)``; real and imaginary parts, or envelope and motion of the basilar membrane, are in
front. A stage works on one group after another, and forgets what is inside until the gradient asks
for it, so that a graph holds little more than the stages' results.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from bench.hearing.haaqi import index
from bench.hearing.haaqi import parameters as p
from bench.hearing.simd.vector import LANES

DB_PER_OCTAVE: Final = 20.0 * math.log10(2.0)
HOP: Final = p.COVARIANCE_WINDOW // 2
_GAMMATONE_TAIL: Final = 4096
_LOWPASS_TAIL: Final = 512
_ADAPTATION_TAIL: Final = 2 * p.SAMPLE_RATE
"""Samples in which each filter's response decays below float32's resolution."""


def grouped(channels: ArrayLike) -> Tensor:
    """Reshape ``(channels,)`` to ``(groups, 8)``.

    Example:
        >>> grouped(p.centre_frequencies()).shape
        torch.Size([4, 8])
    """
    return torch.as_tensor(channels).reshape(-1, LANES)


def fast_length(samples: int) -> int:
    """Find a length from `samples` on that has small prime factors and is even.

    Example:
        >>> fast_length(24_001)  # 3 * 2**13
        24576
    """
    best = 1 << (samples - 1).bit_length()
    for odd in (3, 5, 9, 15, 25, 27, 45, 75, 125):
        rest = -(-samples // odd)
        best = min(best, odd * max(2, 1 << (rest - 1).bit_length()))
    return best


def recursive_filter(x: Tensor, b: ArrayLike, a: ArrayLike, tail: int) -> Tensor:
    """Filter `x` along its first dimension by the rational response b / a, from silence.

    Args:
        x: ``(samples, n)``.
        b, a: coefficients by rising delay.
        tail: samples in which the response decays.
    """
    length = fast_length(len(x) + tail)

    def spectrum(coefficients: ArrayLike) -> Tensor:
        taps = torch.as_tensor(coefficients, dtype=torch.float64, device=x.device)
        transformed: Tensor = torch.fft.rfft(taps, length)
        return transformed[:, None]

    transformed = torch.fft.rfft(x, length, dim=0)
    response = (spectrum(b) / spectrum(a)).to(transformed.dtype)
    filtered: Tensor = torch.fft.irfft(transformed * response, length, dim=0)[: len(x)]
    return filtered


def _by_group(stage: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Run a stage on each group of channels, given each argument's parts by group."""
    return [
        checkpoint(stage, *parts, use_reentrant=False, preserve_rng_state=False)
        for parts in zip(*arguments, strict=True)
    ]


def gammatone(x: Tensor, bandwidth: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Compute the gammatone filters' analytic output, whose modulus is the envelope.

    Its real part is the motion of the basilar membrane.

    Args:
        x: ``(samples,)``, float64.
        bandwidth: relative bandwidths ``(groups, 8)``, float64.
        dtype: of the output.

    Returns:
        Real and imaginary parts ``(2, groups, samples, 8)``, and the envelopes' mean squares
        ``(groups, 8)``, float64.
    """
    erb = grouped(p.erb()).to(x.device)
    turns = grouped(p.centre_frequencies() / p.SAMPLE_RATE).to(x.device)

    def group(bandwidth: Tensor, erb: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
        length = fast_length(len(x) + _GAMMATONE_TAIL)
        radius = torch.exp(-bandwidth * erb * (2 * math.pi * 1.019 / p.SAMPLE_RATE))
        gain = p.gammatone_gains(radius)
        bins = torch.arange(length, dtype=torch.float64, device=x.device) / length
        pole = radius * torch.exp(-2j * math.pi * (bins[:, None] - turns))
        response = gain * ((1 + 2 * pole) / (1 - pole) ** 2) ** 2
        spectrum = torch.fft.fft(x, length)[:, None] * response
        spectrum = spectrum.to(torch.complex128 if dtype == torch.float64 else torch.complex64)
        output = torch.fft.ifft(spectrum, dim=0)[: len(x)]
        z = torch.stack((output.real, output.imag))
        return z, z.square().sum(0).mean(0).double()

    z, power = zip(*_by_group(group, bandwidth, erb, turns), strict=True)
    return torch.stack(z, 1), torch.stack(power)


def compress(control: Tensor, z: Tensor, curve: Tensor) -> Tensor:
    """Apply the outer hair cells' compression to envelope and motion: a low-passed gain.

    Args:
        control, z: outputs of :func:`gammatone`.
        curve: ``(4, groups, 8)``: offset, slope, low and high; before the low-pass the gain is
            ``2 ** (offset - slope * log2(power))`` where log2 of the control power is clipped to
            ``low ... high``.

    Returns:
        ``(2, groups, samples, 8)``: envelope and motion.
    """

    def group(control: Tensor, z: Tensor, curve: Tensor) -> Tensor:
        offset, slope, low, high = curve
        level = control.square().sum(0).clamp(min=torch.finfo(z.dtype).tiny).log2()
        raw = torch.exp2(offset - slope * level.clamp(low, high))
        gain = recursive_filter(raw, *p.compression_lowpass(), _LOWPASS_TAIL)
        power = z.square().sum(0)
        audible = power > 0
        envelope = torch.where(audible, torch.where(audible, power, 1).sqrt(), 0)
        return torch.stack((gain * envelope, gain * z[0]))

    parts = control.unbind(1), z.unbind(1), curve.to(z.dtype).unbind(1)
    return torch.stack(_by_group(group, *parts), 1)


def _later(x: Tensor, lags: Tensor) -> Tensor:
    """Read every channel of ``(samples, 8)`` `lags` samples later in `x`, zeros beyond its ends."""
    index = torch.arange(len(x), device=x.device)[:, None] + lags
    inside = (index >= 0) & (index < len(x))
    return torch.where(inside, x.gather(0, index.clamp(0, len(x) - 1)), 0)


def adapt(
    compressed: Tensor,
    lags: Tensor,
    delays: Tensor,
    threshold: Tensor,
    noise: Tensor,
    amplitude: float,
) -> Tensor:
    """Apply the inner hair cells: envelope in dB SL with adaptation, motion of that envelope.

    Args:
        compressed: envelope and motion ``(2, groups, samples, 8)``.
        lags: samples by which each is late, ``(2, groups, 8)``.
        delays: samples by which the results are delayed, ``(groups, 8)``.
        threshold: log2 of the envelope at 0 dB SL, ``(groups, 8)``.
        noise: standard normal numbers ``(groups, rows, 8)``, used over and over, scaled by
            `amplitude` and added to the motion.

    Returns:
        ``(2, groups, samples, 8)``. Where the envelope is exactly 0 the gradient of the motion is
        taken as 0.
    """
    b1, a11, a12, b2, a21, a22 = p.adaptation()
    a = (1.0, -(a11 + a22), a11 * a22 - a12 * a21)
    voltage = (b1, a12 * b2 - a22 * b1, 0.0)
    b = [p.OVERSHOOT * (whole - part) for whole, part in zip(a, voltage, strict=True)]

    def group(
        compressed: Tensor, lags: Tensor, delays: Tensor, threshold: Tensor, noise: Tensor
    ) -> Tensor:
        envelope, motion = _later(compressed[0], lags[0]), _later(compressed[1], lags[1])
        audible = envelope > p.SMALL
        safe = torch.where(audible, envelope, 1)
        level = torch.where(audible, DB_PER_OCTAVE * (safe.log2() - threshold), 0).clamp(min=0)
        adapted = recursive_filter(level, b, a, _ADAPTATION_TAIL)
        # Adaptation never raises 0 dB SL; the transform's rounding would.
        adapted = torch.where(level > 0, adapted.clamp(min=0), 0)
        motion = torch.where(audible, adapted * motion / safe, motion.detach())
        rows = torch.arange(len(motion), device=motion.device) % len(noise)
        motion = motion + amplitude * noise[rows]
        return torch.stack((_later(adapted, -delays), _later(motion, -delays)))

    constants = delays, threshold.to(compressed.dtype), noise
    parts = _by_group(group, compressed.unbind(1), lags.unbind(1), *constants)
    return torch.stack(parts, 1)


def _windowed(x: Tensor) -> Tensor:
    """Cut windowed segments and take their means off, ``(segments, 8, 2 * HOP)``.

    The first and the last are half windows; the other half stays 0.
    """
    segments = p.segments(len(x), p.COVARIANCE_WINDOW)
    window = torch.hann_window(2 * HOP, periodic=False, dtype=x.dtype, device=x.device)
    blocks = x[: segments * HOP].unfold(0, HOP, HOP)
    rise = functional.pad(blocks[1:] * window[:HOP], (0, 0, 0, 0, 1, 0))
    fall = torch.cat((blocks[:1], blocks[2:])) * window[HOP:]
    both = torch.cat((rise, functional.pad(fall, (0, 0, 0, 0, 0, 1))), -1)
    inside = torch.ones(segments, 1, 2 * HOP, dtype=x.dtype, device=x.device)
    inside[0, :, :HOP] = inside[-1, :, HOP:] = 0
    return (both - both.sum(-1, keepdim=True) / inside.sum(-1, keepdim=True)) * inside


def covariance(reference: Tensor, processed: Tensor) -> tuple[Tensor, Tensor]:
    """Find the greatest normalised covariance of each segment over lags of up to 1 ms.

    Args:
        reference, processed: motion ``(groups, samples, 8)``.

    Returns:
        Covariances in 0 ... 1 and the reference's mean squares, both ``(groups, segments, 8)``,
        float64.
    """
    kind = torch.zeros(p.segments(processed.shape[1], p.COVARIANCE_WINDOW), dtype=torch.int64)
    kind[0] = kind[-1] = 1
    weights, scale = (
        torch.from_numpy(norm)[kind].to(processed.device) for norm in p.covariance_norms()
    )

    def group(reference: Tensor, processed: Tensor) -> tuple[Tensor, Tensor]:
        x, y = _windowed(reference), _windowed(processed)
        length = 4 * HOP
        spectrum = torch.fft.rfft(x, length) * torch.fft.rfft(y, length).conj()
        lags = torch.arange(-p.COVARIANCE_LAG, p.COVARIANCE_LAG + 1, device=x.device)
        sums = torch.fft.irfft(spectrum, length)[..., lags % length]
        best = (sums * weights[:, None].to(sums.dtype)).abs().amax(-1).double()
        x_power, y_power = (part.square().sum(-1).double() * scale[:, None] for part in (x, y))
        return index.normalised_covariance(best, x_power, y_power), x_power

    values, powers = zip(*_by_group(group, reference, processed), strict=True)
    return torch.stack(values), torch.stack(powers)
