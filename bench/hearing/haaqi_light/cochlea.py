"""A cochlea in torch: HAAQI's ear model at a thousand values a second.

HAAQI light's spectral front end follows the ear model of HAAQI, from whose parameters it is
made: 32 gammatone bands from 80 Hz to 8 kHz on an ERB scale, widened by hearing loss and level,
outer-hair-cell compression steered by a wide control path, inner-hair-cell attenuation, and levels
in dB above the listener's threshold (dB SL). Where HAAQI filters in the time domain at
24 kHz, every band is here cut out of one FFT of the whole signal and brought to baseband at 1 kHz,
so that any sample rate will do and a band costs one short inverse FFT. It is an approximation:
zero-phase filters, no 800 Hz smoothing of the compression gain, no threshold noise.

Conventions: signals ``(B, N)``, audiograms ``(B, 8)`` in dB HL, level1 ``(B,)`` in dB SPL for an
RMS of 1.0, bands low to high.

Source: Kates and Arehart (2016), The Hearing-Aid Audio Quality Index (HAAQI), IEEE/ACM TASLP 24(2),
354-365.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.hearing import AUDIOGRAM_FREQUENCIES
from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.parameters import UPPER_KNEE, centre_frequencies

BANDS: Final = parameters.CHANNELS
RATE: Final = 1000
"""Hz; the rate of the band signals."""
GRID: Final = 10
"""The FFT's length is a multiple of 1 / GRID seconds, so that RATE divides the spectrum evenly."""
AT_ONCE: Final = 1 << 21
"""Values of band signals that are computed at a time: all bands of an excerpt, some of a song."""

_FLOOR: Final = 0.01
"""Added to band powers, in units of the reference pressure squared: -20 dB SPL."""
# HAAQI's two-capacitor circuit answers a unit step by 1 + 0.644 exp(-t / 1.97 ms) + 0.356
# exp(-t / 61 ms): the eigenvalues of its two node equations.
_RAPID: Final = 0.644
_RAPID_SECONDS: Final = 0.00197
_RAPID_TAPS: Final = 10
_SLOW: Final = 0.356
_SLOW_SECONDS: Final = 0.061
_SLOW_TAPS: Final = 40
_COARSE: Final = 8
"""The slow part is followed on means of 8 ms."""
_DB: Final = 10 / math.log(10)


@dataclass(frozen=True)
class Excitation:
    """The cochlea's response to one signal.

    Attributes:
        level: compressed and adapted envelope, dB SL floored at 0, ``(B, 32, T)`` at RATE.
        real: real part of the band signals' unit phasors, ``(B, 32, T)``.
        imag: imaginary part.
        spectrum: long-term level of each band, dB SL floored at 0, ``(B, 32)``.
    """

    level: Tensor
    real: Tensor
    imag: Tensor
    spectrum: Tensor

    def chunk(self, groups: int) -> list[Excitation]:
        """Split it into groups of bands, at most so many."""
        parts = [getattr(self, field.name).chunk(groups, 1) for field in fields(self)]
        return [Excitation(*group) for group in zip(*parts, strict=True)]

    @staticmethod
    def join(groups: Sequence[Excitation]) -> Excitation:
        """Join groups of bands, as :meth:`chunk` splits them."""
        names = [field.name for field in fields(Excitation)]
        return Excitation(*(torch.cat([getattr(g, name) for g in groups], 1) for name in names))


_Ears = parameters.Cochlea[Tensor]
"""The parameters of a batch of ears, each ``(B, 32, 1)``."""


def _of_bands(ears: _Ears, chosen: slice) -> _Ears:
    """Cut the parameters of some bands out."""
    return parameters.Cochlea(**{f.name: getattr(ears, f.name)[:, chosen] for f in fields(ears)})


class Cochlea(nn.Module):
    """The front end of HAAQI light, without trainable parameters.

    Example:
        >>> tone = torch.sin(2 * torch.pi * 1000 / 24_000 * torch.arange(24_000))[None]
        >>> excitation = Cochlea()(tone, torch.zeros(1, 8), torch.tensor([65.0]), 24_000)
        >>> excitation.level.shape  # bands, ms
        torch.Size([1, 32, 1000])
        >>> round(centre_frequencies()[excitation.spectrum.argmax()])  # Hz, of the loudest band
        995
    """

    def __init__(self) -> None:
        super().__init__()
        centres = centre_frequencies()
        for name, values in {
            "centres": centres,
            "erb": 1.019 * parameters.erb(),
            "ratio": parameters.normal_ratios(),
            "widest": parameters.control_bandwidth(),
        }.items():
            buffer = torch.from_numpy(values).float()[:, None]
            self.register_buffer(name, buffer, persistent=False)
        self.register_buffer(
            "interpolation", torch.from_numpy(_interpolation(centres)).float(), persistent=False
        )

        for name, seconds, taps, rate in (
            ("rapid", _RAPID_SECONDS, _RAPID_TAPS, RATE),
            ("slow", _SLOW_SECONDS, _SLOW_TAPS, RATE / _COARSE),
        ):
            decay = torch.exp(torch.arange(1 - taps, 1) / (seconds * rate))
            self.register_buffer(name, (decay / decay.sum())[None, None], persistent=False)

    rapid: Tensor
    slow: Tensor
    centres: Tensor
    erb: Tensor
    ratio: Tensor
    widest: Tensor
    interpolation: Tensor

    def forward(
        self, signal: Tensor, audiogram: Tensor, level1: Tensor, sample_rate: int
    ) -> Excitation:
        """Excite the cochlea by a batch of signals.

        Args:
            signal: full scale 1.0, ``(B, N)``.
            audiogram: dB HL, ``(B, 8)``.
            level1: dB SPL that an RMS of 1.0 stands for, ``(B,)``.
            sample_rate: Hz, a multiple of 10.
        """
        spectrum, width, resolution = self._spectrum(signal, sample_rate)
        ears, frames = self._ears(audiogram), round(signal.shape[-1] * RATE / sample_rate)
        # Values in units of the reference pressure, so that 0 dB SPL is 1.
        spectrum = spectrum * 10 ** (level1 / 20)[:, None]
        at_once = max(1, AT_ONCE // (len(signal) * width))
        groups = []
        for start in range(0, BANDS, at_once):
            chosen = slice(start, start + at_once)
            bands, offset = self._bands(spectrum, width, resolution, chosen)
            some = _of_bands(ears, chosen)
            groups.append(self._excitation(bands, offset, some, chosen, frames))
        return groups[0] if len(groups) == 1 else Excitation.join(groups)

    @staticmethod
    def _spectrum(signal: Tensor, sample_rate: int) -> tuple[Tensor, int, float]:
        """Compute the spectrum ``(B, K)``, the values M that a band takes of it, its step in Hz."""
        unit = sample_rate // GRID
        # At least half a unit of zeros keeps the filters' tails from wrapping onto the start.
        length = (signal.shape[-1] + unit // 2 + unit - 1) // unit * unit
        width = RATE * length // sample_rate
        spectrum: Tensor = torch.fft.rfft(signal, length) * (2 * width / length)
        return spectrum, width, sample_rate / length

    def _bands(
        self, spectrum: Tensor, width: int, resolution: float, chosen: slice
    ) -> tuple[Tensor, Tensor]:
        """Cut out the spectrum around the centres of some bands, behind the middle ear.

        Returns:
            The spectrum ``(B, C, M)``, and its distance from the centres in bandwidths ``(C, M)``.
        """
        centres = self.centres[chosen]
        shift = torch.fft.ifftshift(torch.arange(-(width // 2), width - width // 2))
        index = torch.round(centres / resolution).long() + shift.to(spectrum.device)
        frequencies = index * resolution
        top = spectrum.shape[-1] - 1
        inside = ((index > 0) & (index < top)).to(frequencies.dtype)
        middle_ear = inside * _middle_ear(frequencies)
        flat = index.clamp(0, top).reshape(-1)
        bands = spectrum.index_select(-1, flat).reshape(-1, *index.shape)
        return bands * middle_ear, (frequencies - centres) / self.erb[chosen]

    def _excitation(
        self, bands: Tensor, offset: Tensor, ears: _Ears, chosen: slice, frames: int
    ) -> Excitation:
        """Excite some bands by their spectra; the result is cut to the signal's `frames`."""
        widest = self.widest[chosen]
        control = self._envelope(bands, (1 + (offset / widest) ** 2) ** -2)
        control_power = control.real**2 + control.imag**2 + _FLOOR
        bandwidth = self._widened(control_power, ears, widest)
        band = self._envelope(bands, (1 + (offset / bandwidth) ** 2) ** -2)
        real, imag = band.real, band.imag
        power = real**2 + imag**2 + _FLOOR
        level = _DB * torch.log(power) + self._gain(_DB * torch.log(control_power), ears)
        phase = torch.rsqrt(power)
        long_term = _DB * torch.log(power[..., :frames].mean(-1, keepdim=True)) + self._gain(
            _DB * torch.log(control_power[..., :frames].mean(-1, keepdim=True)), ears
        )
        return Excitation(
            level=self._adapted(torch.relu(level)[..., :frames]),
            real=(real * phase)[..., :frames],
            imag=(imag * phase)[..., :frames],
            spectrum=torch.relu(long_term)[..., 0],
        )

    @staticmethod
    def _envelope(bands: Tensor, weight: Tensor) -> Tensor:
        envelope: Tensor = torch.fft.ifft(bands * weight)
        return envelope

    @staticmethod
    def _widened(control_power: Tensor, ears: _Ears, widest: Tensor) -> Tensor:
        """Relative bandwidths, wider with outer-hair-cell loss and above 50 dB SPL."""
        level = _DB * torch.log(control_power.mean(-1, keepdim=True))
        return ears.bandwidth + ((level - 50) / 50).clamp(0, 1) * (widest - ears.bandwidth)

    @staticmethod
    def _gain(control: Tensor, ears: _Ears) -> Tensor:
        """Compression and inner-hair-cell attenuation in dB for a control level in dB SPL."""
        above = control.clamp(max=UPPER_KNEE).maximum(ears.knee) - ears.knee
        return -ears.ohc_attenuation - ears.ihc_attenuation - above * (1 - 1 / ears.ratio)

    def _adapted(self, level: Tensor) -> Tensor:
        """Inner-hair-cell adaptation: the level, and its rise above its past, floored at 0."""
        flat = level.reshape(-1, 1, level.shape[-1])
        rapid = functional.conv1d(functional.pad(flat, (_RAPID_TAPS - 1, 0)), self.rapid)
        coarse = functional.avg_pool1d(flat, _COARSE, ceil_mode=True, count_include_pad=False)
        slow = functional.conv1d(functional.pad(coarse, (_SLOW_TAPS - 1, 0)), self.slow)
        slow = functional.interpolate(slow, scale_factor=_COARSE, mode="linear")
        slow = slow[..., : flat.shape[-1]]
        adapted = torch.relu((1 + _RAPID + _SLOW) * flat - _RAPID * rapid - _SLOW * slow)
        return adapted.reshape(level.shape)

    def _ears(self, audiogram: Tensor) -> _Ears:
        """The parameters of ears with these audiograms."""
        loss = (audiogram.to(self.interpolation.dtype) @ self.interpolation.T).clamp(min=0)
        loss = loss[..., None]
        # Rounded in the order of operations that the bundled weights were trained with.
        ears = parameters.impaired(loss, self.ratio, 87.5 * (1 - 1 / self.ratio))
        return replace(ears, ihc_attenuation=loss - ears.ohc_attenuation)


def _middle_ear(frequencies: Tensor) -> Tensor:
    """Magnitude of a 2-pole high-pass at 350 Hz and a 1-pole low-pass at 5 kHz."""
    low = (frequencies / 350) ** 2
    return low / torch.sqrt(1 + low**2) / torch.sqrt(1 + (frequencies / 5000) ** 2)


def _interpolation(centres: np.ndarray) -> np.ndarray:
    """Linear interpolation from the audiogram's frequencies to the bands, ``(32, 8)``.

    HAAQI knows 250, 500, 1000, 2000, 4000 and 6000 Hz only: levels between are interpolated from
    these, levels outside are those of the nearest.
    """
    known = parameters.AUDIOGRAM_FREQUENCIES
    columns = [AUDIOGRAM_FREQUENCIES.index(frequency) for frequency in known]
    matrix = np.zeros((len(centres), len(AUDIOGRAM_FREQUENCIES)))
    for column, unit in zip(columns, np.eye(len(known)), strict=True):
        matrix[:, column] = np.interp(centres, known, unit)
    return matrix
