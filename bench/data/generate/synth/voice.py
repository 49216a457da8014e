"""The singer: a glottal source with vibrato through vowel formants, consonants, phrases, breath.

The glottal flow is Rosenberg's pulse (1971); the formants are the average vowels of Peterson and
Barney (1952) with the upper formants of singers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter, sosfilt

from bench.data.generate.synth import dsp
from bench.data.generate.synth.dsp import Signal
from bench.data.generate.synth.score import Note, Score, melody

_VOWELS = {
    "i": (270.0, 2290.0, 3010.0),
    "e": (530.0, 1840.0, 2480.0),
    "ae": (660.0, 1720.0, 2410.0),
    "a": (730.0, 1090.0, 2440.0),
    "o": (570.0, 840.0, 2410.0),
    "u": (300.0, 870.0, 2240.0),
    "uh": (640.0, 1190.0, 2390.0),
}
_BANDWIDTHS = (70.0, 90.0, 120.0, 180.0, 250.0)
_CONSONANTS = {
    # name: band in Hz, seconds of noise, seconds of closure before it, level
    "s": (4800.0, 10_000.0, 0.09, 0.0, 0.6),
    "sh": (2200.0, 6500.0, 0.09, 0.0, 0.6),
    "f": (1500.0, 9000.0, 0.07, 0.0, 0.25),
    "h": (600.0, 4000.0, 0.06, 0.0, 0.3),
    "t": (3000.0, 8000.0, 0.025, 0.03, 0.8),
    "k": (1300.0, 3500.0, 0.03, 0.03, 0.8),
    "p": (500.0, 2500.0, 0.02, 0.04, 0.6),
}


@dataclass(frozen=True)
class Singer:
    """A singer's voice: range, tract length, vibrato, effort and breath."""

    low: int
    high: int
    tract: float
    vibrato_hz: float
    vibrato_cents: float
    open_quotient: float
    breath: float
    glide: float


def draw_singer(rng: np.random.Generator) -> Singer:
    """A singer at random, of either sex."""
    female = rng.random() < 0.5
    low = int(rng.integers(55, 61)) if female else int(rng.integers(43, 50))
    return Singer(
        low=low,
        high=low + int(rng.integers(14, 18)),
        tract=float(rng.uniform(1.1, 1.22) if female else rng.uniform(0.92, 1.06)),
        vibrato_hz=float(rng.uniform(4.8, 6.4)),
        vibrato_cents=float(rng.uniform(15, 70)),
        open_quotient=float(rng.uniform(0.5, 0.75)),
        breath=float(rng.uniform(0.01, 0.06)),
        glide=float(rng.uniform(0.015, 0.045)),
    )


def _formants(vowel: str, tract: float) -> Signal:
    """A cascade of five resonators, each of gain 1 at 0 Hz, as second-order sections."""
    centres = [f * tract for f in (*_VOWELS[vowel], 3500.0, 4500.0)]
    radius = np.exp(-np.pi * np.array(_BANDWIDTHS) / dsp.RATE)
    turn = np.cos(2 * np.pi * np.array(centres) / dsp.RATE)
    a1, a2 = -2 * radius * turn, radius**2
    zero, one = np.zeros(5), np.ones(5)
    return np.stack([1 + a1 + a2, zero, zero, one, a1, a2], axis=1)


def _pitch(notes: list[Note], singer: Singer, rng: np.random.Generator, length: int) -> Signal:
    """The fundamental in Hz: notes joined by glides, vibrato that sets in late, slow drift."""
    midi = np.full(length, float(notes[0].pitch))
    depth = np.zeros(length)
    for note in notes:
        first = int(note.start * dsp.RATE)
        last = int((note.start + note.seconds) * dsp.RATE)
        midi[first:] = note.pitch + rng.normal(0.0, 0.08)
        onset = first + int(0.18 * dsp.RATE)
        if last > onset:
            depth[onset:last] = singer.vibrato_cents / 100.0
    midi, depth = dsp.smooth(midi, singer.glide), dsp.smooth(depth, 0.1)
    t = np.arange(length) / dsp.RATE
    midi += depth * np.sin(2 * np.pi * singer.vibrato_hz * t + rng.uniform(0, 6.28))
    midi += dsp.smooth(rng.standard_normal(length), 0.02) * 1.5
    return 440.0 * 2.0 ** ((midi - 69.0) / 12.0)


def _glottis(hz: Signal, singer: Singer, rng: np.random.Generator) -> Signal:
    """Rosenberg's glottal flow, differentiated by the lips, with breath while it is open."""
    phase = np.cumsum(hz / dsp.RATE) % 1.0
    opening, closing = 0.66 * singer.open_quotient, 0.34 * singer.open_quotient
    rise = 0.5 * (1 - np.cos(np.pi * phase / opening))
    fall = np.cos(0.5 * np.pi * (phase - opening) / closing)
    flow = np.where(phase < opening, rise, np.where(phase < opening + closing, fall, 0.0))
    breath = singer.breath * flow * dsp.noise(rng, len(hz))
    source: Signal = lfilter([1.0, -0.99], [1.0], flow) * (200.0 / hz) + 0.12 * breath
    return source


def _loudness(notes: list[Note], rng: np.random.Generator, length: int) -> Signal:
    level = np.zeros(length)
    for note in notes:
        first = int(note.start * dsp.RATE)
        last = min(length, int((note.start + note.seconds) * dsp.RATE))
        swell = np.interp(np.arange(last - first) / dsp.RATE, [0, 0.15, 0.6, 3], [0.8, 1, 0.9, 0.6])
        level[first:last] = note.velocity * swell
    return dsp.smooth(level, 0.018) * (1 + 0.3 * dsp.smooth(dsp.noise(rng, length), 0.05))


def sing(notes: list[Note], singer: Singer, rng: np.random.Generator, length: int) -> Signal:
    """One voice ``(n,)`` that sings `notes` on vowels drawn for the line, with consonants."""
    if not notes:
        return np.zeros(length)
    vowels = list(rng.choice(list(_VOWELS), size=4, replace=False))
    source = _glottis(_pitch(notes, singer, rng, length), singer, rng)
    level = _loudness(notes, rng, length)
    which = np.zeros(length, dtype=np.int64)
    for note in notes:
        first, half = int(note.start * dsp.RATE), int(0.6 * note.seconds * dsp.RATE)
        which[first:] = rng.integers(len(vowels))
        if rng.random() < 0.25:  # a diphthong
            which[first + half :] = rng.integers(len(vowels))
    noises = np.zeros(length)
    for note in notes:
        if rng.random() < 0.65:
            low, high, seconds, closure, loud = _CONSONANTS[str(rng.choice(list(_CONSONANTS)))]
            t = dsp.times(seconds)
            shape = np.exp(-t / (0.3 * seconds)) if closure else np.sin(np.pi * t / seconds) ** 2
            burst = dsp.bandpass(dsp.noise(rng, len(t)), low, high) * shape
            start = max(0.0, note.start - seconds)
            dsp.place(noises, start, 0.5 * loud * note.velocity * burst)
            quiet = slice(int(max(0.0, start - closure) * dsp.RATE), int(note.start * dsp.RATE))
            level[quiet] *= 0.15
    level = dsp.smooth(level, 0.006)
    voiced = np.zeros(length)
    for k, vowel in enumerate(vowels):
        weight = dsp.smooth((which == k).astype(np.float64), 0.03)
        voiced += weight * sosfilt(_formants(vowel, singer.tract), source)
    voiced = voiced * level
    voiced /= np.sqrt(np.mean(voiced**2)) + 1e-9
    return voiced + 1.2 * noises


def render(score: Score, rng: np.random.Generator) -> Signal:
    """The vocals of a song, stereo ``(2, n)``: a lead, sometimes doubled or with a second voice."""
    length = int(score.seconds * dsp.RATE)
    singer = draw_singer(rng)
    notes = melody(score, rng, singer.low, singer.high, busy=float(rng.uniform(0.2, 0.9)))
    notes = [n for n in notes if n.start < score.seconds - 0.3]
    out = dsp.pan(sing(notes, singer, rng, length), rng.uniform(-0.15, 0.15))
    extra = rng.random()
    if extra < 0.25:  # doubled
        for side in (-1.0, 1.0):
            out += 0.35 * dsp.pan(sing(notes, singer, rng, length), 0.7 * side)
    elif extra < 0.45:  # a second voice, a third below
        lower = [Note(n.start, n.seconds, n.pitch - 3 - (n.pitch % 2), n.velocity) for n in notes]
        sung = sing(lower, draw_singer(rng), rng, length)
        out += 0.5 * dsp.pan(sung, float(rng.choice([-0.5, 0.5])))
    if rng.random() < 0.3:
        echo = int(3 * score.sixteenth * dsp.RATE)
        out[:, echo:] += 0.2 * out[::-1, :-echo]
    wet, size = rng.uniform(0.08, 0.4), rng.uniform(0.6, 2.2)
    out = dsp.room(dsp.highpass(out, 90.0), score.name + "/vocals", size, wet)
    return dsp.drive(out / 4.0, rng.uniform(0.6, 1.4))
