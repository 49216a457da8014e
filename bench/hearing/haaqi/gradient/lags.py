"""Alignment of the differentiable HAAQI's channels: correlations by block Fourier transforms."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from bench.hearing.haaqi import parameters as p

_LONGEST: Final = 32_768
"""Points of a transform, where the signal is long enough to fill it."""
_ERROR: Final = 6e-6
"""Bound on the error of a correlation by float32 transforms, relative to both norms: see
:mod:`bench.hearing.haaqi.exact.lags`."""
_MOST_COMPARED: Final = 64


class LagSearch:
    """A search for the lag of each channel's greatest correlation with a kept reference.

    Means are taken off before the transform and their part added in float64: an envelope's
    correlation is nearly flat at its top, and its mean would drown the rest in float32's rounding.
    Lags that float32 leaves open are then compared in float64: another lag may change a score by
    3e-4.

    Args:
        reference: compressed envelope and motion ``(2, groups, samples, 8)``.
    """

    def __init__(self, reference: Tensor) -> None:
        self.samples = reference.shape[2]
        self.reference = reference
        # From the latest to the earliest, so that of equals the model's choice comes first.
        latest = min(p.MAX_LAG, self.samples) - 1
        earliest = max(-p.MAX_LAG, 1 - self.samples)
        self._lags = torch.arange(latest, earliest - 1, -1, device=reference.device)
        self.mean = reference.mean(2)[..., None]
        self.norms = _norms(reference, self.mean)
        self.sums = _overlap_sums(reference, self.mean, -self._lags)
        # A block of the reference, and of the processed signal MAX_LAG more on either side.
        self.points = min(_LONGEST, 1 << (self.samples + 2 * p.MAX_LAG).bit_length())
        step = self.points - 2 * p.MAX_LAG
        self.starts = range(0, self.samples, step)
        self.spectra = [
            torch.fft.rfft(self._block(reference, self.mean, start, step)).conj_physical_()
            for start in self.starts
        ]

    def lags(self, processed: Tensor) -> Tensor:
        """Find the samples by which each envelope and motion is late, ``(2, groups, 8)``."""
        mean = processed.mean(2)[..., None]
        total = torch.zeros_like(self.spectra[0])
        for start, spectrum in zip(self.starts, self.spectra, strict=True):
            frame = self._block(processed, mean, start - p.MAX_LAG, self.points)
            total.addcmul_(torch.fft.rfft(frame), spectrum)
        correlation = torch.fft.irfft(total, self.points)[..., self._lags + p.MAX_LAG].double()
        sums = self.sums + self.mean.double() * (self.samples - self._lags.abs())
        correlation += mean.double() * sums
        correlation += self.mean.double() * _overlap_sums(processed, mean, self._lags)
        found = correlation.argmax(-1)
        if processed.dtype == torch.float32:
            self._settle(found, correlation, processed, mean)
        return self._lags[found]

    def _settle(self, found: Tensor, correlation: Tensor, processed: Tensor, mean: Tensor) -> None:
        """Compare the lags that may be the greatest in float64, where they are not too many."""
        error = _ERROR * self.norms * _norms(processed, mean)
        close = correlation >= correlation.amax(-1, keepdim=True) - error[..., None]
        counts = close.sum(-1)
        for part, group, lane in ((counts > 1) & (counts <= _MOST_COMPARED)).nonzero().tolist():
            x, y = (one[part, group, :, lane].double() for one in (self.reference, processed))
            # Of equals the first, which is the latest.
            places = close[part, group, lane].nonzero()[:, 0].tolist()
            values = [_at_lag(x, y, int(self._lags[place])) for place in places]
            found[part, group, lane] = places[values.index(max(values))]

    def _block(self, x: Tensor, mean: Tensor, start: int, length: int) -> Tensor:
        """Cut a block of ``(2, groups, samples, 8)`` less its mean, ``(2, groups, 8, points)``."""
        block = x.new_zeros(*x.shape[:2], x.shape[3], self.points)
        inside = x[:, :, max(start, 0) : start + length].transpose(2, 3)
        before = max(-start, 0)
        torch.sub(inside, mean, out=block[..., before : before + inside.shape[3]])
        return block


def _norms(x: Tensor, mean: Tensor) -> Tensor:
    """The norms of channels less their means, ``(2, groups, 8)``; roughly, for a bound."""
    squares = torch.linalg.vector_norm(x, dim=2).double().square()
    norms: Tensor = (squares - x.shape[2] * mean[..., 0].double().square()).clamp(min=0).sqrt()
    return norms


def _at_lag(x: Tensor, y: Tensor, lag: int) -> float:
    """Correlate x with y `lag` samples later."""
    return float(x[: len(x) - lag] @ y[lag:] if lag >= 0 else x[-lag:] @ y[: len(y) + lag])


def _overlap_sums(x: Tensor, mean: Tensor, lags: Tensor) -> Tensor:
    """Sum x[n] less the mean over the n for which n - lag is a sample too, float64.

    The sum over all n, a constant, is left out.
    """
    head, tail = (
        functional.pad((part.transpose(2, 3).double() - mean).cumsum(3), (1, 0))
        for part in (x[:, :, : p.MAX_LAG], x[:, :, -p.MAX_LAG :].flip(2))
    )
    return -torch.where(lags > 0, head[..., lags.clamp(min=0)], tail[..., (-lags).clamp(min=0)])
