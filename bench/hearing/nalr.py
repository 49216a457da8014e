"""NAL-R amplification in torch: pyclarity's filters, applied to batches and differentiable.

NAL-R (Byrne and Dillon 1986, Ear and Hearing 7(4), 257-265) prescribes a linear gain for each
frequency from an audiogram. pyclarity designs it as a linear-phase FIR filter of 220 + 1 taps; the
output is 220 samples longer than the input and 110 samples late.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from clarity.enhancer.nalr import NALR
from clarity.utils.audiogram import Audiogram, Listener
from numpy.typing import NDArray
from torch import Tensor

ORDER: Final = 220
"""Order of the filter in the official protocol: a tail of 220 samples, a delay of 110."""
HAAQI_ORDER: Final = 140
"""Order of the filter that HAAQI gives a reference which has had no NAL-R, at 24 kHz."""

Floats = NDArray[np.float64]

_FFT_SIZE: Final = 4096
_WHOLE: Final = 1 << 19
"""Samples that are convolved at once; longer signals take several such parts."""


def nalr_taps(audiogram: Audiogram, sample_rate: int, order: int = ORDER) -> Floats:
    """Design the NAL-R filter of one ear, pyclarity's, float64 ``(order + 1,)``.

    An ear without any loss (no level above 0 dB HL) gets the bare delay.

    Example:
        >>> taps = nalr_taps(Audiogram(levels=np.zeros(8)), 44_100)
        >>> taps.size, taps.nonzero()[0].tolist()
        (221, [110])
    """
    return _design(*_key(audiogram), sample_rate, order)


def nalr_filters(listener: Listener, sample_rate: int) -> Tensor:
    """Design the NAL-R filters of both ears, float64 ``(2, 221)``, left then right.

    Example:
        >>> left, right = Audiogram(levels=np.zeros(8)), Audiogram(levels=np.full(8, 40.0))
        >>> nalr_filters(Listener(left, right), 44_100).shape
        torch.Size([2, 221])
    """
    ears = (listener.audiogram_left, listener.audiogram_right)
    return torch.stack([torch.from_numpy(nalr_taps(ear, sample_rate)) for ear in ears])


def nalr_gains(listener: Listener, frequencies: Sequence[float], sample_rate: int) -> Tensor:
    """Compute the gains of :func:`nalr_filters` at given frequencies.

    Args:
        listener: pyclarity's Listener.
        frequencies: Hz.
        sample_rate: of the filters, Hz.

    Returns:
        dB, float64 ``(2, frequencies)``, left then right.

    Example:
        >>> left, right = Audiogram(levels=np.zeros(8)), Audiogram(levels=np.full(8, 40.0))
        >>> nalr_gains(Listener(left, right), [1000, 4000], 44_100)[1].round(decimals=1).tolist()
        [18.7, 16.4]
    """
    taps = nalr_filters(listener, sample_rate)
    angles = 2.0 * torch.pi * torch.tensor(frequencies, dtype=torch.float64) / sample_rate
    delays = torch.exp(-1j * angles[:, None] * torch.arange(taps.shape[1]))
    response = (delays[None] * taps[:, None]).sum(dim=-1)
    return 20.0 * torch.log10(response.abs())


def amplify(signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
    """Amplify each item for the ears of its listener; differentiable in the signal.

    Args:
        signal: ``(B, 2, N)``, left then right.
        listeners: B pyclarity Listeners.
        sample_rate: Hz.

    Returns:
        ``(B, 2, N + 220)``, in the signal's type.

    Example:
        >>> listener = Listener(*[Audiogram(levels=np.full(8, 40.0))] * 2)
        >>> amplify(torch.zeros(1, 2, 1000), [listener], 44_100).shape
        torch.Size([1, 2, 1220])
    """
    filters = torch.stack([nalr_filters(listener, sample_rate) for listener in listeners])
    return convolve(signal, filters.to(signal))


def convolve(signal: Tensor, filters: Tensor) -> Tensor:
    """Convolve with short filters, block by block through the FFT (overlap-add).

    Of a long signal only a part is in work at a time, unless gradients are recorded; the sums are
    the same to the bit.

    Args:
        signal: ``(..., N)``.
        filters: ``(..., T)``, T well under 4096, with leading dimensions that broadcast.

    Returns:
        ``(..., N + T - 1)``.

    Example:
        >>> convolve(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0, 1.0])).round().tolist()
        [1.0, 2.0, 1.0, 2.0]
    """
    tail = filters.shape[-1] - 1
    length = signal.shape[-1]
    if length <= _WHOLE or (torch.is_grad_enabled() and signal.requires_grad):
        return _overlap_add(signal, filters)
    leading = np.broadcast_shapes(signal.shape[:-1], filters.shape[:-1])
    filtered = signal.new_zeros(*leading, length + tail)
    step = _WHOLE // (_FFT_SIZE - tail) * (_FFT_SIZE - tail)
    for start in range(0, length, step):
        part = _overlap_add(signal[..., start : start + step], filters)
        filtered[..., start : start + part.shape[-1]] += part
    return filtered


def _overlap_add(signal: Tensor, filters: Tensor) -> Tensor:
    tail = filters.shape[-1] - 1
    hop = _FFT_SIZE - tail
    length = signal.shape[-1] + tail
    blocks = -(-length // hop)
    padded = torch.nn.functional.pad(signal, (0, blocks * hop - signal.shape[-1]))
    spectrum = torch.fft.rfft(padded.reshape(*signal.shape[:-1], blocks, hop), n=_FFT_SIZE)
    response = torch.fft.rfft(filters, n=_FFT_SIZE)[..., None, :]
    filtered = torch.fft.irfft(spectrum * response, n=_FFT_SIZE)
    # The end of each block falls on the beginning of the next.
    late = torch.nn.functional.pad(filtered[..., :-1, hop:], (0, hop - tail, 1, 0))
    joined: Tensor = (filtered[..., :hop] + late).flatten(-2)
    return joined[..., :length]


def _key(audiogram: Audiogram) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(map(float, audiogram.levels)), tuple(map(float, audiogram.frequencies))


@lru_cache(maxsize=1024)
def _design(
    levels: tuple[float, ...], frequencies: tuple[float, ...], sample_rate: int, order: int
) -> Floats:
    audiogram = Audiogram(levels=np.array(levels), frequencies=np.array(frequencies))
    taps, _ = NALR(nfir=order, sample_rate=sample_rate).build(audiogram)
    return np.array(taps, dtype=np.float64)
