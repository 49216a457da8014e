"""True HAAQI labels for the head that hears the processed signal alone.

A label is one ear's signal as bands in dB SPL, the audiogram and the exact score. Signals are those
of :mod:`bench.pretraining.predictors.labels`, with two differences: every ear has degraded remixes
of its own, since without the reference it is their number that teaches, and one segment in four is
a single stem, as a loss on stems asks about. A song's labels are one shard; everything is drawn
from names, and shards that are there are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from clarity.utils.audiogram import Audiogram
from numpy.typing import NDArray

from bench.api import AUDIOGRAM_FREQUENCIES
from bench.hearing.haaqi import HaaqiReference
from bench.hearing.haaqi_net.published import resample
from bench.hearing.haaqi_net.spectral import SpectralFrontEnd
from bench.pretraining.predictors.degradations import Material, degrade, draw_degradation
from bench.pretraining.predictors.labels import (
    RATE,
    Ear,
    Shard,
    at_microphones,
    draw_ear,
    draw_segment,
    label_ear,
    leveled,
)
from bench.runtime.executors import run_jobs
from bench.runtime.files import replacing
from bench.runtime.seeds import derive

Array = NDArray[np.float64]

_SEGMENTS: Final = 2
_EARS: Final = 3
_REMIXES: Final = 6
LABELS_A_SONG: Final = _SEGMENTS * _EARS * _REMIXES
_SOLO: Final = 0.25
"""Share of the segments that are one stem."""
_AMPLIFIED: Final = 0.65
"""Share of the ears with NAL-R; a loss on stems has none."""
_HEARD: Final = 1e-3
"""RMS, full scale 1.0; a quieter stem is no reference."""
LEAST: Final = 4
"""Songs that a training needs: one for the test, one to choose the epoch, and two to learn from."""
_PERIOD: Final = 16

SPLITS: Final = ("test", "valid", "train")


@dataclass(frozen=True)
class BandLabels:
    """Labels of one song, or of many.

    Attributes:
        bands: dB SPL, a frame every 10 ms, ``(labels, frames, 128)`` float16.
        audiogram: dB HL, ``(labels, 8)``.
        haaqi: the exact score, ``(labels,)``.
        kind: name of the degradation, ``(labels,)``.
    """

    bands: NDArray[np.float16]
    audiogram: Array
    haaqi: Array
    kind: NDArray[np.str_]


def split_of(song: int) -> str:
    """The split of a song: of sixteen one is for the test and one chooses the epoch.

    Example:
        >>> [split_of(song) for song in (0, 1, 2, 15, 16)]
        ['test', 'valid', 'train', 'train', 'test']
    """
    return SPLITS[min(song % _PERIOD, 2)]


def shard_path(folder: Path, song: int) -> Path:
    """The file of a song's labels."""
    return folder / f"bands-{song:05d}.npz"


def make_band_labels(
    folder: Path,
    songs: int,
    workers: int,
    seconds: float,
    report: Callable[[int, float], None] = lambda songs, seconds: None,
) -> dict[int, Path]:
    """Make the shards that are not there yet, as many as the time allows.

    Args:
        folder: made if it is not there.
        songs: the most songs that there shall be.
        workers: processes; 0 for one per core.
        seconds: after these no song is begun, once LEAST are there; those begun are ended.
        report: called after each song with the number of songs and the seconds spent.

    Returns:
        Every shard of the folder, by song.
    """
    folder.mkdir(parents=True, exist_ok=True)
    started = time.time()
    there = {song: path for song in range(songs) if (path := shard_path(folder, song)).exists()}
    missing = [song for song in range(songs) if song not in there]
    if missing and (seconds > 0 or missing[0] < LEAST):
        _compile()
        work = partial(_write_shard, folder, started + seconds)
        for song, result in run_jobs(work, missing, workers, start=_one_thread):
            if isinstance(result, Exception):
                raise result
            if result:
                there[song] = shard_path(folder, song)
                report(len(there), time.time() - started)
    return dict(sorted(there.items()))


def load_band_labels(paths: list[Path]) -> BandLabels:
    """Read shards into one."""
    shards = []
    for path in paths:
        with np.load(path) as file:
            shards.append({name: file[name] for name in file.files})
    return BandLabels(**{name: np.concatenate([s[name] for s in shards]) for name in shards[0]})


def _compile() -> None:
    """Compile HAAQI once, before many processes would do so at the same time."""
    tone = 0.1 * np.sin(2 * np.pi * 500 / RATE * np.arange(RATE))
    ear = Audiogram(levels=np.full(len(AUDIOGRAM_FREQUENCIES), 20.0))
    HaaqiReference(tone, ear, RATE, 85.0, equalisation=2).score(0.9 * tone)


def _one_thread() -> None:
    torch.set_num_threads(1)


def _write_shard(folder: Path, deadline: float, song: int) -> bool:
    """Whether the time (of the clock, in seconds) allowed to make the shard."""
    if time.time() > deadline and song >= LEAST:
        return False
    labels = make_song_labels(song)
    with replacing(shard_path(folder, song)) as draft, draft.open("wb") as file:
        np.savez(file, **vars(labels))
    return True


def make_song_labels(song: int, limit: int | None = None) -> BandLabels:
    """All labels of a song, or those of its first `limit` ears."""
    rng = np.random.default_rng(derive(0, "band labels", song))
    stems, mixture = at_microphones(f"bands {song}", rng)
    front_end = SpectralFrontEnd()
    ears: list[BandLabels] = []
    for _ in range(_SEGMENTS):
        material, own = draw_segment(stems, mixture, rng)
        heard = np.flatnonzero(_rms(material.stems).min(-1) > _HEARD)
        alone = len(heard) > 0 and rng.random() < _SOLO
        if alone:
            gains = np.zeros(len(stems))
            gains[rng.choice(heard)] = 1.0
            material = replace(material, gains=gains)
            own = material.remix(material.stems)
        for _ in range(_EARS):
            if limit is None or len(ears) < limit:
                ear = _draw_ear(own, material, alone, rng)
                ears.append(_label(front_end, material, own, ear, alone, rng))
    return BandLabels(
        **{name: np.concatenate([vars(ear)[name] for ear in ears]) for name in vars(ears[0])}
    )


def _rms(signal: Array) -> Array:
    rms: Array = np.sqrt(np.mean(signal**2, axis=-1))
    return rms


def _draw_ear(own: Array, material: Material, alone: bool, rng: np.random.Generator) -> Ear:
    """A random ear; of a stem alone every other one hears it as loud as in the mixture."""
    ear = replace(draw_ear(rng, unseen=False), amplified=bool(rng.random() < _AMPLIFIED))
    if alone and rng.random() < 0.5:
        share = _rms(own)[ear.index] / _rms(material.mixture)[ear.index]
        ear = replace(ear, shift=ear.shift + max(-30.0, 20 * float(np.log10(share))))
    return ear


def _label(
    front_end: SpectralFrontEnd,
    material: Material,
    own: Array,
    ear: Ear,
    alone: bool,
    rng: np.random.Generator,
) -> BandLabels:
    kinds = [_draw_kind(alone, rng) for _ in range(_REMIXES)]
    # A system's output is brought to the loudness of the mixture, which the reference has.
    target = replace(material, mixture=own)
    remixes = [leveled(degrade(kind, material, rng), own, target, rng) for kind in kinds]
    return to_bands(label_ear(own, remixes, kinds, ear, 0), front_end)


def _draw_kind(alone: bool, rng: np.random.Generator) -> str:
    kind = draw_degradation(rng)
    while alone and kind == "missing stem":
        kind = draw_degradation(rng)
    return kind


def to_bands(shard: Shard, front_end: SpectralFrontEnd) -> BandLabels:
    """The labels of a shard, their processed signals as bands."""
    pressure = 10 ** (torch.from_numpy(shard.level1).float() / 20)[:, None]
    with torch.inference_mode():
        signal = torch.from_numpy(shard.processed).float() * pressure
        bands = front_end.bands(resample(signal, RATE))
    return BandLabels(bands.half().numpy(), shard.audiogram, shard.haaqi, shard.kind)
