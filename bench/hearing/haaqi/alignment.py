"""Alignment of the processed signal to the reference: as a whole, then channel by channel."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from bench.hearing.haaqi.parameters import DISPERSION, MAX_LAG, PRUNE_THRESHOLD, Floats

_SIZE: Final = 16384


def audible_span(reference: Floats) -> tuple[int, int]:
    """First and one past the last sample above a thousandth of the peak."""
    magnitude = np.abs(reference)
    above = np.flatnonzero(magnitude > PRUNE_THRESHOLD * magnitude.max())
    return int(above[0]), int(above[-1]) + 1


def bulk_delay(reference: Floats, processed: Floats) -> int:
    """Samples by which `processed` lags `reference`, less the 2 ms left for dispersion."""
    n = reference.size
    size = fft.next_fast_len(2 * n - 1, real=True)
    spectrum = fft.rfft(reference - reference.mean(), size)
    np.conjugate(spectrum, out=spectrum)
    spectrum *= fft.rfft(processed - processed.mean(), size)
    correlation = np.abs(fft.irfft(spectrum, size))
    late = int(np.argmax(correlation[:n]))
    early = int(np.argmax(correlation[size - n + 1 :])) - n + 1 if n > 1 else 0
    lag = late if correlation[late] >= correlation[early] else early
    return lag - DISPERSION


def shifted(samples: Floats, delay: int) -> Floats:
    """`samples` moved to the left by `delay`, with zeros where nothing is known."""
    result = np.zeros_like(samples)
    n = samples.size
    if 0 <= delay < n:
        result[: n - delay] = samples[delay:]
    elif -n < delay < 0:
        result[-delay:] = samples[:delay]
    return result


def channel_lags(reference: Floats, processed: Floats, samples: int, pad: int) -> NDArray[np.int64]:
    """The lag of each channel's greatest correlation, in samples, ``(8,)``.

    Args:
        reference: envelope or motion of one group, ``(samples + padding, 8)``, from row 0.
        processed: the same, from row `pad`, with at least MAX_LAG zero rows on either side.
    """
    block = _SIZE - 2 * MAX_LAG
    total = 0.0
    for start in range(0, samples, block):
        x = fft.rfft(reference[start : min(start + block, samples)], _SIZE, axis=0)
        y = fft.rfft(processed[pad + start - MAX_LAG :][:_SIZE], _SIZE, axis=0)
        total = total + np.conj(x) * y
    correlation = fft.irfft(total, _SIZE, axis=0)[: 2 * MAX_LAG]
    widest = min(MAX_LAG, samples)
    # From the greatest lag downwards, so that the first of equals is the one that pyclarity takes.
    lowest = -MAX_LAG if samples > MAX_LAG else 1 - samples
    candidates = correlation[MAX_LAG + lowest : MAX_LAG + widest][::-1]
    return np.asarray(widest - 1 - np.argmax(candidates, axis=0))
