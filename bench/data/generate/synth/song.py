"""A whole song: four stems, mixed to the level of released music."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pyloudnorm
from numpy.typing import NDArray

from bench.api import STEMS
from bench.data.generate.synth import bass, chords, drums, voice
from bench.data.generate.synth.dsp import RATE, Signal, generator
from bench.data.generate.synth.score import compose

LOUDNESS = -16.0
"""LUFS of a mixture, unless its peak says otherwise."""
PEAK = 0.89
"""Full scale 1.0; the highest sample of a mixture or stem."""

_RENDER = {
    "vocals": voice.render,
    "drums": drums.render,
    "bass": bass.render,
    "other": chords.render,
}
_LEVEL = {"vocals": (0.0, 2.0), "drums": (-0.5, 2.0), "bass": (-3.0, 2.0), "other": (-1.5, 2.0)}
"""LU against one another: mean and standard deviation of a mix engineer's choice."""


def loudness(signal: Signal) -> float:
    """Integrated loudness (BS.1770) in LUFS of a stereo signal ``(2, n)``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(pyloudnorm.Meter(RATE).integrated_loudness(signal.T))


def _gain(signal: Signal, wanted: float) -> float:
    """The factor that brings a signal to a loudness, LUFS; 1 for a silent one."""
    level = loudness(signal)
    return 10.0 ** ((wanted - level) / 20.0) if math.isfinite(level) else 1.0


def make_song(name: str, seconds: float = 12.0) -> dict[str, NDArray[np.int16]]:
    """Compose, play and mix the song `name`.

    Args:
        name: seeds everything: the same name is the same song.
        seconds: length, at least 1 s; a stem that has no note in a short song is silent.

    Returns:
        ``mixture`` and the four stems as 16-bit samples ``(n, 2)`` at 44.1 kHz; the mixture is
        the exact sum of the stems.
    """
    score = compose(name, seconds)
    rng = generator(name, "mix")
    fade = np.minimum(1.0, np.arange(int(seconds * RATE)) / (0.02 * RATE))
    stems: dict[str, Signal] = {}
    for stem in STEMS:
        sound = _RENDER[stem](score, generator(name, stem)) * fade * fade[::-1]
        mean, spread = _LEVEL[stem]
        wanted = mean + float(np.clip(rng.normal(0.0, spread), -2 * spread, 2 * spread))
        stems[stem] = sound * _gain(sound, wanted)
    mixture = np.sum(list(stems.values()), axis=0)
    peak = max(float(np.abs(x).max()) for x in (mixture, *stems.values()))
    scale = min(_gain(mixture, LOUDNESS), PEAK / max(peak, 1e-9))
    parts = {k: np.rint(scale * 32768.0 * x.T).astype(np.int16) for k, x in stems.items()}
    total = np.sum([x.astype(np.int32) for x in parts.values()], axis=0)
    return {"mixture": total.astype(np.int16), **parts}
