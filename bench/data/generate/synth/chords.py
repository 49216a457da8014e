"""The accompaniment ("other"): keys, guitars, organs, pads, strings and leads in layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.data.generate.synth import dsp
from bench.data.generate.synth.dsp import Signal
from bench.data.generate.synth.score import Note, Score, fit, melody

Voice = Callable[[Note, int], Signal]


def _electric_piano(rng: np.random.Generator) -> Voice:
    index, ratio = rng.uniform(0.6, 2.2), float(rng.choice([1.0, 2.0, 14.0]))

    def play(note: Note, length: int) -> Signal:
        t = np.arange(length) / dsp.RATE
        hz = dsp.hertz(note.pitch)
        if ratio * hz > 9000:
            return np.sin(2 * np.pi * hz * t) * np.exp(-1.8 * t)
        depth = index * note.velocity * np.exp(-t / 0.35) / (1 + ratio / 7)
        return np.sin(2 * np.pi * hz * t + depth * np.sin(2 * np.pi * ratio * hz * t)) * np.exp(
            -1.5 * t
        )

    return play


def _piano(rng: np.random.Generator) -> Voice:
    tone, damping = rng.uniform(1.0, 1.5), rng.uniform(0.4, 0.9)
    amplitudes = np.sin(np.pi * np.arange(1, 21) / 8.3) / np.arange(1, 21) ** tone

    def play(note: Note, length: int) -> Signal:
        hz, loss = dsp.hertz(note.pitch), damping * (note.pitch / 60.0) ** 2
        strings = dsp.partials(hz * 1.0007, length, amplitudes, loss)
        strings += dsp.partials(hz * 0.9995, length, amplitudes, loss)
        return strings * np.exp(-0.9 * np.arange(length) / dsp.RATE)

    return play


def _guitar(rng: np.random.Generator) -> Voice:
    pluck, damping = rng.uniform(0.08, 0.3), rng.uniform(0.5, 2.5)
    gain = float(rng.choice([0.5, 1.0, 6.0], p=[0.5, 0.25, 0.25]))
    k = np.arange(1, 26)
    amplitudes = np.sin(np.pi * k * pluck) / k**0.9

    def play(note: Note, length: int) -> Signal:
        string = dsp.partials(dsp.hertz(note.pitch), length, amplitudes, damping)
        return dsp.lowpass(dsp.drive(string, gain), 5500.0, 1)

    return play


def _organ(rng: np.random.Generator) -> Voice:
    bars = np.zeros(12)
    for harmonic in (1, 2, 3, 4, 6, 8, 12):
        bars[harmonic - 1] = rng.choice([0.0, 0.3, 0.6, 1.0])
    bars[0] = 1.0

    def play(note: Note, length: int) -> Signal:
        return 0.5 * dsp.partials(dsp.hertz(note.pitch), length, bars)

    return play


def _pad(rng: np.random.Generator) -> Voice:
    cutoff, detune = rng.uniform(600, 3500), rng.uniform(0.002, 0.008)
    phases = rng.random(2)

    def play(note: Note, length: int) -> Signal:
        hz = dsp.hertz(note.pitch)
        wave = dsp.saw(hz * (1 + detune), length, phases[0])
        wave += dsp.saw(hz * (1 - detune), length, phases[1])
        return 0.5 * dsp.lowpass(wave, cutoff)

    return play


def _lead(rng: np.random.Generator) -> Voice:
    cutoff, rate = rng.uniform(1200, 5000), rng.uniform(4.5, 6.5)
    square = bool(rng.random() < 0.5)

    def play(note: Note, length: int) -> Signal:
        t = np.arange(length) / dsp.RATE
        vibrato = 1 + 0.004 * np.minimum(t / 0.3, 1.0) * np.sin(2 * np.pi * rate * t)
        hz = dsp.hertz(note.pitch) * vibrato
        wave = dsp.saw(hz, length)
        if square:
            wave = wave - dsp.saw(hz, length, phase=0.5)
        return 0.6 * dsp.lowpass(wave, cutoff)

    return play


_MAKERS: dict[str, tuple[Callable[[np.random.Generator], Voice], float, float, float]] = {
    # maker, attack, sustain, release
    "electric piano": (_electric_piano, 0.003, 1.0, 0.15),
    "piano": (_piano, 0.002, 1.0, 0.12),
    "guitar": (_guitar, 0.002, 1.0, 0.06),
    "organ": (_organ, 0.012, 0.95, 0.05),
    "pad": (_pad, 0.25, 0.9, 0.4),
    "strings": (_pad, 0.09, 0.85, 0.25),
    "lead": (_lead, 0.012, 0.7, 0.08),
    "pluck": (_guitar, 0.001, 0.0, 0.05),
}
_COMPING = (
    "x...............",
    "x.......x.......",
    "x...x...x...x...",
    "....x.......x...",
    "x.x.x.x.x.x.x.x.",
    "..x...x...x...x.",
    "x..x..x.x..x..x.",
    "x..x....x.x.....",
)


def _voicing(score: Score, bar: int, low: int, size: int) -> list[int]:
    degrees = score.chord(bar, size)
    return sorted(fit(48 + score.root + score.scale(d), low, low + 12) for d in degrees)


def comp(score: Score, rng: np.random.Generator, name: str) -> list[Note]:
    """Chords in a rhythm: held, on the beat, off the beat, or strummed."""
    low, size = int(rng.integers(46, 58)), int(rng.choice([3, 4]))
    rhythm = _COMPING[0] if name == "pad" else _COMPING[int(rng.integers(len(_COMPING)))]
    strum = rng.uniform(0.008, 0.02) if name == "guitar" else 0.0
    short = bool(rng.random() < 0.35) and name != "pad"
    notes = []
    for bar in range(score.bars):
        voicing = _voicing(score, bar, low, size)
        for step in (s for s in range(16) if rhythm[s] == "x"):
            steps = next((k for k in range(1, 16 - step) if rhythm[step + k] == "x"), 16 - step)
            length = score.sixteenth * (min(steps, 1.5) if short else 0.95 * steps)
            velocity = rng.uniform(0.7, 1.0)
            for k, pitch in enumerate(voicing):
                start = score.at(bar, step) + k * strum
                if start < 0 < start + length - 0.1:
                    start, length = 0.0, length + start
                if start >= 0:
                    notes.append(Note(start, length, pitch, float(velocity)))
    return notes


def arpeggio(score: Score, rng: np.random.Generator) -> list[Note]:
    """Broken chords in eighths or sixteenths."""
    low, steps = int(rng.integers(50, 64)), int(rng.choice([1, 2]))
    order = rng.permutation(4) if rng.random() < 0.5 else np.array([0, 1, 2, 3])
    notes = []
    for bar in range(score.bars):
        voicing = _voicing(score, bar, low, 4)
        for count, step in enumerate(range(0, 16, steps)):
            start = score.at(bar, step)
            if start >= 0 and rng.random() < 0.93:
                pitch = voicing[order[count % 4]] + 12 * (count % 8 > 5)
                length = score.sixteenth * steps * 0.95
                notes.append(Note(start, length, pitch, float(rng.uniform(0.6, 1.0))))
    return notes


def _layer(score: Score, rng: np.random.Generator, name: str) -> Signal:
    maker, attack, sustain, release = _MAKERS[name]
    play = maker(rng)
    if name == "lead":
        notes = melody(score, rng, 60, 81, busy=float(rng.uniform(0.3, 0.9)))
    elif name == "pluck" or (name in ("electric piano", "piano", "guitar") and rng.random() < 0.3):
        notes = arpeggio(score, rng)
    else:
        notes = comp(score, rng, name)
    out = np.zeros(int(score.seconds * dsp.RATE))
    decay = 0.3 if name == "pluck" else 0.2
    for note in notes:
        length = int((max(note.seconds, attack + decay) + release) * dsp.RATE)
        envelope = dsp.adsr(note.seconds, attack, decay, sustain, release, length)
        dsp.place(out, note.start, note.velocity * envelope * play(note, length))
    level = float(np.sqrt(np.mean(out**2))) + 1e-9
    out /= level
    return out


def render(score: Score, rng: np.random.Generator) -> Signal:
    """The accompaniment of a song, stereo ``(2, n)``: two or three layers across the stage."""
    count = int(rng.choice([2, 3], p=[0.6, 0.4]))
    names = rng.choice(list(_MAKERS), size=count, replace=False)
    side = float(rng.choice([-1.0, 1.0]))
    out = np.zeros((2, int(score.seconds * dsp.RATE)))
    for k, name in enumerate(names):
        sound = _layer(score, rng, str(name)) * (0.8**k)
        at = side * rng.uniform(0.0, 0.8) * (-1.0) ** k
        layer = dsp.pan(sound, at)
        if rng.random() < 0.5:
            wobble = int(rng.uniform(0.008, 0.02) * dsp.RATE)
            layer[int(at < 0), wobble:] += 0.6 * layer[int(at >= 0), :-wobble]
        out += layer
    wet, size = rng.uniform(0.05, 0.4), rng.uniform(0.5, 2.0)
    return dsp.room(dsp.highpass(out, 70.0, 1), score.name + "/other", size, wet)
