"""The differentiable HAAQI of one ear at 24 kHz, made of its heavy stages.

What follows the ear model is in :mod:`bench.hearing.haaqi.index`. Signals are ``(samples,)``
float64 up to the gammatone filters, then ``(groups, samples, 8)`` in the caller's precision, groups
of eight channels; from the segments on, float64 again.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any, Final

import numpy as np
import torch
from clarity.utils.audiogram import Audiogram
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from bench.errors import BenchError
from bench.hearing.haaqi import index
from bench.hearing.haaqi import parameters as p
from bench.hearing.haaqi.gradient import compiled as compiled_stages
from bench.hearing.haaqi.gradient import stages as plain_stages
from bench.hearing.haaqi.gradient.lags import LagSearch
from bench.hearing.haaqi.gradient.stages import (
    DB_PER_OCTAVE,
    fast_length,
    grouped,
    recursive_filter,
)
from bench.hearing.haaqi.parameters import Floats
from bench.hearing.nalr import HAAQI_ORDER, convolve, nalr_taps
from bench.hearing.simd.vector import LANES

_MIDDLE_EAR_TAIL: Final = 4096
_ENVELOPE_HOP: Final = p.ENVELOPE_WINDOW // 2
_POWER_FLOOR: Final = p.SMALL**2


@cache
def threshold_noise() -> NDArray[np.float32]:
    """Draw a second of standard normal numbers, used over and over: reference, then processed.

    Fixed, so that a score is a function of its signals. Other numbers change it by some 1e-5; by up
    to 3e-4 where the processed signal falls silent, as from one of pyclarity's seeds to another.
    """
    shape = (2, p.CHANNELS // LANES, p.SAMPLE_RATE, LANES)
    return np.random.default_rng(2016).standard_normal(shape, dtype=np.float32)


def middle_ear(samples: Tensor) -> Tensor:
    """Apply the middle ear's band-pass, ``(samples,)``; exactly 0 up to the signal's first sound.

    The model treats envelopes of exactly 0, and so the silence that alignment puts in front, unlike
    the transform's rounding.
    """
    low_pass, high_pass = p.middle_ear_lowpass(), p.middle_ear_highpass()
    b, a = (np.convolve(low, high) for low, high in zip(low_pass, high_pass, strict=True))
    filtered = recursive_filter(samples[:, None], b, a, _MIDDLE_EAR_TAIL)[:, 0]
    return torch.where((samples != 0).cumsum(0) > 0, filtered, 0)


class UnscorableReference(BenchError):
    """A reference that is silent, or audible for less than a segment of 16 ms: it has no HAAQI."""


def audible_span(reference: Tensor) -> tuple[int, int]:
    """Find the first and one past the last sample above a thousandth of the peak.

    Raises:
        UnscorableReference: none is, or they are less than 16 ms apart.

    Example:
        >>> sound = torch.zeros(1000)
        >>> sound[100:900] = 1.0
        >>> audible_span(sound)
        (100, 900)
    """
    magnitude = reference.abs()
    audible = torch.nonzero(magnitude > p.PRUNE_THRESHOLD * magnitude.max())
    if len(audible) == 0 or int(audible[-1] - audible[0]) < p.COVARIANCE_WINDOW:
        raise UnscorableReference(
            "the reference is silent, or audible for less than 16 ms",
            where="HAAQI",
            hint="Leave it out: no score exists for it.",
        )
    return int(audible[0]), int(audible[-1]) + 1


def _with_nalr(samples: Tensor, levels: Floats) -> Tensor:
    audiogram = Audiogram(levels=levels, frequencies=np.array(p.AUDIOGRAM_FREQUENCIES))
    taps = nalr_taps(audiogram, p.SAMPLE_RATE, HAAQI_ORDER)
    # As the model has it, cut by the filter's whole length rather than its delay.
    return convolve(samples, torch.from_numpy(taps).to(samples))[HAAQI_ORDER:]


class EarModel:
    """HAAQI of one ear against a reference, whose own part is computed once.

    Args:
        reference: ``(samples,)``, float64, at 24 kHz.
        levels: audiogram, dB HL ``(6,)`` at parameters.AUDIOGRAM_FREQUENCIES.
        level1: dB SPL that an RMS of 1.0 stands for.
        equalisation: 1 to amplify the reference by NAL-R, 2 where that has been done.
        dtype: precision of the channels.
        stages: the module of the heavy stages; the fastest one for the device where None.

    Raises:
        UnscorableReference: the reference is silent, or audible for less than 16 ms.
    """

    def __init__(
        self,
        reference: Tensor,
        levels: Floats,
        level1: float,
        equalisation: int,
        dtype: torch.dtype,
        stages: ModuleType | None = None,
    ) -> None:
        on_cpu = reference.device.type == "cpu"
        self.stages: Any = stages or (compiled_stages if on_cpu else plain_stages)
        self.dtype, self.device = dtype, reference.device
        self.level1 = level1
        self.cochlea = p.cochlea(levels)
        self.start, self.end = audible_span(reference)
        self._constants()
        self.length = fast_length(2 * len(reference))
        self.spectrum = torch.fft.rfft(reference - reference.mean(), self.length).conj()
        reference = reference[self.start : self.end]
        if equalisation == 1:
            reference = _with_nalr(reference, levels)
        with torch.no_grad():
            compressed, bandwidth, self.sensation_levels = self._compressed(reference)
            self.search = LagSearch(compressed)
            self.delays = self._channels(p.group_delays(bandwidth.cpu().numpy().ravel()))
            unaligned = torch.zeros_like(self.delays).expand(2, -1, -1)
            envelope, self.motion = self._adapted(compressed, unaligned, 0)
            smooth = smoothed(envelope)
            self.heard: Tensor = index.heard(smooth)
            self.modulations: Tensor | None = None
            if self.heard.sum() > 1:
                self.modulations = index.tensor_modulations(smooth[self.heard])

    def _channels(self, values: ArrayLike) -> Tensor:
        return grouped(values).to(self.device)

    def _constants(self) -> None:
        ear = self.cochlea
        slope = 1 - 1 / ear.ratio
        # The compression as a function of log2 of the control envelope's power.
        octaves = 2 / DB_PER_OCTAVE
        offset = (slope * (ear.knee - self.level1) - ear.ohc_attenuation) / DB_PER_OCTAVE
        low = octaves * (ear.knee - self.level1)
        high = np.full(p.CHANNELS, octaves * (p.UPPER_KNEE - self.level1))
        self.curve = torch.stack([self._channels(v) for v in (offset, slope / 2, low, high)])
        self.threshold = self._channels((ear.ihc_attenuation - self.level1) / DB_PER_OCTAVE)
        self.knee = self._channels(ear.knee)
        self.loss = self._channels(ear.ohc_attenuation + ear.ihc_attenuation)
        self.narrow = self._channels(ear.bandwidth)
        self.wide = self._channels(p.control_bandwidth())
        self.noise = torch.from_numpy(threshold_noise()).to(self.device, self.dtype)

    def _decibels(self, power: Tensor) -> Tensor:
        return self.level1 + 10 * power.clamp(min=_POWER_FLOOR).log10()

    def _compressed(self, samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute compressed envelope and motion, bandwidths, and long-term levels in dB SL."""
        heard = middle_ear(samples)
        control, control_power = self.stages.gammatone(heard, self.wide, self.dtype)
        control_level = self._decibels(control_power)
        share = ((control_level - 50) / 50).clamp(0, 1)
        bandwidth = self.narrow + share * (self.wide - self.narrow)
        z, power = self.stages.gammatone(heard, bandwidth, self.dtype)
        above_knee = (control_level.clamp(max=p.UPPER_KNEE) - self.knee).clamp(min=0)
        attenuation = self.loss + 2 * self.curve[1] * above_knee
        levels = (self._decibels(power).clamp(min=0) - attenuation).clamp(min=0)
        return self.stages.compress(control, z, self.curve), bandwidth, levels

    def _adapted(self, compressed: Tensor, lags: Tensor, which: int) -> Tensor:
        """Apply the inner hair cells, with `which` of the noises: envelope in dB SL, and motion."""
        adapted: Tensor = self.stages.adapt(
            compressed,
            lags,
            self.delays,
            self.threshold,
            self.noise[which],
            p.noise_amplitude(self.level1),
        )
        return adapted

    def _aligned(self, processed: Tensor) -> Tensor:
        """Align the whole signal, and cut it to the span in which the reference is audible."""
        with torch.no_grad():
            spectrum = torch.fft.rfft(processed - processed.mean(), self.length)
            correlation = torch.fft.irfft(self.spectrum * spectrum, self.length)
            latest = len(processed) - 1
            lags = torch.arange(latest, -latest - 1, -1, device=self.device)
            late = latest - int(correlation[lags % self.length].abs().argmax())
        start = self.start + late - p.DISPERSION
        end = self.end + late - p.DISPERSION
        inside = processed[max(start, 0) : max(end, 0)]
        before = min(max(-start, 0), end - start)
        return functional.pad(inside, (before, end - start - before - len(inside)))

    def score(self, processed: Tensor) -> Tensor:
        """Score ``(samples,)``, float64, as long as the reference: a scalar."""
        compressed, _, levels = self._compressed(self._aligned(processed))
        with torch.no_grad():
            lags = self.search.lags(compressed)
        envelope, motion = self._adapted(compressed, lags, 1)
        covariance, power = self.stages.covariance(self.motion, motion)
        cepstral = self._cepstral_correlation(smoothed(envelope))
        sync = index.sync_covariance(*(x.transpose(0, 1).flatten(1) for x in (covariance, power)))
        linear = index.tensor_spectral_differences(self.sensation_levels, levels)
        score: Tensor = index.combine(cepstral, sync, *linear)
        return score

    def _cepstral_correlation(self, smooth: Tensor) -> Tensor:
        if self.modulations is None:
            return smooth.new_zeros(())
        processed = index.tensor_modulations(smooth[self.heard])
        return index.cepstral_correlation(self.modulations, processed)


def smoothed(envelope: Tensor) -> Tensor:
    """Average envelopes over windows of 8 ms, ``(segments, channels)``, float64."""
    groups, samples, lanes = envelope.shape
    segments = p.segments(samples, p.ENVELOPE_WINDOW)
    window = torch.from_numpy(np.hanning(p.ENVELOPE_WINDOW)).to(envelope)
    # One matrix for the windows' rising and falling halves: the fastest way over eight channels.
    halves = torch.kron(window.reshape(2, -1).T.contiguous(), torch.eye(lanes).to(envelope))
    blocks = envelope[:, : segments * _ENVELOPE_HOP].reshape(groups, segments, -1)
    sums = (blocks @ halves).double().reshape(groups, segments, 2, lanes)
    rise, fall = sums.permute(2, 1, 0, 3).flatten(2)
    half, whole = window[_ENVELOPE_HOP:].sum(), window.sum()
    return torch.cat((fall[:1] / half, (rise[1:-1] + fall[2:]) / whole, rise[-1:] / half))
