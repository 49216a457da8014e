"""A graphic equaliser: linear-phase FIR filters from gains in dB at bands, differentiable.

The gain in dB is linear in log frequency between two bands, and constant outside. The filter is the
inverse transform of that response, under a Hann window of 12 ms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.hearing.nalr import convolve

LOWEST: Final = 125.0
"""Hz; the lowest band."""
HIGHEST: Final = 16_000.0
"""Hz; the highest band."""
BANDS: Final = 10
_SECONDS: Final = 0.0116
"""Length of a filter."""


def centres(bands: int = BANDS) -> NDArray[np.float64]:
    """Centres of the bands, Hz: evenly spaced in log frequency from 125 Hz to 16 kHz.

    Example:
        >>> centres(8).round().tolist()
        [125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0]
    """
    return np.geomspace(LOWEST, HIGHEST, bands)


def order(sample_rate: int) -> int:
    """Order of the filters at a sample rate: even, 512 at 44.1 kHz.

    Example:
        >>> order(44_100), order(32_000)
        (512, 372)
    """
    return 2 * round(_SECONDS * sample_rate / 2)


def filters(gains: Tensor, sample_rate: int) -> Tensor:
    """Design filters, differentiable in the gains.

    Args:
        gains: dB, ``(..., bands)``, at :func:`centres`.
        sample_rate: Hz.

    Returns:
        float64 ``(..., order + 1)``, symmetric.

    Example:
        >>> taps = filters(torch.zeros(10), 44_100)
        >>> taps.shape[-1], float(taps[256]), round(float(taps.abs().sum()), 9)
        (513, 1.0, 1.0)
    """
    taps = order(sample_rate)
    shares = torch.from_numpy(_shares(gains.shape[-1], sample_rate)).to(gains.device)
    response = torch.pow(10.0, gains.double() @ shares / 20)
    size = 2 * (response.shape[-1] - 1)
    whole = torch.fft.irfft(response.to(torch.complex128), n=size)
    centred = torch.roll(whole, taps // 2, -1)[..., : taps + 1]
    window = torch.hann_window(taps + 1, periodic=False, dtype=torch.float64, device=gains.device)
    return centred * window


def equalise(signal: Tensor, taps: Tensor) -> Tensor:
    """Filter ``(..., N)`` by symmetric filters ``(..., order + 1)``: neither longer nor later.

    Example:
        >>> signal = torch.randn(2, 1000, dtype=torch.float64)
        >>> bool(torch.allclose(equalise(signal, filters(torch.zeros(2, 10), 44_100)), signal))
        True
    """
    delay = taps.shape[-1] // 2
    return convolve(signal, taps.to(signal))[..., delay : delay + signal.shape[-1]]


def band_levels(signal: Tensor, sample_rate: int, bands: int = BANDS) -> Tensor:
    """Measure long-term levels in the bands of an equaliser.

    Args:
        signal: ``(..., N)``, full scale 1.0.
        sample_rate: Hz.
        bands: how many.

    Returns:
        dB re full scale, float64 ``(..., bands)``, -100 at least: the mean square of the part of
        the signal that each band's gain is the share of.

    Example:
        >>> tone = torch.sin(2 * torch.pi * 1000 * torch.arange(44_100) / 44_100)
        >>> band_levels(tone, 44_100, 8).round().tolist()
        [-46.0, -45.0, -24.0, -3.0, -24.0, -56.0, -65.0, -72.0]
    """
    size = 4 * order(sample_rate)
    hop = size // 2
    length = signal.shape[-1]
    frames = max(1, -(-length // hop))
    padded = torch.nn.functional.pad(signal.double(), (hop, (frames + 1) * hop - length))
    window = torch.hann_window(size, periodic=True, dtype=torch.float64, device=signal.device)
    power: Tensor = 0.0 * signal[..., :1].double()
    for frame in range(frames + 1):
        part = padded[..., frame * hop : frame * hop + size] * window
        power = power + torch.fft.rfft(part).abs().square()
    shares = torch.from_numpy(_shares(bands, sample_rate)).to(signal.device)
    # Squared Hann windows that overlap by half sum to 3/4 on average.
    mean = 2 * (power @ shares.T) / (0.75 * size * max(1, length))
    return 10 * mean.clamp_min(1e-10).log10()


@lru_cache(maxsize=32)
def _shares(bands: int, sample_rate: int) -> NDArray[np.float64]:
    """The share of each band's gain at each frequency of the transform, ``(bands, bins)``."""
    size = 4 * order(sample_rate)
    frequencies = np.log(np.maximum(np.arange(size // 2 + 1) * sample_rate / size, 1.0))
    rows = (np.interp(frequencies, np.log(centres(bands)), row) for row in np.eye(bands))
    return np.stack(list(rows))
