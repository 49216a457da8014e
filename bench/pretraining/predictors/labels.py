"""True HAAQI labels: degraded synthesised music through the official output path, scored exactly.

A label's pair is one ear's signal and its reference, both as HAAQI gets them: the remix brought to
the mixture's loudness, amplified by NAL-R (most of the time), and the processed one clipped to
[-1, 1] and quantised to 16 bit at 32 kHz. Everything is drawn from names, so that a label is the
same wherever it is made. A song's labels are one shard, ``<split>-<song>.npz``; shards that are
there are kept, so that a killed run goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import soxr
import torch
from clarity.utils.audiogram import Audiogram
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from bench.api import SAMPLE_RATE, STEMS
from bench.data.generate.at_mic import apply_hrtf, match_loudness
from bench.data.generate.hrtf import spherical_head
from bench.data.generate.synth.song import make_song
from bench.errors import BenchError
from bench.hearing.calibration import level1
from bench.hearing.haaqi import HaaqiReference
from bench.hearing.nalr import nalr_taps
from bench.pretraining.predictors.audiograms import draw_audiogram
from bench.pretraining.predictors.degradations import Material, degrade, draw_degradation
from bench.runtime.executors import run_jobs, with_workers
from bench.runtime.files import replacing
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.runtime.seeds import derive
from bench.system.output import OUTPUT_RATE, to_output

Array = NDArray[np.float64]

RATE: Final = 24_000
"""Hz; the rate at which HAAQI works and labels are kept."""
SECONDS: Final = 4.0
_SONG_SECONDS: Final = 10.0
_SEGMENTS: Final = 2
_LISTENERS: Final = 3
_DEGRADATIONS: Final = 6
LABELS_A_SONG: Final = _SEGMENTS * _LISTENERS * _DEGRADATIONS
_GAIN_STEPS: Final = (-10.0, -6.0, -3.0, 0.0, 3.0, 6.0, 10.0)
"""dB; the challenge's."""

SPLITS: Final = {
    "train": (False, False),
    "valid": (False, False),
    "test songs": (False, False),
    "test listeners": (True, False),
    "test degradations": (False, True),
}
"""Whether a split has audiograms, and degradations, of the kinds never trained on. No two splits
share a song."""


@dataclass(frozen=True)
class Shard:
    """The labels of one song.

    Attributes:
        reference: amplified references at RATE, ``(groups, n)`` float16.
        processed: ``(labels, n)`` float16.
        group: the reference of each label, ``(labels,)``.
        audiogram: dB HL, ``(labels, 8)``.
        level1: dB SPL of an RMS of 1.0, ``(labels,)``.
        haaqi: the exact score, ``(labels,)``.
        kind: name of the degradation, ``(labels,)``.
    """

    reference: NDArray[np.float16]
    processed: NDArray[np.float16]
    group: NDArray[np.int64]
    audiogram: Array
    level1: Array
    haaqi: Array
    kind: NDArray[np.str_]


@dataclass(frozen=True)
class Ear:
    """One ear of a listener.

    Attributes:
        index: 0 left, 1 right.
        audiogram: dB HL at 250 ... 8000 Hz, ``(8,)``.
        amplified: whether NAL-R amplifies both signals.
        shift: dB by which the presentation level differs from 65 dB SPL.
    """

    index: int
    audiogram: Array
    amplified: bool = True
    shift: float = 0.0


def shard_path(folder: Path, split: str, song: int) -> Path:
    """The file of a song's labels."""
    return folder / f"{split.replace(' ', '-')}-{song:05d}.npz"


def make_labels(
    folder: Path, split: str, songs: int, workers: int = 1, progress: Progress = NO_PROGRESS
) -> list[Path]:
    """Make the shards of `songs` songs that are not there yet; returns all of them, by song.

    Args:
        folder: made if it is not there.
        split: one of SPLITS.
        songs: songs 0 ... songs - 1 of the split; LABELS_A_SONG labels each.
        workers: processes; 0 for one per core.
        progress: notified of each song.

    Raises:
        BenchError: no such split.
    """
    if split not in SPLITS:
        raise BenchError(f"no split '{split}'", where="labels", hint=", ".join(SPLITS))
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {song: shard_path(folder, split, song) for song in range(songs)}
    missing = [song for song, path in wanted.items() if not path.exists()]
    with progress.stage(f"labels, {split}", songs) as step:
        step(f"{songs - len(missing)} are there", songs - len(missing))
        for song, result in run_jobs(partial(_write_shard, folder, split), missing, workers):
            if isinstance(result, Exception):
                raise result
            step(with_workers(wanted[song].name), 1)
    return list(wanted.values())


def load_shard(path: Path) -> Shard:
    """Read one shard."""
    with np.load(path) as file:
        return Shard(**{name: file[name] for name in file.files})


def _write_shard(folder: Path, split: str, song: int) -> None:
    shard = make_shard(split, song)
    with replacing(shard_path(folder, split, song)) as draft, draft.open("wb") as file:
        np.savez(file, **vars(shard))


def make_shard(split: str, song: int, limit: int | None = None) -> Shard:
    """All labels of a song, or those of the first `limit` ears."""
    unseen_listeners, unseen_degradations = SPLITS[split]
    rng = _generator("song", split, song)
    stems, mixture = at_microphones(f"proxy {split} {song}", rng)
    ears: list[Shard] = []
    for _ in range(_SEGMENTS):
        material, own = draw_segment(stems, mixture, rng)
        kinds = [draw_degradation(rng, unseen_degradations) for _ in range(_DEGRADATIONS)]
        remixes = [leveled(degrade(kind, material, rng), own, material, rng) for kind in kinds]
        for _ in range(_LISTENERS):
            if limit is None or len(ears) < limit:
                ear = draw_ear(rng, unseen_listeners)
                ears.append(label_ear(own, remixes, kinds, ear, len(ears)))
    return Shard(
        **{name: np.concatenate([vars(ear)[name] for ear in ears]) for name in vars(ears[0])}
    )


def draw_ear(rng: np.random.Generator, unseen: bool) -> Ear:
    """One ear of a random listener, amplified four times in five."""
    return Ear(
        index=int(rng.integers(2)),
        audiogram=draw_audiogram(rng, unseen),
        amplified=bool(rng.random() < 0.8),
        shift=float(rng.choice([0.0, rng.uniform(-15, 10)], p=[0.75, 0.25])),
    )


def _generator(*names: object) -> np.random.Generator:
    return np.random.default_rng(derive(0, "proxy labels", *names))


def at_microphones(name: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Stems ``(4, 2, n)`` and mixture ``(2, n)`` of a song at a random head position."""
    song = make_song(name, _SONG_SECONDS)
    radius = rng.uniform(0.08, 0.095)
    left, right = (
        spherical_head(float(side * rng.uniform(15, 50)), radius, SAMPLE_RATE) for side in (-1, 1)
    )
    parts = {part: apply_hrtf(samples / 32768.0, left, right).T for part, samples in song.items()}
    return np.stack([parts[stem] for stem in STEMS]), parts["mixture"]


def draw_segment(stems: Array, mixture: Array, rng: np.random.Generator) -> tuple[Material, Array]:
    """A segment of a song with requested gains, and its reference remix ``(2, n)``."""
    frames = int(SECONDS * SAMPLE_RATE)
    start = int(rng.integers(mixture.shape[-1] - frames))
    cut = slice(start, start + frames)
    changed = rng.random(4) < rng.choice([0.25, 0.5, 0.75])
    gains = np.where(changed, rng.choice(_GAIN_STEPS, 4), 0.0)
    material = Material(stems[..., cut], mixture[:, cut], 10 ** (gains / 20), SAMPLE_RATE)
    remix = material.remix(material.stems)
    return material, match_loudness(remix.T, material.mixture.T, SAMPLE_RATE).T


def leveled(remix: Array, reference: Array, material: Material, rng: np.random.Generator) -> Array:
    """Brought to the mixture's loudness, as a system does, but one in six."""
    if rng.random() > 1 / 6:
        matched: Array = match_loudness(remix.T, material.mixture.T, SAMPLE_RATE).T
        return matched
    level = np.std(reference) / (np.std(remix) + 1e-9)
    result: Array = remix * level * 10 ** (rng.uniform(-20, 12) / 20)
    return result


def label_ear(own: Array, remixes: list[Array], kinds: list[str], ear: Ear, group: int) -> Shard:
    """Label one ear: its signals at RATE and the exact scores of the remixes.

    Args:
        own: the reference remix, ``(2, n)`` at SAMPLE_RATE; not silent in this ear.
        remixes: the processed remixes, each ``(2, n)``.
        kinds: their names.
        ear: the listener's.
        group: number of the reference, for the shard.
    """
    audiogram = Audiogram(levels=ear.audiogram)
    rms = float(np.sqrt(np.mean(own[ear.index] ** 2)))
    calibration = level1(rms) + ear.shift
    taps = nalr_taps(audiogram, SAMPLE_RATE)

    def amplify(signal: Array) -> Array:
        heard: Array = signal[ear.index]
        return oaconvolve(heard, taps)[: heard.size] if ear.amplified else heard

    reference = soxr.resample(amplify(own), SAMPLE_RATE, RATE, quality="HQ")
    exact = HaaqiReference(reference, audiogram, RATE, calibration, equalisation=2)
    processed, scores = [], []
    for remix in remixes:
        amplified = torch.from_numpy(np.atleast_2d(amplify(remix)))
        output = to_output(amplified, SAMPLE_RATE)[0].numpy()
        processed.append(soxr.resample(output, OUTPUT_RATE, RATE, quality="HQ"))
        scores.append(float(exact.score(processed[-1])))
    return Shard(
        reference=reference[None].astype(np.float16),
        processed=np.stack(processed).astype(np.float16),
        group=np.full(len(kinds), group),
        audiogram=np.tile(ear.audiogram, (len(kinds), 1)),
        level1=np.full(len(kinds), calibration),
        haaqi=np.array(scores),
        kind=np.array(kinds),
    )
