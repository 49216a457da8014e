"""Instruments of random timbre: what the separator hears besides the demo's own synthesiser.

The demo's instruments are a few models with a few parameters; a separator that knows only these
fails on recordings. Here a timbre is drawn from what a sound can be: a spectral envelope with
resonances, the slope and the stretching of its partials, how they begin, swell and die, vibrato,
unison, breath and bow noise, distortion. So are drums (modes, noise, metal), grooves and voices.
All is seeded by name, as everything that is synthesised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import STEMS
from bench.data.generate.synth import bass, chords, drums, dsp, voice
from bench.data.generate.synth.dsp import RATE, Signal, generator
from bench.data.generate.synth.score import Note, Score, compose, fit, melody
from bench.data.generate.synth.song import loudness

_LEVEL = {"vocals": (0.0, 3.0), "drums": (-0.5, 3.5), "bass": (-3.0, 3.5), "other": (-0.5, 3.0)}
"""LU against one another: mean and standard deviation."""


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class Timbre:
    """An instrument drawn at random.

    Args:
        rng: draws it.
        sustained: bowed or blown, rather than plucked or struck.
    """

    def __init__(self, rng: np.random.Generator, sustained: bool) -> None:
        self._rng = rng
        self.sustained = sustained
        count = int(rng.integers(6, 36))
        k = np.arange(1, count + 1)
        self._slope = rng.uniform(0.5, 2.2)
        self._jitter = 10.0 ** (rng.normal(0.0, 4.0, count) / 20.0)
        if rng.random() < 0.2:  # a closed tube, a hollow wave
            self._jitter[1::2] *= rng.uniform(0.02, 0.4)
        self._resonances = [
            (_log_uniform(rng, 200.0, 5000.0), rng.uniform(0.08, 0.5), rng.uniform(0.5, 4.0))
            for _ in range(int(rng.integers(1, 5)))
        ]
        stiff = 0.0 if sustained else _log_uniform(rng, 1e-6, 1e-3)
        self._ratios = k * np.sqrt(1.0 + stiff * k**2)
        if not sustained and rng.random() < 0.12:  # bells and bars
            self._ratios = np.sort(1.0 + rng.exponential(1.3, count).cumsum() * 0.5)
            self._ratios[0] = 1.0
        self._damping = 0.0 if sustained else _log_uniform(rng, 0.15, 3.0)
        self._fading = rng.uniform(0.0, 0.6) if sustained else _log_uniform(rng, 0.4, 5.0)
        self._vibrato = rng.uniform(5.0, 45.0) if sustained and rng.random() < 0.6 else 0.0
        self._rate = rng.uniform(4.0, 7.0)
        self._tremolo = rng.uniform(0.1, 0.5) if rng.random() < 0.15 else 0.0
        self._unison = [0.0] if rng.random() < 0.5 else list(rng.normal(0.0, 6.0, 2))
        self._breath = _log_uniform(rng, 0.002, 0.12) if sustained else 0.0
        self._strike = _log_uniform(rng, 0.02, 0.6) if not sustained else 0.0
        self._strike_band = _log_uniform(rng, 400.0, 6000.0)
        self._brightening = rng.uniform(0.0, 0.5) if sustained else 0.0
        self.attack = _log_uniform(rng, 0.01, 0.2) if sustained else rng.uniform(0.001, 0.006)
        self.release = rng.uniform(0.04, 0.4)
        self._takes: dict[int, Signal] = {}

    def _envelope(self, hz: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Amplitude that the body gives to a partial at `hz`."""
        octaves = np.log2(hz[:, None] / np.array([r[0] for r in self._resonances]))
        widths = np.array([r[1] for r in self._resonances]) * 2.0
        heights = np.array([r[2] for r in self._resonances])
        shape: NDArray[np.float64] = 0.3 + np.sum(heights * np.exp(-((octaves / widths) ** 2)), 1)
        return shape

    def _take(self, pitch: int, length: int) -> Signal:
        t = np.arange(length) / RATE
        hz = dsp.hertz(pitch)
        out = np.zeros(length)
        bend = self._vibrato * np.minimum(t / 0.35, 1.0) * np.sin(2 * np.pi * self._rate * t)
        k = np.arange(1, len(self._ratios) + 1)
        heard = self._ratios * hz < 0.42 * RATE
        amplitudes = self._jitter / k**self._slope * self._envelope(self._ratios * hz)
        amplitudes /= np.sqrt(np.sum(amplitudes[heard] ** 2)) + 1e-9
        swell = 1.0 - self._brightening * np.exp(-t / 0.12)
        for detune in self._unison:
            cents = detune + bend if self._vibrato else detune
            step = 2 * np.pi * hz * 2.0 ** (cents / 1200.0) / RATE
            angle = np.cumsum(np.broadcast_to(step, (length,))) + self._rng.uniform(0, 6.28)
            for ratio, amplitude, index in zip(
                self._ratios[heard], amplitudes[heard], k[heard], strict=True
            ):
                if amplitude < 2e-3:
                    continue
                partial = amplitude * np.sin(ratio * angle)
                if self._damping:
                    partial *= np.exp(-self._damping * index * t)
                elif self._brightening and index > 3:
                    partial *= swell
                out += partial
        out *= np.exp(-self._fading * t)
        if self._tremolo:
            out *= 1.0 - self._tremolo * (0.5 + 0.5 * np.sin(2 * np.pi * self._rate * t))
        if self._breath:
            air = dsp.bandpass(dsp.noise(self._rng, length), 0.8 * hz, min(12 * hz, 15_000.0))
            out += self._breath * air
        if self._strike:
            burst = dsp.bandpass(
                dsp.noise(self._rng, length), self._strike_band, 3 * self._strike_band
            )
            out += self._strike * burst * np.exp(-t / 0.012)
        return out

    def play(self, note: Note, length: int) -> Signal:
        """The sound of a note, `length` samples; a pitch is synthesised once."""
        if len(self._takes.get(note.pitch, ())) < length:
            self._takes[note.pitch] = self._take(note.pitch, int(1.2 * length))
        return self._takes[note.pitch][:length]


def _play(score: Score, notes: list[Note], timbre: Timbre) -> Signal:
    out = np.zeros(int(score.seconds * RATE))
    for note in notes:
        held = min(note.seconds, 4.0)
        length = int((max(held, timbre.attack + 0.05) + timbre.release) * RATE)
        shape = dsp.adsr(held, timbre.attack, 0.1, 0.9, timbre.release, length)
        dsp.place(out, note.start, note.velocity * shape * timbre.play(note, length))
    return out


def _distort(sound: Signal, rng: np.random.Generator) -> Signal:
    """An amplifier: much gain into a soft or a hard limit, then a loudspeaker's band."""
    level = float(np.sqrt(np.mean(sound**2))) + 1e-9
    pushed = sound / level * _log_uniform(rng, 1.0, 20.0)
    bent = np.tanh(pushed) if rng.random() < 0.7 else np.clip(pushed, -1.0, 1.0)
    bent += 0.1 * rng.random() * np.abs(bent)
    return dsp.highpass(dsp.lowpass(bent, rng.uniform(3500.0, 7000.0)), 70.0)


def _riff(score: Score, rng: np.random.Generator) -> list[Note]:
    """Power chords: roots and fifths low on the neck, in a rhythm with dead strokes."""
    low = int(rng.integers(38, 46))
    rhythm = rng.random(16) < rng.uniform(0.3, 0.8)
    rhythm[0] = True
    notes = []
    for bar in range(score.bars):
        root = fit(36 + score.root + score.scale(score.chord(bar)[0]), low, low + 12)
        for step in np.flatnonzero(rhythm):
            start = score.at(bar, int(step))
            length = score.sixteenth * (0.4 if rng.random() < 0.3 else rng.uniform(0.8, 3.0))
            if start >= 0:
                notes += [Note(start, length, root + d, 0.9) for d in (0, 7, 12)]
    return notes


def _drone(score: Score, rng: np.random.Generator) -> list[Note]:
    """Long chords, a bar or two each."""
    low = int(rng.integers(45, 65))
    notes = []
    for bar in range(score.bars):
        start = max(0.0, score.at(bar, 0))
        for degree in score.chord(bar, int(rng.choice([2, 3, 4]))):
            pitch = fit(48 + score.root + score.scale(degree), low, low + 14)
            notes.append(Note(start, 15.5 * score.sixteenth, pitch, float(rng.uniform(0.6, 1))))
    return notes


def _random_layer(score: Score, rng: np.random.Generator) -> Signal:
    sustained = bool(rng.random() < 0.5)
    timbre = Timbre(rng, sustained)
    style = rng.random()
    if style < 0.3:
        low = int(rng.integers(48, 74))
        notes = melody(score, rng, low, low + 18, busy=float(rng.uniform(0.2, 0.9)))
    elif style < 0.5:
        notes = chords.arpeggio(score, rng)
    elif style < 0.65 and sustained:
        notes = _drone(score, rng)
    elif style < 0.8:
        notes = chords.comp(score, rng, "guitar" if rng.random() < 0.5 else "piano")
    else:
        notes = _riff(score, rng)
    sound = _play(score, notes, timbre)
    if rng.random() < (0.6 if style >= 0.8 else 0.15):
        sound = _distort(sound, rng)
    return sound


def _other(score: Score, rng: np.random.Generator) -> Signal:
    """Two to five layers across the stage, most of random timbre."""
    out = np.zeros((2, int(score.seconds * RATE)))
    if rng.random() < 0.35:
        out += chords.render(score, rng)
        out /= np.sqrt(np.mean(out**2)) + 1e-9
    for _ in range(int(rng.integers(1, 5))):
        layer = _random_layer(score, rng)
        layer /= np.sqrt(np.mean(layer**2)) + 1e-9
        stereo = dsp.pan(layer, rng.uniform(-0.9, 0.9))
        if rng.random() < 0.3:  # doubled by a late twin on the other side
            late = int(rng.uniform(0.006, 0.025) * RATE)
            stereo[:, late:] += 0.7 * stereo[::-1, :-late]
        out += _log_uniform(rng, 0.3, 1.2) * stereo
    if rng.random() < 0.25:
        hiss = dsp.bandpass(dsp.noise(rng, out.shape[-1]), 300.0, _log_uniform(rng, 2e3, 1.5e4))
        sweep = dsp.smooth(rng.random(out.shape[-1]), 0.5)
        out += dsp.pan(rng.uniform(0.02, 0.3) * hiss * sweep, rng.uniform(-0.7, 0.7))
    name = f"{score.name}/other"
    return dsp.room(out, name, rng.uniform(0.2, 2.5), rng.uniform(0.0, 0.4))


def _struck(rng: np.random.Generator, low: float, high: float, noisy: float) -> Signal:
    """A membrane or a block: a few modes that start sharp and die, and a burst of noise."""
    seconds = _log_uniform(rng, 0.08, 0.7)
    t = dsp.times(1.5 * seconds)
    base = _log_uniform(rng, low, high)
    sweep = rng.uniform(0.0, 2.5) if base < 130 else rng.uniform(0.0, 0.2)
    angle = 2 * np.pi * np.cumsum(1.0 + sweep * np.exp(-t / rng.uniform(0.01, 0.05))) / RATE
    out = np.zeros(len(t))
    for ratio in (1.0, *np.sort(rng.uniform(1.3, 4.5, int(rng.integers(0, 5))))):
        amplitude = rng.uniform(0.2, 1.0) / ratio
        out += amplitude * np.sin(base * ratio * angle) * np.exp(-5.0 * t * ratio**0.7 / seconds)
    first = _log_uniform(rng, 300.0, 4000.0)
    burst = dsp.bandpass(dsp.noise(rng, len(t)), first, _log_uniform(rng, 2 * first, 14_000.0))
    out += noisy * burst * np.exp(-t / _log_uniform(rng, 0.004, 0.12))
    return dsp.drive(out, rng.uniform(0.5, 2.5))


def _metal(rng: np.random.Generator, seconds: float) -> Signal:
    """A cymbal: scores of modes at random and noise, the high ones dying first."""
    t = dsp.times(1.3 * seconds)
    modes = np.exp(rng.uniform(np.log(350.0), np.log(14_000.0), 45))
    out = np.zeros(len(t))
    for hz in modes:
        out += (
            rng.normal()
            * np.sin(2 * np.pi * hz * t + rng.uniform(0, 6.28))
            * np.exp(-t * (3.0 + hz / 4000.0) / seconds)
        )
    hiss = dsp.highpass(dsp.noise(rng, len(t)), rng.uniform(2500.0, 7000.0))
    out = out / 6.0 + rng.uniform(0.3, 1.5) * hiss * np.exp(-5.0 * t / seconds)
    return dsp.highpass(out, _log_uniform(rng, 250.0, 5000.0))


def _drums(score: Score, rng: np.random.Generator) -> Signal:
    """A kit of random sounds that plays a groove of random density."""
    out = np.zeros((2, int(score.seconds * RATE)))
    kick, snare = (
        _struck(rng, 40.0, 90.0, rng.uniform(0.0, 0.4)),
        [_struck(rng, 140.0, 330.0, rng.uniform(0.4, 2.0)) for _ in range(2)],
    )
    hat = [_metal(rng, _log_uniform(rng, 0.04, 0.15)) for _ in range(2)]
    ride, crash = _metal(rng, rng.uniform(0.4, 1.5)), _metal(rng, rng.uniform(1.0, 2.5))
    extra = [_struck(rng, 80.0, 1200.0, rng.uniform(0.0, 1.0)) for _ in range(3)]
    density = rng.uniform(0.3, 1.0)
    grid = np.arange(16)
    kicks = (grid % 8 == 0) | (rng.random(16) < 0.2 * density)
    snares = (grid % 8 == 4) | (rng.random(16) < 0.06 * density)
    pulse = int(rng.choice([1, 2, 4]))
    hats = (grid % pulse == 0) & (rng.random(16) < 0.95)
    extras = rng.random((3, 16)) < rng.uniform(0.0, 0.2)
    ridden = rng.random() < 0.3
    levels = {"hat": _log_uniform(rng, 0.08, 0.6), "extra": rng.uniform(0.1, 0.6)}
    places = rng.uniform(-0.7, 0.7, 5)

    def hit(take: Signal, start: float, level: float, at: float) -> None:
        late = start + rng.normal(0.0, 0.005)
        dsp.place(out, max(0.0, late), dsp.pan(level * rng.uniform(0.7, 1.1) * take, at))

    for bar in range(score.bars):
        fill = bar % 4 == 3 and rng.random() < 0.5
        for step in range(16):
            start = score.at(bar, step)
            if start < 0:
                continue
            if kicks[step]:
                hit(kick, start, 1.0, 0.0)
            if snares[step] or (fill and step > 8 and rng.random() < 0.7):
                hit(snare[step % 2], start, 0.9, 0.05)
            if hats[step]:
                hit(ride if ridden else hat[step % 2], start, levels["hat"], places[0])
            for k in range(3):
                if extras[k, step]:
                    hit(extra[k], start, levels["extra"], places[1 + k])
        if bar % 4 == 0 and rng.random() < 0.6 and score.at(bar, 0) >= 0:
            hit(crash, score.at(bar, 0), rng.uniform(0.2, 0.7), places[4])
    name = f"{score.name}/drums"
    wet = dsp.room(out, name, _log_uniform(rng, 0.15, 1.5), rng.uniform(0.0, 0.5), 8000.0)
    return dsp.drive(wet, rng.uniform(0.5, 2.5))


def _bass(score: Score, rng: np.random.Generator) -> Signal:
    if rng.random() < 0.5:
        sound = bass.render(score, rng)
    else:
        timbre = Timbre(rng, bool(rng.random() < 0.3))
        sound = dsp.pan(_play(score, bass.line(score, rng), timbre), rng.uniform(-0.1, 0.1))
        sound = dsp.lowpass(sound, _log_uniform(rng, 500.0, 6000.0))
    if rng.random() < 0.3:
        level = float(np.sqrt(np.mean(sound**2))) + 1e-9
        sound = dsp.lowpass(dsp.drive(sound / level, _log_uniform(rng, 0.3, 6.0)), 5000.0)
    return sound


def _spoken(score: Score, rng: np.random.Generator, low: int) -> list[Note]:
    """Syllables in sixteenths whose pitch wanders, as in rap and speech."""
    notes, pitch = [], low + 5.0
    start = float(rng.uniform(0.0, 1.0))
    while start < score.seconds - 0.3:
        length = score.sixteenth * rng.choice([0.8, 1.0, 1.5, 2.0])
        pitch = float(np.clip(pitch + rng.normal(0.0, 1.5), low, low + 12))
        if rng.random() < 0.88:
            notes.append(Note(start, 0.9 * length, round(pitch), float(rng.uniform(0.6, 1.0))))
        start += length if rng.random() < 0.93 else 6 * length
    return notes


def _voices(score: Score, rng: np.random.Generator) -> Signal:
    """One to four singers or speakers of wider range, roughness and breath than the demo's."""
    length = int(score.seconds * RATE)
    out = np.zeros((2, length))
    lead = voice.draw_singer(rng)
    if rng.random() < 0.25:
        notes = _spoken(score, rng, lead.low)
    else:
        notes = melody(score, rng, lead.low, lead.high, busy=float(rng.uniform(0.1, 0.95)))
    notes = [n for n in notes if n.start < score.seconds - 0.3]
    for k in range(int(rng.choice([1, 2, 3, 4], p=[0.5, 0.25, 0.15, 0.1]))):
        singer = replace(
            lead if rng.random() < 0.5 else voice.draw_singer(rng),
            tract=float(rng.uniform(0.82, 1.28)),
            breath=_log_uniform(rng, 0.01, 0.4),
            open_quotient=float(rng.uniform(0.4, 0.85)),
            vibrato_cents=float(rng.choice([0.0, rng.uniform(10, 90)])),
            glide=_log_uniform(rng, 0.008, 0.09),
        )
        shift = 0 if k == 0 else int(rng.choice([-12, -7, -5, -4, 0, 3, 4, 7, 12]))
        part = [replace(n, pitch=n.pitch + shift) for n in notes]
        sound = voice.sing(part, singer, rng, length)
        if rng.random() < 0.2:  # growl: every other pulse weaker
            rough = 1.0 + rng.uniform(0.2, 0.8) * dsp.smooth(rng.standard_normal(length), 0.002) * 6
            sound = sound * rough
        at = 0.0 if k == 0 else rng.uniform(-0.8, 0.8)
        out += (1.0 if k == 0 else rng.uniform(0.2, 0.7)) * dsp.pan(sound, at)
    if rng.random() < 0.3:
        echo = int(rng.choice([2, 3, 4]) * score.sixteenth * RATE)
        out[:, echo:] += rng.uniform(0.1, 0.4) * out[::-1, :-echo]
    name = f"{score.name}/vocals"
    wet = dsp.room(dsp.highpass(out, 80.0), name, rng.uniform(0.2, 2.5), rng.uniform(0.0, 0.45))
    return dsp.drive(wet / 4.0, _log_uniform(rng, 0.4, 4.0))


_RENDER: dict[str, tuple[Callable[[Score, np.random.Generator], Signal], ...]] = {
    "vocals": (_voices, voice.render),
    "drums": (_drums, drums.render),
    "bass": (_bass,),
    "other": (_other, chords.render),
}


def make_varied_song(name: str, seconds: float = 10.0) -> dict[str, Signal]:
    """Compose and play the song `name` with instruments drawn at random.

    Args:
        name: seeds everything: the same name is the same song.
        seconds: length, at least 2 s.

    Returns:
        The four stems ``(2, n)`` at 44.1 kHz, of a mixture of about -16 LUFS, peaks below 1.
    """
    rng = generator(name, "varied mix")
    score = compose(name, seconds)
    if rng.random() < 0.4:
        score = replace(score, tempo=round(_log_uniform(rng, 55.0, 185.0), 2))
    stems: dict[str, Signal] = {}
    for stem in STEMS:
        makers = _RENDER[stem]
        maker = makers[0] if rng.random() < 0.7 else makers[-1]
        sound = maker(score, generator(name, "varied", stem))
        mean, spread = _LEVEL[stem]
        wanted = -20.0 + mean + float(np.clip(rng.normal(0.0, spread), -2 * spread, 2 * spread))
        level = loudness(sound)
        stems[stem] = sound * 10.0 ** ((wanted - level) / 20.0) if np.isfinite(level) else sound
    peak = max(float(np.abs(x).max()) for x in stems.values())
    return {k: x * min(1.0, 0.89 / max(peak, 1e-9)) for k, x in stems.items()}
