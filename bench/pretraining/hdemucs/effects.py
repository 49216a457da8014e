"""What recordings and studios do to a stem, drawn at random: on any device, a batch at a time.

Speed and pitch, equalisation, rooms, compression, saturation, doubling, width. A separator that has
heard each instrument through many of these is less bound to how it was synthesised. Signals are
``(B, S, 2, N)`` at 44.1 kHz; each effect is drawn for each stem of each example, and the level of a
stem (root of its mean square) is what it was before.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bench.api import SAMPLE_RATE

SPEED = 1.3
"""How much faster a stem is played at most; so much longer must be what is read."""
_KNOTS = np.geomspace(40.0, 18_000.0, 10)
"""Hz at which an equaliser's gain is drawn."""


def _rms(signal: Tensor) -> Tensor:
    return signal.square().mean((-2, -1), keepdim=True).sqrt() + 1e-7


def _column(values: NDArray[np.floating[Any]], like: Tensor) -> Tensor:
    """``(B, S)`` values as ``(B, S, 1, 1)`` on the device of `like`."""
    return torch.as_tensor(values, dtype=torch.float32, device=like.device)[..., None, None]


def played(signal: Tensor, rate: NDArray[np.float64], frames: int) -> Tensor:
    """The first `frames` samples of a signal played `rate` ``(B, S)`` times as fast."""
    at = torch.arange(frames, device=signal.device) * _column(rate, signal)[..., 0]
    return _read(signal, at)


def _read(signal: Tensor, at: Tensor) -> Tensor:
    """The signal between its samples, at the positions ``(B, S, N)``, linearly interpolated."""
    at = at.clamp(0, signal.shape[-1] - 2)
    first = at.floor().long()
    share = (at - first)[:, :, None]
    index = first[:, :, None].expand(*signal.shape[:3], -1)
    early, late = signal.gather(-1, index), signal.gather(-1, index + 1)
    return early + share * (late - early)


def doubled(signal: Tensor, rng: np.random.Generator, chosen: NDArray[np.bool_]) -> Tensor:
    """Add a delayed twin whose pitch wavers: a chorus, a double."""
    shape, frames = chosen.shape, signal.shape[-1]
    depth = _column(rng.uniform(0.0, 0.003, shape) * SAMPLE_RATE, signal)[..., 0]
    delay = _column(rng.uniform(0.005, 0.03, shape) * SAMPLE_RATE, signal)[..., 0]
    rate = _column(2 * np.pi * rng.uniform(0.2, 3.0, shape) / SAMPLE_RATE, signal)[..., 0]
    time = torch.arange(frames, device=signal.device, dtype=torch.float32)
    twin = _read(signal, time - delay - depth * (1 + torch.sin(rate * time)))
    return signal + _column(chosen * rng.uniform(0.2, 1.0, shape), signal) * twin


def _curve(knots: NDArray[np.float64], bins: int, like: Tensor) -> Tensor:
    """Gains in dB at the knots ``(B, S, K)``, as factors of an rfft's bins ``(B, S, 1, bins)``."""
    hz = np.linspace(0.0, SAMPLE_RATE / 2, bins)
    place = np.interp(np.log(np.maximum(hz, 1.0)), np.log(_KNOTS), np.arange(len(_KNOTS)))
    at = torch.as_tensor(place, dtype=torch.float32, device=like.device)
    first = at.floor().long().clamp(max=len(_KNOTS) - 2)
    gains = torch.as_tensor(knots, dtype=torch.float32, device=like.device)
    share = at - first
    decibels = gains[..., first] * (1 - share) + gains[..., first + 1] * share
    return torch.pow(10.0, decibels / 20.0)[:, :, None]


def coloured(signal: Tensor, rng: np.random.Generator, chosen: NDArray[np.bool_]) -> Tensor:
    """Equalise, and put in a room, in one pass of Fourier's transform."""
    shape, frames = chosen.shape, signal.shape[-1]
    knots = rng.normal(0.0, 4.5, (*shape, len(_KNOTS)))
    knots += rng.normal(0.0, 3.0, shape)[..., None] * np.linspace(-1, 1, len(_KNOTS))
    dull = rng.random(shape) < 0.12
    knots[..., -3:] -= (dull * rng.uniform(6.0, 30.0, shape))[..., None] * np.array([0.4, 0.8, 1])
    thin = rng.random(shape) < 0.08
    knots[..., :3] -= (thin * rng.uniform(6.0, 25.0, shape))[..., None] * np.array([1, 0.8, 0.4])
    knots *= chosen[..., None]
    echo = int(1.2 * SAMPLE_RATE)
    size = 1 << (frames + echo - 1).bit_length()
    source = torch.Generator(signal.device).manual_seed(int(rng.integers(1 << 62)))
    tail = torch.randn(*shape, 2, echo, generator=source, device=signal.device)
    fall = _column(-6.9 / np.exp(rng.uniform(np.log(0.1), np.log(1.5), shape)), signal)
    time = torch.arange(echo, device=signal.device) / SAMPLE_RATE
    begin = _column(rng.uniform(0.0, 0.03, shape), signal)
    tail = tail * torch.exp(fall * time) * (time > begin)
    tail = tail / (tail.square().sum(-1, keepdim=True).sqrt() + 1e-7)
    wet = _column((rng.random(shape) < 0.4) * rng.uniform(0.0, 0.6, shape), signal)
    dark = np.zeros((*shape, len(_KNOTS)))
    dark -= rng.uniform(0.0, 14.0, shape)[..., None] * np.linspace(0, 1, len(_KNOTS)) ** 2
    bins = size // 2 + 1
    room = 1.0 + wet * torch.fft.rfft(tail, size) * _curve(dark, bins, signal)
    spectrum = torch.fft.rfft(signal, size) * room * _curve(knots, bins, signal)
    out: Tensor = torch.fft.irfft(spectrum, size)[..., :frames]
    return out


def compressed(signal: Tensor, rng: np.random.Generator, chosen: NDArray[np.bool_]) -> Tensor:
    """Bring loud and soft passages nearer: the envelope to the power of a ratio."""
    width = int(2.0 ** rng.integers(9, 13)) + 1
    power = signal.square().mean(2).clamp_min(0.0)
    smooth = functional.avg_pool1d(power, width, 1, width // 2, count_include_pad=False)
    level = (smooth + 0.02 * smooth.mean(-1, keepdim=True) + 1e-9).sqrt()[:, :, None]
    ratio = _column(chosen * rng.uniform(0.1, 0.7, chosen.shape), signal)
    return signal * level.pow(-ratio)


def saturated(signal: Tensor, rng: np.random.Generator, chosen: NDArray[np.bool_]) -> Tensor:
    """Tape, valves, distortion: what lies above a drawn level is bent."""
    drive = _column(np.exp(rng.uniform(np.log(0.1), np.log(2.0), chosen.shape)), signal)
    scaled = signal / _rms(signal)
    bent = torch.tanh(drive * scaled) / drive
    return torch.where(_column(chosen * 1.0, signal) > 0, bent, scaled)


def widened(signal: Tensor, rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    """Narrow or widen the stage, and swap its sides now and then."""
    width = _column(np.where(rng.random(shape) < 0.5, rng.uniform(0.3, 1.4, shape), 1.0), signal)
    middle, side = signal.mean(2, keepdim=True), (signal[:, :, :1] - signal[:, :, 1:]) / 2
    side = side * width
    return torch.cat([middle + side, middle - side], dim=2)


def vary(signal: Tensor, rng: np.random.Generator, frames: int, strength: float = 1.0) -> Tensor:
    """A batch of stems through effects drawn at random.

    Args:
        signal: ``(B, S, 2, N)``, N at least `SPEED` times `frames`.
        rng: what draws.
        frames: samples wanted.
        strength: 0 to 1, how likely each effect is, 1 being as in the training.

    Returns:
        ``(B, S, 2, frames)``, each stem at its level.
    """
    batch, stems = signal.shape[:2]
    shape = (batch, stems)

    def chosen(probability: float) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = rng.random(shape) < strength * probability
        return found

    span = math.log(SPEED)
    together = np.repeat(rng.uniform(-span, span, (batch, 1)), stems, axis=1)
    apart = np.where(rng.random((batch, 1)) < 0.5, together, rng.uniform(-span, span, shape))
    out = played(signal, np.exp(apart * chosen(0.6)), frames)
    level = _rms(out)
    out = doubled(out, rng, chosen(0.12))
    out = saturated(out, rng, chosen(0.25))
    out = coloured(out, rng, chosen(0.8))
    out = compressed(out, rng, chosen(0.35))
    out = widened(out, rng, shape)
    return out / _rms(out) * level
