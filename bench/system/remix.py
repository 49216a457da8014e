"""Gains, sum and loudness match: the remix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor

from bench.hearing.loudness import SILENCE, integrated_loudness, match_loudness
from bench.runtime.memory import empty


def scale_stems(stems: Tensor, gains: Tensor) -> Tensor:
    """Stems ``(B, 4, 2, N)`` changed by gains in dB, ``(B, 4)`` or per ear ``(B, 2, 4)``."""
    factors = 10.0 ** (gains.to(stems.dtype) / 20.0)
    if factors.ndim == 2:
        return stems * factors[:, :, None, None]
    return stems * factors.transpose(1, 2)[:, :, :, None]


def remix(stems: Tensor, mixture: Tensor, sample_rate: int) -> Tensor:
    """The sum of scaled stems ``(B, 4, 2, N)``, brought to the mixture's loudness: ``(B, 2, N)``.

    Source: the challenge's ``remix_stems``; a loudness of minus infinity counts as -80 LUFS.
    """
    return match_loudness(stems.sum(dim=1), mixture, sample_rate)


def mix(stems: Tensor, gains: Tensor, loudness: float, sample_rate: int) -> Tensor:
    """Stems changed by gains, summed and brought to a loudness: float64 ``(2, N)``.

    What :func:`scale_stems` and :func:`remix` do in training, without a second copy of the stems.

    Args:
        stems: ``(4, 2, N)``.
        gains: dB, ``(4,)``, or ``(2, 4)`` per ear.
        loudness: LUFS.
        sample_rate: Hz.
    """
    factors = 10.0 ** (gains.double() / 20.0)
    factors = factors[:, None, None] if factors.ndim == 1 else factors.T[:, :, None]
    total = empty(tuple(stems.shape[1:]), torch.float64)
    for block in _blocks(stems.shape[-1]):
        total[:, block] = (stems[..., block].double() * factors).sum(dim=0)
    change = loudness - _level(total, sample_rate)
    for block in _blocks(stems.shape[-1]):
        total[:, block] *= 10.0 ** (change / 20.0)
    return total


def _blocks(samples: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, samples, _BLOCK))


def _level(signal: Tensor, sample_rate: int) -> float:
    """Integrated loudness, LUFS; minus infinity counts as -80."""
    level = float(integrated_loudness(signal.numpy(), sample_rate))
    return SILENCE if np.isneginf(level) else level


_BLOCK: Final = 1 << 19
"""Samples that are mixed at a time."""
