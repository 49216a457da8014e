"""Synthesised music at the microphones, from which the bundled separator is trained.

A pool is a folder with a 16-bit array ``(4, 2, n)`` a song, its stems filtered through a head of
its own, and what is needed to mix them as :mod:`bench.data.generate.at_mic` would: each file of a
sample is brought back to the loudness that it had before the head, so stems do not quite sum to a
mixture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.api import STEMS
from bench.runtime.executors import run_jobs
from bench.runtime.files import replacing, write_json
from bench.runtime.progress import NO_PROGRESS, Progress

Array = NDArray[np.float32]
Levels = NDArray[np.float64]


@dataclass(frozen=True)
class PoolSong:
    """A song of the pool.

    Attributes:
        name: of the song, which seeds it.
        gains: by how much (linear) each stem was raised after the head, ``(4,)``.
        loudness: of each stem, LUFS, ``(4,)``.
    """

    name: str
    gains: list[float]
    loudness: list[float]


def _render(folder: Path, seconds: float, name: str) -> None:
    """Write one song, unless it is there."""
    from bench.data.generate.at_mic import apply_hrtf, to_int16
    from bench.data.generate.hrtf import spherical_head
    from bench.data.generate.synth.dsp import generator
    from bench.data.generate.synth.song import loudness, make_song

    record = folder / f"{name}.json"
    if record.exists():
        return
    rng = generator(name, "head")
    radius = rng.uniform(0.075, 0.1)
    left = spherical_head(-rng.uniform(15.0, 50.0), radius)
    right = spherical_head(rng.uniform(15.0, 50.0), radius)
    song = make_song(name, seconds)
    stems, gains, levels = [], [], []
    for stem in STEMS:
        dry = song[stem] / 32768.0
        wet = apply_hrtf(dry, left, right)
        level = loudness(dry.T)
        gain = 10.0 ** ((level - loudness(wet.T)) / 20.0) if np.isfinite(level) else 1.0
        stems.append(to_int16(gain * wet).T)
        gains.append(float(gain))
        levels.append(float(max(level, -70.0)))
    with replacing(folder / f"{name}.npy") as draft, draft.open("wb") as file:
        np.save(file, np.stack(stems))
    write_json(record, asdict(PoolSong(name, gains, levels)))


def build_pool(
    folder: Path,
    names: list[str],
    seconds: float = 10.0,
    workers: int = 1,
    progress: Progress = NO_PROGRESS,
) -> None:
    """Write the songs `names` into `folder`; those already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    with progress.stage("songs", len(names)) as step:
        for name, result in run_jobs(partial(_render, folder, seconds), names, workers):
            if isinstance(result, Exception):
                raise result
            step(name, 1)


class Pool:
    """Draws training examples from a folder written by :func:`build_pool`."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self._songs = [PoolSong(**json.loads((folder / f"{n}.json").read_text())) for n in names]
        self._audio = [np.load(folder / f"{n}.npy", mmap_mode="r") for n in names]

    def draw(
        self, rng: np.random.Generator, frames: int, coherent: float = 0.5, spread: float = 4.0
    ) -> tuple[Array, Array]:
        """A mixture ``(2, frames)`` and its stems ``(4, 2, frames)``.

        Levels, sides and polarity are drawn anew, and a stem is silent now and then.

        Args:
            rng: what draws.
            frames: length.
            coherent: share of the examples that are a passage of one song; in the others each
                stem is of another song.
            spread: dB by which a stem's level is changed at most.
        """
        together = rng.random() < coherent
        song = int(rng.integers(len(self._songs)))
        start = int(rng.integers(self._audio[song].shape[-1] - frames + 1))
        side = int(rng.choice([-1, 1]))
        stems = np.zeros((len(STEMS), 2, frames), dtype=np.float32)
        powers, gains = np.zeros(len(STEMS)), np.ones(len(STEMS))
        for k in range(len(STEMS)):
            if not together:
                song = int(rng.integers(len(self._songs)))
                start = int(rng.integers(self._audio[song].shape[-1] - frames + 1))
                side = int(rng.choice([-1, 1]))
            level = rng.uniform(-spread, spread)
            if rng.random() < 0.04:
                continue
            scale = 10.0 ** (level / 20.0) * rng.choice([-1.0, 1.0]) / 32768.0
            stems[k] = scale * self._audio[song][k, ::side, start : start + frames]
            powers[k] = 10.0 ** ((self._songs[song].loudness[k] + level) / 10.0)
            gains[k] = self._songs[song].gains[k]
        return self._mix(stems, powers, gains), stems

    def whole(self) -> Iterator[tuple[Array, Array]]:
        """Every song as it was mixed: mixture ``(2, n)`` and stems ``(4, 2, n)``."""
        for song, audio in zip(self._songs, self._audio, strict=True):
            stems = np.asarray(audio, dtype=np.float32) / 32768.0
            powers, gains = 10.0 ** (np.array(song.loudness) / 10.0), np.array(song.gains)
            yield self._mix(stems, powers, gains), stems

    @staticmethod
    def _mix(stems: Array, powers: Levels, gains: Levels) -> Array:
        """The mixture at the microphones of stems that were brought to their own loudness.

        It is one file: the stems as the head left them, all raised by one gain, which follows
        from the loudness of the sum before and after the head (powers add).
        """
        common = np.sqrt(powers.sum() / max(float((powers / gains**2).sum()), 1e-12))
        mixture: Array = np.tensordot((common / gains).astype(np.float32), stems, axes=1)
        return mixture


def pool_names(songs: int) -> list[str]:
    """Names of the songs of a pool; none of them is a song of the demo."""
    return [f"pretrain-{k:05d}" for k in range(songs)]
