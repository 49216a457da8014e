"""The loudness that an output stage may cost an ear.

What is lost is the integrated loudness (BS.1770-4) of NAL-R's clipped output, which the ear would
get otherwise, less that of the clipped output: of that ear alone, in LU.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from bench.hearing.loudness import finite_loudness

NO_LIMIT: Final = 99.0
"""LU; as good as no limit."""
_HIGHEST: Final = 60.0
"""dB; the most that is made up."""
_WITHIN: Final = 0.01
"""dB."""


def clipped_loudness(signal: Tensor, sample_rate: int, gain: float = 0.0) -> float:
    """Measure the loudness of an ear ``(N,)`` changed by a gain in dB and clipped, LUFS.

    Raises:
        BenchError: shorter than 0.4 s.

    Example:
        >>> tone = 10 * torch.sin(torch.arange(44_100) * 0.1)
        >>> round(clipped_loudness(tone, 44_100) - clipped_loudness(tone, 44_100, -20.0), 1)
        3.5
    """
    samples = signal.detach().cpu().numpy()
    return finite_loudness(np.clip(samples * 10 ** (gain / 20), -1.0, 1.0)[None], sample_rate)


def make_up(signal: Tensor, plain: Tensor, limit: float, sample_rate: int) -> float:
    """Find the smallest gain that keeps an ear from losing more loudness than a limit.

    Args:
        signal: the ear's output before it is clipped, ``(N,)``, full scale 1.0.
        plain: NAL-R's, before it is clipped, ``(M,)``.
        limit: LU.
        sample_rate: Hz.

    Returns:
        dB, 0 or more; 0 for silence.

    Raises:
        BenchError: shorter than 0.4 s, where there is a limit.

    Example:
        >>> tone = 0.1 * torch.sin(torch.arange(44_100) * 0.1)
        >>> round(make_up(0.1 * tone, tone, 3.0, 44_100), 1)  # 20 dB lost, of which 3 may be
        17.0
    """
    if limit >= NO_LIMIT:
        return 0.0
    wanted = clipped_loudness(plain, sample_rate) - limit
    if clipped_loudness(signal, sample_rate) >= wanted or not bool(torch.any(signal != 0)):
        return 0.0
    low, high = 0.0, _HIGHEST
    while high - low > _WITHIN:
        middle = (low + high) / 2
        if clipped_loudness(signal, sample_rate, middle) >= wanted:
            high = middle
        else:
            low = middle
    return high
