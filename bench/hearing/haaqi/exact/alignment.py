"""Alignment of the processed signal to the reference as a whole, before the ear."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from bench.hearing.haaqi.parameters import DISPERSION, PRUNE_THRESHOLD, Floats

# Bound on the error of a correlation by float32 transforms, relative to both norms: three
# transforms of at most 24 levels, each changing a vector by 6 roundings of 6e-8 at most.
_ERROR: Final = 3e-5
_MOST_COMPARED: Final = 64


def audible_span(reference: Floats) -> tuple[int, int]:
    """Find the first and one past the last sample above a thousandth of the peak.

    Example:
        >>> audible_span(np.array([0.0, 0.0005, 0.5, -1.0, 0.0, 0.002, 0.0]))
        (2, 6)
    """
    magnitude = np.abs(reference)
    above = magnitude > PRUNE_THRESHOLD * magnitude.max()
    return int(np.argmax(above)), above.size - int(np.argmax(above[::-1]))


def shifted(samples: Floats, delay: int) -> Floats:
    """Move `samples` to the left by `delay`, with zeros where nothing is known.

    Example:
        >>> shifted(np.array([1.0, 2.0, 3.0]), 1).tolist()
        [2.0, 3.0, 0.0]
        >>> shifted(np.array([1.0, 2.0, 3.0]), -2).tolist()
        [0.0, 0.0, 1.0]
    """
    result = np.zeros_like(samples)
    n = samples.size
    if 0 <= delay < n:
        result[: n - delay] = samples[delay:]
    elif -n < delay < 0:
        result[-delay:] = samples[:delay]
    return result


class BulkAligner:
    """A search for the delay of processed signals behind one reference ``(samples,)``.

    The correlation at every lag comes from transforms in float32; the lags that may be the best
    within their error are compared in float64, so that the delay is the one float64 finds.

    Example:
        >>> click = np.zeros(1000)
        >>> click[100] = 1.0
        >>> BulkAligner(click).delay(np.roll(click, 60))  # less the 48 samples left for dispersion
        12
    """

    def __init__(self, reference: Floats) -> None:
        self._reference = reference - reference.mean()
        self._norm = float(np.linalg.norm(self._reference))
        self._size = fft.next_fast_len(2 * reference.size - 1, real=True)
        spectrum = fft.rfft(self._unit(self._reference, self._norm), self._size)
        self._spectrum = np.conjugate(spectrum, out=spectrum)

    def delay(self, processed: Floats) -> int:
        """Find the samples by which `processed` is late, less the 2 ms left for dispersion."""
        n = self._reference.size
        centred = processed - processed.mean()
        norm = float(np.linalg.norm(centred))
        spectrum = fft.rfft(self._unit(centred, norm), self._size)
        spectrum *= self._spectrum
        correlation = fft.irfft(spectrum, self._size, overwrite_x=True)
        np.abs(correlation, out=correlation)
        places = np.flatnonzero(correlation >= correlation.max() - 2 * _ERROR)
        lags = np.where(places < n, places, places - self._size)
        lags = lags[np.abs(lags) < n]
        if lags.size > _MOST_COMPARED:
            return self._delay_in_float64(centred)
        values = [self._correlation(centred, int(lag)) for lag in lags]
        best = max(zip(values, lags, strict=True))
        return int(best[1]) - DISPERSION

    def _correlation(self, processed: Floats, lag: int) -> float:
        n = self._reference.size
        if lag >= 0:
            return abs(float(self._reference[: n - lag] @ processed[lag:]))
        return abs(float(self._reference[-lag:] @ processed[:lag]))

    def _delay_in_float64(self, processed: Floats) -> int:
        n = self._reference.size
        spectrum = np.conj(fft.rfft(self._reference, self._size))
        spectrum *= fft.rfft(processed, self._size)
        correlation = np.abs(fft.irfft(spectrum, self._size))
        # From the greatest lag down: of equals, pyclarity takes the first in that order.
        lags = np.arange(n - 1, -n, -1)
        return int(lags[np.argmax(correlation[lags])]) - DISPERSION

    @staticmethod
    def _unit(samples: Floats, norm: float) -> NDArray[np.float32]:
        return (samples / norm if norm > 0 else samples).astype(np.float32)
