"""Tools of the synthesiser: seeded randomness, oscillators, filters, space.

Mono sounds are float64 ``(n,)`` and stereo ones ``(2, n)``, at :data:`RATE`. Times are in seconds,
frequencies in Hz, and a velocity or level of 1.0 is a sound's nominal amplitude.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, fftconvolve, sosfilt

Signal = NDArray[np.float64]

RATE = 44_100
"""Hz."""


def generator(*names: str) -> np.random.Generator:
    """A random generator for whatever `names` name; the same wherever it is asked for."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def hertz(midi: float) -> float:
    """The frequency of a MIDI note number (69 is 440 Hz)."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))


def times(seconds: float) -> Signal:
    """The instants of `seconds` of samples."""
    return np.arange(int(seconds * RATE)) / RATE


@lru_cache(maxsize=4096)
def _butter(order: int, hz: float | tuple[float, float], kind: str) -> Signal:
    sos: Signal = butter(order, hz, kind, fs=RATE, output="sos")
    return sos


def lowpass(signal: Signal, hz: float, order: int = 2) -> Signal:
    """Butterworth low-pass along the last axis."""
    out: Signal = sosfilt(_butter(order, round(min(hz, 21_000.0), 1), "lowpass"), signal)
    return out


def highpass(signal: Signal, hz: float, order: int = 2) -> Signal:
    """Butterworth high-pass along the last axis."""
    out: Signal = sosfilt(_butter(order, round(hz, 1), "highpass"), signal)
    return out


def bandpass(signal: Signal, low: float, high: float, order: int = 1) -> Signal:
    """Butterworth band-pass along the last axis."""
    band = (round(low, 1), round(min(high, 21_000.0), 1))
    out: Signal = sosfilt(_butter(order, band, "bandpass"), signal)
    return out


def smooth(signal: Signal, seconds: float) -> Signal:
    """Two passes of a moving average, so that a step becomes an S of twice `seconds`."""
    width = max(1, int(seconds * RATE))
    once = uniform_filter1d(signal, width, mode="nearest")
    out: Signal = uniform_filter1d(once, width, mode="nearest")
    return out


def adsr(
    seconds: float, attack: float, decay: float, sustain: float, release: float, length: int
) -> Signal:
    """An envelope of `length` samples of a note held for `seconds`."""
    corners = [0.0, attack, attack + decay, max(seconds, attack + decay)]
    levels = [0.0, 1.0, sustain, sustain]
    corners.append(corners[-1] + release)
    levels.append(0.0)
    return np.interp(np.arange(length) / RATE, corners, levels)


def partials(
    hz: float, length: int, amplitudes: Sequence[float] | Signal, damping: float = 0.0
) -> Signal:
    """A sum of harmonics; the k-th decays by ``exp(-k * damping * t)``.

    Powers of one complex phasor give all harmonics with a multiplication each.
    """
    step = np.exp((2j * np.pi * hz - damping) * np.arange(length) / RATE)
    power = np.ones(length, dtype=np.complex128)
    out = np.zeros(length)
    for k, amplitude in enumerate(amplitudes, start=1):
        if k * hz > 0.45 * RATE:
            break
        power *= step
        if amplitude:
            out += amplitude * power.imag
    return out


def saw(hz: float | Signal, length: int, phase: float = 0.0) -> Signal:
    """A sawtooth without audible aliasing (two-sample polynomial steps, "polyBLEP")."""
    step = np.broadcast_to(np.asarray(hz) / RATE, (length,))
    angle = (phase + np.cumsum(step)) % 1.0
    out: Signal = 2.0 * angle - 1.0
    after, before = angle < step, angle > 1.0 - step
    late = angle[after] / step[after]
    out[after] -= 2.0 * late - late**2 - 1.0
    early = (angle[before] - 1.0) / step[before]
    out[before] -= early**2 + 2.0 * early + 1.0
    return out


def place(out: Signal, start: float, sound: Signal) -> None:
    """Add `sound` to `out` from `start` seconds on; what hangs over the end is dropped."""
    first = round(start * RATE)
    room = out.shape[-1] - first
    if first < 0 or room <= 0:
        return
    piece = sound[..., :room]
    out[..., first : first + piece.shape[-1]] += piece


def pan(signal: Signal, position: float) -> Signal:
    """Constant-power panning of a mono signal, from -1 (left) to 1 (right)."""
    angle = (position + 1.0) * np.pi / 4.0
    return np.stack([np.cos(angle) * signal, np.sin(angle) * signal])


@lru_cache(maxsize=64)
def _room_response(name: str, seconds: float, bright: float) -> Signal:
    rng = generator("room", name)
    length = int(1.2 * seconds * RATE)
    t = np.arange(length) / RATE
    tail = rng.standard_normal((2, length)) * np.exp(-6.9 * t / seconds)
    tail = highpass(lowpass(tail, bright, 1), 180.0, 1)
    delay = int(rng.uniform(0.008, 0.03) * RATE)
    tail = np.concatenate([np.zeros((2, delay)), tail], axis=1)
    response: Signal = tail / np.sqrt(np.sum(tail**2, axis=1, keepdims=True))
    return response


def room(signal: Signal, name: str, seconds: float, wet: float, bright: float = 6000.0) -> Signal:
    """Add a diffuse stereo reverberation of `seconds` (RT60) at `wet` times the dry level."""
    response = _room_response(name, round(seconds, 3), round(bright, 1))
    length = signal.shape[-1]
    out: Signal = signal + wet * fftconvolve(signal, response, axes=-1)[..., :length]
    return out


def drive(signal: Signal, amount: float) -> Signal:
    """Soft saturation that leaves small signals alone; `amount` is the gain into it."""
    out: Signal = np.tanh(amount * signal) / amount
    return out


def noise(rng: np.random.Generator, length: int) -> Signal:
    """White noise of unit variance."""
    return rng.standard_normal(length)
