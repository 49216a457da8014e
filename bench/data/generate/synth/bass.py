"""The bass line: fingered, picked, synthesised or sub, following the chords and the groove."""

from __future__ import annotations

import numpy as np

from bench.data.generate.synth import dsp
from bench.data.generate.synth.dsp import Signal
from bench.data.generate.synth.score import Note, Score, fit

_PATTERNS = (
    # r: root, 5: fifth, 3: third, o: octave, a: approach to the next root; .: goes on, ' ': rest
    "r.r.r.r.r.r.r.r.",
    "r.......r...5...",
    "r..r..r.r..r..o.",
    "r. o.r.r..o.r.5.",
    "r...3...5...a...",
    "..r...r...r...r.",
    "r.....5.r.....a.",
    "r..  r.o. r.5..a",
    "r...............",
    "r.o.r.o.r.o.r.o.",
    "r...r.5.o...5.r.",
)


def line(score: Score, rng: np.random.Generator) -> list[Note]:
    """A bass line over the chords, in one rhythm with a variation every fourth bar."""
    patterns = rng.choice(len(_PATTERNS), size=2, replace=False)
    low = int(rng.integers(28, 33))
    notes: list[Note] = []
    for bar in range(score.bars):
        pattern = _PATTERNS[patterns[1 if bar % 4 == 3 else 0]]
        degree = score.chord(bar)[0]
        following = score.chord(bar + 1)[0]
        tones = {"r": degree, "5": degree + 4, "3": degree + 2, "a": following + 1}
        for step, mark in enumerate(pattern):
            if mark in ". ":
                continue
            steps = 1
            while step + steps < 16 and pattern[step + steps] == ".":
                steps += 1
            semitones = score.scale(tones.get(mark, degree))
            pitch = fit(36 + score.root + semitones, low, low + 12) + (12 if mark == "o" else 0)
            start = score.at(bar, step)
            if start >= 0:
                length = steps * score.sixteenth * rng.uniform(0.75, 0.97)
                notes.append(Note(start, length, pitch, float(rng.uniform(0.75, 1.0))))
    return notes


def _plucked(note: Note, length: int, pluck: float, damping: float, tone: float) -> Signal:
    """A string: harmonics shaped by where it is plucked, the high ones dying first."""
    k = np.arange(1, 33)
    amplitudes = np.sin(np.pi * k * pluck) / k**tone
    string = dsp.partials(dsp.hertz(note.pitch), length, amplitudes, damping)
    return string * np.exp(-1.2 * np.arange(length) / dsp.RATE)


def _synth(note: Note, length: int, cutoff: float, sweep: float, square: bool) -> Signal:
    hz = dsp.hertz(note.pitch)
    wave = dsp.saw(hz, length)
    if square:
        wave = wave - dsp.saw(hz, length, phase=0.5)
    closing = np.exp(-np.arange(length) / dsp.RATE / 0.12)
    dark, bright = dsp.lowpass(wave, cutoff), dsp.lowpass(wave, cutoff * sweep)
    return 0.6 * (dark + closing * (bright - dark))


def render(score: Score, rng: np.random.Generator) -> Signal:
    """The bass of a song, stereo ``(2, n)``."""
    mono = np.zeros(int(score.seconds * dsp.RATE))
    kind = str(rng.choice(["finger", "pick", "synth", "sub"], p=[0.4, 0.2, 0.25, 0.15]))
    pluck, damping = rng.uniform(0.12, 0.35), rng.uniform(0.8, 2.5)
    tone = rng.uniform(1.3, 1.7) if kind == "finger" else rng.uniform(0.7, 1.1)
    cutoff, sweep, square = rng.uniform(150, 500), rng.uniform(2.0, 6.0), bool(rng.random() < 0.4)
    for note in line(score, rng):
        length = int((note.seconds + 0.08) * dsp.RATE)
        if kind == "synth":
            sound = _synth(note, length, cutoff, sweep, square)
        elif kind == "sub":
            sound = dsp.partials(dsp.hertz(note.pitch), length, [1.0, 0.25, 0.12, 0.05])
        else:
            sound = _plucked(note, length, pluck, damping, tone)
        attack = 0.012 if kind == "sub" else 0.003
        envelope = dsp.adsr(note.seconds, attack, 0.1, 0.9, 0.05, length)
        dsp.place(mono, note.start, note.velocity * envelope * sound)
    if kind in ("finger", "pick"):
        mono = dsp.drive(mono, rng.uniform(0.5, 2.5))
    return dsp.pan(dsp.highpass(mono, 30.0), rng.uniform(-0.1, 0.1))
