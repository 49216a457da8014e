"""Gains, sum and loudness match: the remix, after the challenge's ``remix_stems``.

One definition in three forms, since they differ in what must fit into memory: :func:`scale_stems`
and :func:`remix` for a batch of excerpts, with a gradient; :func:`mix` for a scene, without a
second copy of its stems; and :mod:`bench.system.song`, which adds up the sections of a song by
:func:`scale_stems` and :func:`loudness_factor`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bench.hearing.loudness import finite_loudness, match_loudness
from bench.runtime.memory import empty


def scale_stems(stems: Tensor, gains: Tensor) -> Tensor:
    """Stems ``(B, 4, 2, N)`` changed by gains in dB, ``(B, 4)`` or per ear ``(B, 2, 4)``.

    Example:
        >>> stems = torch.ones(1, 4, 2, 3)
        >>> scale_stems(stems, torch.tensor([[20.0, 0.0, 0.0, -20.0]]))[0, :, 0, 0].tolist()
        [10.0, 1.0, 1.0, 0.10000000149011612]
    """
    factors = 10.0 ** (gains.to(stems.dtype) / 20.0)
    if factors.ndim == 2:
        return stems * factors[:, :, None, None]
    return stems * factors.transpose(1, 2)[:, :, :, None]


def remix(stems: Tensor, mixture: Tensor, sample_rate: int) -> Tensor:
    """The sum of scaled stems ``(B, 4, 2, N)``, brought to the mixture's loudness: ``(B, 2, N)``.

    Differentiable. Silence counts as -80 LUFS.
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
    factor = loudness_factor(total, loudness, sample_rate)
    for block in _blocks(stems.shape[-1]):
        total[:, block] *= factor
    return total


def loudness_factor(signal: ArrayLike, loudness: float, sample_rate: int) -> float:
    """The factor that brings a signal ``(2, N)`` to a loudness in LUFS; silence counts as -80.

    Example:
        >>> quiet = torch.zeros(2, 44_100)  # counts as -80 LUFS
        >>> loudness_factor(quiet, -60.0, 44_100)
        10.0
    """
    return float(10.0 ** ((loudness - finite_loudness(signal, sample_rate)) / 20.0))


def _blocks(samples: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, samples, _BLOCK))


_BLOCK: Final = 1 << 19
"""Samples that are mixed at a time."""
