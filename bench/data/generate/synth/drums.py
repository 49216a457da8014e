"""The drum kit: kick, snare, hats, cymbals, toms and claps, played from a groove."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.data.generate.synth import dsp
from bench.data.generate.synth.dsp import Signal
from bench.data.generate.synth.score import GROOVES, Score

_METAL = np.array([2.0, 3.0, 4.16, 5.43, 6.79, 8.21])
"""Ratios of the six square waves of a classic cymbal circuit."""


def _membrane(
    rng: np.random.Generator, hz: float, sweep: float, seconds: float, click: float
) -> Signal:
    """A kick or a tom: a sine whose pitch falls to `hz`, with the beater's click."""
    t = dsp.times(1.6 * seconds)
    pitch = hz * (1.0 + sweep * np.exp(-t / 0.028))
    body = np.sin(2.0 * np.pi * np.cumsum(pitch) / dsp.RATE) * np.exp(-5.0 * t / seconds)
    beater = dsp.bandpass(dsp.noise(rng, len(t)), 1500.0, 6000.0) * np.exp(-t / 0.004)
    return dsp.drive(1.4 * body + click * beater, 1.3)


def _snare(rng: np.random.Generator, hz: float, wires: float, seconds: float) -> Signal:
    t = dsp.times(1.8 * seconds)
    shell = np.sin(2 * np.pi * hz * (t + 0.004 * (1 - np.exp(-t / 0.01)))) * np.exp(-t / 0.07)
    shell += 0.6 * np.sin(2 * np.pi * 1.72 * hz * t) * np.exp(-t / 0.045)
    rattle = dsp.highpass(dsp.noise(rng, len(t)), 1400.0, 1) * np.exp(-4.5 * t / seconds)
    return dsp.drive(0.7 * shell + 0.5 * wires * rattle, 1.5)


def _cymbal(rng: np.random.Generator, hz: float, cut: float, seconds: float, hiss: float) -> Signal:
    """A hat, ride or crash: inharmonic squares and noise above `cut`, decaying."""
    t = dsp.times(1.5 * seconds)
    metal = np.sum(np.sign(np.sin(2 * np.pi * hz * _METAL[:, None] * t)), axis=0) / 6.0
    mixed = metal + hiss * dsp.noise(rng, len(t))
    return dsp.highpass(mixed, cut, 3) * np.exp(-4.6 * t / seconds)


def _clap(rng: np.random.Generator, hz: float) -> Signal:
    t = dsp.times(0.3)
    bursts = np.zeros(len(t))
    for d in (0.0, 0.011, 0.023):
        bursts += np.where(t >= d, np.exp(-(t - d) / 0.008), 0.0)
    tail = np.where(t >= 0.03, np.exp(-(t - 0.03) / 0.05), 0.0)
    hands = dsp.bandpass(dsp.noise(rng, len(t)), 0.7 * hz, 1.9 * hz)
    out: Signal = hands * (bursts + 0.8 * tail)
    return out


def _shaker(rng: np.random.Generator) -> Signal:
    t = dsp.times(0.11)
    swish: Signal = np.sin(np.pi * np.minimum(t / 0.09, 1.0)) ** 2
    swish *= dsp.bandpass(dsp.noise(rng, len(t)), 5000.0, 12_000.0)
    return swish


@dataclass(frozen=True)
class Kit:
    """Ready-made sounds: a few takes of each piece, so that no two hits are quite the same."""

    kick: list[Signal]
    snare: list[Signal]
    closed: list[Signal]
    open: list[Signal]
    crash: list[Signal]
    toms: list[Signal]


def _kit(rng: np.random.Generator) -> Kit:
    kick_hz, kick_s = rng.uniform(42, 68), rng.uniform(0.18, 0.5)
    sweep, click = rng.uniform(1.5, 5.0), rng.uniform(0.1, 0.9)
    snare_hz, wires, snare_s = rng.uniform(150, 260), rng.uniform(0.6, 1.4), rng.uniform(0.12, 0.35)
    metal_hz, cut, hiss = rng.uniform(35, 62) * 10, rng.uniform(5500, 8500), rng.uniform(0.2, 1.0)
    tight = rng.uniform(0.035, 0.09)
    clap = rng.random() < 0.3
    backbeat = [_clap(rng, rng.uniform(900, 1500)) for _ in range(3)] if clap else []
    snares = backbeat or [
        _snare(rng, snare_hz * rng.uniform(0.99, 1.01), wires, snare_s) for _ in range(3)
    ]
    shaker = rng.random() < 0.2
    return Kit(
        kick=[_membrane(rng, kick_hz, sweep, kick_s, click) for _ in range(2)],
        snare=snares,
        closed=[
            _shaker(rng) if shaker else _cymbal(rng, metal_hz, cut, tight * f, hiss)
            for f in (0.8, 1.0, 1.3)
        ],
        open=[_cymbal(rng, metal_hz, cut, rng.uniform(0.25, 0.5), hiss) for _ in range(2)],
        crash=[_cymbal(rng, 1.3 * metal_hz, 0.5 * cut, rng.uniform(1.2, 2.2), 1.2)],
        toms=[_membrane(rng, hz, 0.6, 0.35, 0.3) for hz in (95.0, 125.0, 160.0)],
    )


def _hit(
    out: Signal,
    rng: np.random.Generator,
    takes: list[Signal],
    start: float,
    level: float,
    at: float,
) -> None:
    take = takes[int(rng.integers(len(takes)))]
    late = rng.normal(0.0, 0.004)
    dsp.place(out, max(0.0, start + late), dsp.pan(level * rng.uniform(0.85, 1.05) * take, at))


def _fill(out: Signal, rng: np.random.Generator, score: Score, kit: Kit, bar: int) -> None:
    for step in range(int(rng.choice([8, 10, 12])), 16):
        if rng.random() < 0.75:
            drum = int(rng.integers(-1, 3))
            takes = kit.snare if drum < 0 else [kit.toms[drum]]
            _hit(out, rng, takes, score.at(bar, step), rng.uniform(0.4, 0.9), 0.3 * drum - 0.2)


def render(score: Score, rng: np.random.Generator) -> Signal:
    """The drums of a song, stereo ``(2, n)``."""
    out = np.zeros((2, int(score.seconds * dsp.RATE)))
    kit = _kit(rng)
    _, kicks, snares, hats = GROOVES[score.groove]
    levels = {"x": 1.0, "o": 1.0, "-": 0.3}
    hat_at, crash_at = rng.uniform(-0.6, 0.6), rng.uniform(-0.7, 0.7)
    hat_level, ghost = rng.uniform(0.12, 0.4), rng.uniform(0.0, 0.08)
    fill_bar = int(rng.integers(0, 4))
    for bar in range(score.bars):
        filled = bar % 4 == fill_bar and rng.random() < 0.8
        for step in range(16):
            start = score.at(bar, step)
            if start < 0:
                continue
            if kicks[step] != "." or rng.random() < 0.5 * ghost:
                _hit(out, rng, kit.kick, start, levels.get(kicks[step], 0.6), 0.0)
            if snares[step] != "." and not (filled and step > 7):
                _hit(out, rng, kit.snare, start, 0.8 * levels[snares[step]], 0.05)
            elif rng.random() < ghost:
                _hit(out, rng, kit.snare, start, 0.2, 0.05)
            if hats[step] != ".":
                takes = kit.open if hats[step] == "o" else kit.closed
                _hit(out, rng, takes, start, hat_level * levels[hats[step]], hat_at)
        if filled:
            _fill(out, rng, score, kit, bar)
        if (bar - 1) % 4 == fill_bar and score.at(bar, 0) >= 0:
            _hit(out, rng, kit.crash, score.at(bar, 0), 0.35, crash_at)
    wet, size = rng.uniform(0.03, 0.25), rng.uniform(0.2, 0.7)
    return dsp.drive(dsp.room(out, score.name + "/drums", size, wet, 7000.0), rng.uniform(0.8, 1.6))
