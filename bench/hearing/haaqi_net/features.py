"""What the light HAAQI-Net looks at: two excitations compared, frame by frame and as a whole.

The comparisons are those of HAAQI (Kates and Arehart, 2016, "The Hearing-Aid Audio Quality Index
(HAAQI)", IEEE/ACM TASLP 24(2)): correlations of the cepstrum of the envelopes in eight bands of
modulation, covariance of the basilar-membrane vibration in segments of 16 ms, and differences of
the long-term spectra; here on the light cochlea's output, in torch.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.signal import firwin
from torch import Tensor, nn
from torch.nn import functional

from bench.hearing.haaqi_net.cochlea import AT_ONCE, BANDS, RATE, Excitation, centre_frequencies

FRAME_RATE: Final = 125
"""Hz; the rate of the frame features (8 ms)."""
CEPSTRA: Final = 5
_MODULATION_EDGES: Final = (4.0, 8.0, 12.5, 20.0, 32.0, 50.0, 80.0)
MODULATIONS: Final = len(_MODULATION_EDGES) + 1
_SMOOTHING: Final = 8
"""ms; the envelope is averaged over 8 ms, every 4 ms."""
_SEGMENT: Final = 16
"""ms; the vibration is compared in segments of 16 ms, every 8 ms."""
_THRESHOLD: Final = 2.5
"""dB SL; quieter frames and tiles of the reference do not count."""
_EPS: Final = 1e-4

FRAME_CHANNELS: Final = 3 * BANDS + CEPSTRA
SUMMARY_CHANNELS: Final = MODULATIONS * CEPSTRA + 3 * BANDS + 5


@dataclass(frozen=True)
class Features:
    """What the network is given.

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
    """Compares the processed excitation with the reference's; no trainable parameters."""

    cepstra: Tensor
    modulation: Tensor
    synchrony: Tensor

    def __init__(self) -> None:
        super().__init__()
        basis = np.cos(np.outer(np.arange(BANDS), np.arange(1, CEPSTRA + 1)) * np.pi / (BANDS - 1))
        basis /= np.linalg.norm(basis, axis=0)
        rate = 2 * FRAME_RATE
        centres = centre_frequencies()
        synchrony = np.sqrt(3500.0**10 / (3500.0**10 + centres**10))
        for name, values in {
            "cepstra": basis.T,
            "modulation": _modulation_filters(rate)[:, None],
            "synchrony": synchrony[:, None],
        }.items():
            self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)

    def forward(self, reference: Excitation, processed: Excitation) -> Features:
        """Both excitations of the same length, at least 0.1 s."""
        x, y = self._envelope(reference.level), self._envelope(processed.level)
        modulations, local = self._modulation_correlations(x, y)
        covariance, audible = self._vibration(reference, processed)
        frames = min(covariance.shape[-1], local.shape[-1])
        weight = audible * self.synchrony
        sync = (weight * covariance).sum((1, 2)) / (weight.sum((1, 2)) + _EPS)
        by_band = (audible * covariance).sum(-1) / (audible.sum(-1) + _EPS)
        spectra, d_loud, d_norm = _spectrum_difference(reference.spectrum, processed.spectrum)
        cepstral = modulations[:, MODULATIONS // 2 :].mean((1, 2))
        estimate = haaqi_formula(cepstral, sync, d_loud, d_norm)
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
        """Correlations by band of modulation and cepstrum ``(B, 8, 5)``, and over time
        ``(B, 5, T)`` in windows of 128 ms for modulations above 20 Hz."""
        loudness = _DB20 * torch.logsumexp(x / _DB20, 1) - _DB20 * math.log(BANDS)
        weight = (loudness > _THRESHOLD).to(x.dtype)[:, None, None]
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
        high = products[:, :, MODULATIONS // 2 :].sum(2).flatten(0, 1)
        pooled = functional.avg_pool1d(high, 32, stride=2, padding=16)
        cross, xx, yy = pooled.reshape(3, -1, CEPSTRA, pooled.shape[-1])
        return whole, cross / torch.sqrt((xx + 0.01) * (yy + 0.01))

    @staticmethod
    def _vibration(reference: Excitation, processed: Excitation) -> tuple[Tensor, Tensor]:
        """Covariance of the vibration in segments, and the share in which the reference is above
        threshold, each ``(B, 32, T)`` at FRAME_RATE."""
        groups = max(1, reference.level.numel() // AT_ONCE)
        parts = zip(reference.chunk(groups), processed.chunk(groups), strict=True)
        real, imag, xx, yy = torch.cat([_vibration_products(x, y) for x, y in parts], 2)
        # Zero where both are silent.
        peak = torch.sqrt(real**2 + imag**2 + _EPS**2) - _EPS
        covariance = peak / torch.sqrt((xx + _EPS) * (yy + _EPS))
        # The vibration's RMS is its envelope's over the square root of two.
        rms = torch.sqrt(xx / 2 + _EPS)
        loud = _DB20 * torch.logsumexp(rms / _DB20, 1, keepdim=True) - _DB20 * math.log(BANDS)
        audible = ((rms > _THRESHOLD) & (loud > _THRESHOLD)).to(xx.dtype)
        return covariance, audible


def _vibration_products(reference: Excitation, processed: Excitation) -> Tensor:
    """Real and imaginary part of the product of the vibrations, and their powers, averaged over
    segments: ``(4, B, C, T)`` at FRAME_RATE for the bands given."""
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


def haaqi_formula(cepstral: Tensor, sync: Tensor, d_loud: Tensor, d_norm: Tensor) -> Tensor:
    """HAAQI's polynomial of its four quantities."""
    nonlinear = 0.754 * cepstral**3 + 0.246 * sync
    linear = 0.329 * d_loud + 0.671 * d_norm
    return 0.336 * nonlinear + 0.001 * linear + 0.501 * nonlinear**2 + 0.161 * linear**2


def _spectrum_difference(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Relative difference of the normalised specific loudness in each band ``(B, 32)``, and
    HAAQI's d_loud and d_norm."""
    x, y = (torch.softmax(level / _DB20, -1) for level in (x, y))
    relative = (x - y) / (x + y)
    loud, norm = (
        BANDS * torch.sqrt(difference.var(-1, correction=0) + 1e-10)
        for difference in (x - y, relative)
    )
    return relative, (1 - loud / 2.5).clamp(0, 1), (1 - norm / 25).clamp(0, 1)


def _modulation_filters(rate: float) -> np.ndarray:
    """Linear-phase filters of the eight bands of modulation from 0 to 125 Hz, ``(8, taps)``."""
    taps, nyquist = 129, rate / 2
    edges = np.array(_MODULATION_EDGES) / nyquist
    bands = [firwin(taps, edges[0], window="hann")]
    bands += [
        firwin(taps, [low, high], window="hann", pass_zero=False)
        for low, high in itertools.pairwise(edges)
    ]
    bands.append(firwin(taps, edges[-1], window="hann", pass_zero=False))
    return np.stack(bands)
