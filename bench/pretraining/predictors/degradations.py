"""Degradations as systems cause them, from clean stems and a mixture to a bad remix.

Each degradation is ``(Material, generator) -> (2, n)``; signals are float64, full scale 1.0. The
severity is drawn with the degradation, from hardly audible to unusable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.signal import butter, istft, oaconvolve, sosfilt, stft

Signal = NDArray[np.float64]
Rng = np.random.Generator
_STFT: Final = {"nperseg": 1024, "noverlap": 768}


@dataclass(frozen=True)
class Material:
    """A scene's segment, as a system meets it.

    Attributes:
        stems: clean stems at the microphones, ``(4, 2, n)``.
        mixture: ``(2, n)``.
        gains: requested gains, linear, ``(4,)``.
        sample_rate: Hz.
    """

    stems: Signal
    mixture: Signal
    gains: NDArray[np.float64]
    sample_rate: int

    def remix(self, stems: Signal, gains: NDArray[np.float64] | None = None) -> Signal:
        """The sum of `stems` with `gains` (the requested ones where None): ``(2, n)``."""
        result: Signal = np.einsum("s,scn->cn", self.gains if gains is None else gains, stems)
        return result


Degradation = Callable[[Material, Rng], Signal]


def _decibels(value: float) -> float:
    return float(10 ** (value / 20))


def clean(material: Material, rng: Rng) -> Signal:
    """Clean stems: what is lost is lost in the output path."""
    return material.remix(material.stems)


def mixture(material: Material, rng: Rng) -> Signal:
    """The mixture, alone or with a share of the remix of clean stems."""
    share = float(rng.choice([1.0, rng.random()]))
    return share * material.mixture + (1 - share) * material.remix(material.stems)


def bleed(material: Material, rng: Rng) -> Signal:
    """Each stem loses a part of itself to the others."""
    leak = 10 ** (rng.uniform(-35, rng.uniform(-25, -1), (4, 4)) / 20)
    np.fill_diagonal(leak, 0)
    keep = 1 - np.minimum(leak.sum(0), 1) * rng.random()
    return material.remix(np.tensordot(leak + np.diag(keep), material.stems, 1))


def masking(material: Material, rng: Rng) -> Signal:
    """Separation of the mixture by ratio masks with errors: bleed, holes and musical noise."""
    _, _, parts = stft(material.stems, **_STFT)
    _, _, whole = stft(material.mixture, **_STFT)
    masks = np.abs(parts) ** rng.uniform(0.5, 3)
    errors = rng.normal(0, rng.uniform(0, 2.5), masks.shape)
    size = (0, 0, int(rng.integers(1, 12)), int(rng.integers(1, 12)))
    masks = masks * np.exp(uniform_filter(errors, [max(1, n) for n in size]) * size[2])
    masks /= masks.sum(0) + 1e-12
    _, estimates = istft(masks * whole, **_STFT)
    return material.remix(estimates[..., : material.mixture.shape[-1]])


def wrong_gains(material: Material, rng: Rng) -> Signal:
    """Gains other than requested: all by a little, or one or two by much."""
    errors = rng.normal(0, rng.uniform(0.5, 8), 4)
    if rng.random() < 0.4:
        errors *= rng.random(4) < 0.4
    return material.remix(material.stems, material.gains * 10 ** (errors / 20))


def missing_stem(material: Material, rng: Rng) -> Signal:
    """A remix error: a stem left out, doubled or inverted, or the channels mixed up."""
    gains = material.gains.copy()
    gains[rng.integers(4)] *= rng.choice([0.0, 2.0, -1.0, 1.0])
    signal = material.remix(material.stems, gains)
    if rng.random() < 0.4:
        width = rng.uniform(-1, 0.8)
        signal = (1 + width) / 2 * signal + (1 - width) / 2 * signal[::-1]
    return signal


def noise(material: Material, rng: Rng) -> Signal:
    """White, pink or brown noise at -5 to 50 dB signal-to-noise ratio."""
    signal = material.remix(material.stems)
    spectrum = np.fft.rfft(rng.standard_normal(signal.shape))
    spectrum /= np.maximum(np.arange(spectrum.shape[-1]), 50) ** rng.choice([0, 0.5, 1])
    added = np.fft.irfft(spectrum, signal.shape[-1])
    scale = float(np.std(signal) / np.std(added)) * _decibels(-rng.uniform(-5, 50))
    return signal + scale * added


def band_limit(material: Material, rng: Rng) -> Signal:
    """A low-pass from 1 to 12 kHz, a high-pass from 60 Hz to 1 kHz, or a shelf."""
    signal, nyquist = material.remix(material.stems), material.sample_rate / 2
    order, kind = int(rng.integers(1, 9)), rng.choice(["lowpass", "highpass", "shelf"])
    if kind == "shelf":
        split = butter(1, np.exp(rng.uniform(*np.log([200, 6000]))) / nyquist, output="sos")
        low = sosfilt(split, signal)
        shelved: Signal = low + (signal - low) * _decibels(rng.uniform(-15, 15))
        return shelved
    corners = {"lowpass": [1000, 12000], "highpass": [60, 1000]}[str(kind)]
    corner = np.exp(rng.uniform(*np.log(corners)))
    filtered: Signal = sosfilt(butter(order, corner / nyquist, kind, output="sos"), signal)
    return filtered


def codec(material: Material, rng: Rng) -> Signal:
    """Coarse spectral quantisation and dropped bins, as in lossy coding at a low rate."""
    signal = material.remix(material.stems)
    _, _, spectrum = stft(signal, **_STFT)
    magnitude = np.abs(spectrum)
    masked = uniform_filter(magnitude, [1, 24, 3])
    step = masked * rng.uniform(0.05, 2.5) + 1e-9
    kept = np.round(magnitude / step) * step
    _, coded = istft(spectrum / (magnitude + 1e-12) * kept, **_STFT)
    result: Signal = coded[:, : signal.shape[-1]]
    return result


def clipping(material: Material, rng: Rng) -> Signal:
    """Hard or soft clipping before the amplifier."""
    signal = material.remix(material.stems)
    ceiling = float(np.std(signal) * np.exp(rng.uniform(np.log(0.3), np.log(4))))
    if rng.random() < 0.5:
        return np.clip(signal, -ceiling, ceiling)
    return ceiling * np.tanh(signal / ceiling)


def residue(material: Material, rng: Rng) -> Signal:
    """Stems that fade in and out and carry a share of the others, as a network's may."""
    frames = material.mixture.shape[-1]
    points = int(rng.integers(3, 60))
    envelopes = 10 ** (rng.normal(0, rng.uniform(0.5, 10), (4, 1, points)) / 20)
    positions = np.linspace(0, points - 1, frames)
    stems = np.stack(
        [
            stem * np.interp(positions, np.arange(points), envelope[0])
            for stem, envelope in zip(material.stems, envelopes, strict=True)
        ]
    )
    return material.remix(stems) + rng.uniform(0, 0.3) * material.mixture


def compressor(material: Material, rng: Rng) -> Signal:
    """Dynamic-range compression with a fast detector. Kept for testing only."""
    signal = material.remix(material.stems)
    length = int(material.sample_rate * rng.uniform(0.005, 0.2))
    power = oaconvolve(signal**2, np.ones((1, length)) / length, axes=-1)[:, : signal.shape[-1]]
    level = 10 * np.log10(np.maximum(power, 1e-12))
    above = np.maximum(level - (10 * np.log10(np.mean(signal**2)) + rng.uniform(-20, 0)), 0)
    compressed: Signal = signal * 10 ** (-above * rng.uniform(0.2, 0.9) / 20)
    return compressed


def reverberation(material: Material, rng: Rng) -> Signal:
    """A diffuse tail. Kept for testing only."""
    signal = material.remix(material.stems)
    seconds = rng.uniform(0.05, 0.8)
    time = np.arange(int(seconds * material.sample_rate)) / material.sample_rate
    tail = rng.standard_normal((2, len(time))) * np.exp(-6.9 * time / seconds)
    tail /= np.linalg.norm(tail, axis=-1, keepdims=True)
    wet = oaconvolve(signal, tail, axes=-1)[:, : signal.shape[-1]]
    result: Signal = signal + wet * _decibels(rng.uniform(-25, 3))
    return result


def phase_errors(material: Material, rng: Rng) -> Signal:
    """Errors of the phase of each bin, as of a magnitude-only method. Kept for testing only."""
    signal = material.remix(material.stems)
    _, _, spectrum = stft(signal, **_STFT)
    spectrum = spectrum * np.exp(1j * rng.normal(0, rng.uniform(0.1, 2), spectrum.shape))
    _, shaken = istft(spectrum, **_STFT)
    result: Signal = shaken[:, : signal.shape[-1]]
    return result


SEEN: Final[dict[str, Degradation]] = {
    "clean": clean,
    "mixture": mixture,
    "bleed": bleed,
    "masking": masking,
    "wrong gains": wrong_gains,
    "missing stem": missing_stem,
    "noise": noise,
    "band limit": band_limit,
    "codec": codec,
    "clipping": clipping,
    "residue": residue,
}
"""Kinds that the training set has."""
UNSEEN: Final[dict[str, Degradation]] = {
    "compressor": compressor,
    "reverberation": reverberation,
    "phase errors": phase_errors,
}
"""Kinds that only the test has."""
_WEIGHTS: Final = {"masking": 2.0, "wrong gains": 2.0, "bleed": 1.5, "residue": 1.5}


def draw_degradation(rng: Rng, unseen: bool = False) -> str:
    """The name of a degradation."""
    if unseen:
        return str(rng.choice(list(UNSEEN)))
    weights = np.array([_WEIGHTS.get(name, 1.0) for name in SEEN])
    return str(rng.choice(list(SEEN), p=weights / weights.sum()))


def degrade(name: str, material: Material, rng: Rng) -> Signal:
    """A degraded remix ``(2, n)``; one in four has a second degradation of the remix on top."""
    kinds = SEEN | UNSEEN
    signal = kinds[name](material, rng)
    if name in UNSEEN or rng.random() > 0.25:
        return signal
    second = str(rng.choice(["noise", "band limit", "codec", "clipping"]))
    again = Material(signal[None], signal, np.ones(1), material.sample_rate)
    return kinds[second](again, rng)
