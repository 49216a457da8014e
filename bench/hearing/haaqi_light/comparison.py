"""HAAQI light's comparison of two excitations, frame by frame and as a whole.

The comparisons are those of HAAQI (:mod:`bench.hearing.haaqi.index`): correlations of the cepstrum
of the envelopes in eight bands of modulation, covariance of the basilar-membrane vibration in
segments of 16 ms, and differences of the long-term spectra; here for batches, on the light
cochlea's output. Small constants beneath its roots and quotients keep the gradients bounded, so
that only the score's formula and which frames count are the index's own functions.

Source: Kates and Arehart (2016), The Hearing-Aid Audio Quality Index (HAAQI), IEEE/ACM TASLP 24(2),
354-365.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.hearing.haaqi import index, parameters
from bench.hearing.haaqi.parameters import SILENCE_THRESHOLD
from bench.hearing.haaqi_light.cochlea import AT_ONCE, BANDS, RATE, Excitation

FRAME_RATE: Final = 125
"""Hz; the rate of the frame features (8 ms)."""
CEPSTRA: Final = parameters.CEPSTRAL_COEFFICIENTS - 1
MODULATIONS: Final = len(parameters.MODULATION_EDGES) + 1
_SMOOTHING: Final = 8
"""ms; the envelope is averaged over 8 ms, every 4 ms."""
_SEGMENT: Final = 16
"""ms; the vibration is compared in segments of 16 ms, every 8 ms."""
_EPS: Final = 1e-4

FRAME_CHANNELS: Final = 3 * BANDS + CEPSTRA
SUMMARY_CHANNELS: Final = MODULATIONS * CEPSTRA + 3 * BANDS + 5


@dataclass(frozen=True)
class Features:
    """The input of the network.

    Attributes:
        frames: ``(B, FRAME_CHANNELS, T)`` at FRAME_RATE: reference and processed level in dB SL
            over 50, covariance of the vibration, local correlation of the modulated cepstra.
        summary: ``(B, SUMMARY_CHANNELS)``: modulation correlations, covariance and audible share
            of each band, normalised spectra's difference, and HAAQI's own five quantities.
        estimate: HAAQI's formula on these quantities, ``(B,)``.
    """

    frames: Tensor
    summary: Tensor
    estimate: Tensor


class Comparison(nn.Module):
    """A comparison of two excitations, without trainable parameters."""

    cepstra: Tensor
    modulation: Tensor
    synchrony: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, values in {
            "cepstra": parameters.cepstral_basis()[:, 1:].T,
            "modulation": parameters.modulation_filters()[:, None],
            "synchrony": parameters.sync_weights()[:, None],
        }.items():
            self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)

    def forward(self, reference: Excitation, processed: Excitation) -> Features:
        """Compare excitations of the same length, at least 0.1 s."""
        x, y = self._envelope(reference.level), self._envelope(processed.level)
        modulations, local = self._modulation_correlations(x, y)
        covariance, audible = self._vibration(reference, processed)
        frames = min(covariance.shape[-1], local.shape[-1])
        weight = audible * self.synchrony
        sync = (weight * covariance).sum((1, 2)) / (weight.sum((1, 2)) + _EPS)
        by_band = (audible * covariance).sum(-1) / (audible.sum(-1) + _EPS)
        spectra, d_loud, d_norm = _spectral_differences(reference.spectrum, processed.spectrum)
        cepstral = modulations[:, index.FIRST_BAND :].mean((1, 2))
        estimate = index.combine(cepstral, sync, d_loud, d_norm)
        levels = [functional.avg_pool1d(level, 2)[..., :frames] / 50 for level in (x, y)]
        quantities = torch.stack([cepstral, sync, d_loud, d_norm, estimate], -1)
        return Features(
            frames=torch.cat([*levels, covariance[..., :frames], local[..., :frames]], 1),
            summary=torch.cat(
                [modulations.flatten(1), by_band, audible.mean(-1), spectra, quantities], 1
            ),
            estimate=estimate,
        )

    @staticmethod
    def _envelope(level: Tensor) -> Tensor:
        """Smoothed envelope, dB SL, ``(B, 32, T)`` at 250 Hz."""
        flat = level.reshape(-1, 1, level.shape[-1])
        window = torch.hann_window(_SMOOTHING, dtype=level.dtype, device=level.device)
        smooth = functional.conv1d(
            flat, (window / window.sum())[None, None], stride=_SMOOTHING // 2
        )
        return smooth.reshape(*level.shape[:2], -1)

    def _modulation_correlations(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Correlate the modulations of cepstra.

        Returns:
            Correlations by band of modulation and cepstrum ``(B, 8, 5)``, and over time
            ``(B, 5, T)`` in windows of 128 ms for modulations above 20 Hz.
        """
        weight = index.heard(x).to(x.dtype)[:, None, None]
        mods = []
        for level in (x, y):
            cepstrum = self.cepstra @ level
            cepstrum = cepstrum - cepstrum.mean(-1, keepdim=True)
            flat = cepstrum.reshape(-1, 1, cepstrum.shape[-1])
            filtered = functional.conv1d(flat, self.modulation, padding="same")
            mods.append(filtered.reshape(-1, CEPSTRA, MODULATIONS, level.shape[-1]).transpose(1, 2))
        a, b = mods
        products = torch.stack([a * b, a * a, b * b])
        cross, xx, yy = (products * weight).sum(-1)
        whole = cross.abs() / torch.sqrt((xx + _EPS) * (yy + _EPS))
        high = products[:, :, index.FIRST_BAND :].sum(2).flatten(0, 1)
        pooled = functional.avg_pool1d(high, 32, stride=2, padding=16)
        cross, xx, yy = pooled.reshape(3, -1, CEPSTRA, pooled.shape[-1])
        return whole, cross / torch.sqrt((xx + 0.01) * (yy + 0.01))

    @staticmethod
    def _vibration(reference: Excitation, processed: Excitation) -> tuple[Tensor, Tensor]:
        """Find the covariance of the vibration in segments.

        Returns:
            Covariances, and 1 where the reference is above threshold, else 0; each ``(B, 32, T)``
            at FRAME_RATE.
        """
        groups = max(1, reference.level.numel() // AT_ONCE)
        parts = zip(reference.chunk(groups), processed.chunk(groups), strict=True)
        real, imag, xx, yy = torch.cat([_vibration_products(x, y) for x, y in parts], 2)
        # Zero where both are silent.
        peak = torch.sqrt(real**2 + imag**2 + _EPS**2) - _EPS
        covariance = peak / torch.sqrt((xx + _EPS) * (yy + _EPS))
        # The vibration's RMS is its envelope's over the square root of two.
        rms = torch.sqrt(xx / 2 + _EPS)
        audible = ((rms > SILENCE_THRESHOLD) & index.heard(rms)[:, None]).to(xx.dtype)
        return covariance, audible


def _vibration_products(reference: Excitation, processed: Excitation) -> Tensor:
    """Average products of two vibrations over segments.

    Returns:
        Real and imaginary part of their product, and their powers: ``(4, B, C, T)`` at FRAME_RATE
        for the bands given.
    """
    x, y = reference.level, processed.level
    real = (reference.real * processed.real + reference.imag * processed.imag) * x * y
    imag = (reference.imag * processed.real - reference.real * processed.imag) * x * y
    window = torch.hann_window(_SEGMENT, dtype=x.dtype, device=x.device) ** 2
    products = torch.stack([real, imag, x * x, y * y])
    sums: Tensor = functional.conv1d(
        products.reshape(-1, 1, x.shape[-1]),
        (window / window.sum())[None, None],
        stride=RATE // FRAME_RATE,
    )
    return sums.reshape(4, *x.shape[:2], -1)


_DB20: Final = 20 / math.log(10)


def _spectral_differences(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Relative difference of the spectra in each band ``(B, 32)``, and HAAQI's d_loud and d_norm.

    A constant beneath the root keeps the slope finite at equal spectra.
    """
    x, y = (torch.softmax(level / _DB20, -1) for level in (x, y))
    relative = (x - y) / (x + y)
    loud, norm = (
        index.similarity(torch.sqrt(difference.var(-1, correction=0) + 1e-10), limit)
        for difference, limit in ((x - y, index.LOUD_LIMIT), (relative, index.NORM_LIMIT))
    )
    return relative, loud, norm
