"""The demo dataset: synthesised songs in the Cadenza layout, the same for one version.

Songs, heads and music at the microphones are made by this project; listeners are the standard
audiograms of Bisgaard et al. (2010); scenes and requested gains are drawn as the challenge does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.io import wavfile

from bench.api import AUDIOGRAM_FREQUENCIES, SAMPLE_RATE
from bench.data.generate import DEMO_VERSION, demo_root
from bench.data.generate.draws import draw_listeners, draw_scenes, gains_table
from bench.data.generate.hrtf import spherical_head
from bench.data.generate.metadata import FIRST_SCENE, at_mic_samples
from bench.data.generate.prepare import (
    PartJob,
    check_space,
    is_there,
    locked,
    make_part,
    response_files,
)
from bench.data.generate.synth.score import compose
from bench.data.generate.synth.song import make_song
from bench.data.metadata import MetadataFile
from bench.data.scene_files import PARTS
from bench.errors import BenchError
from bench.hearing.audiograms import standard_audiograms
from bench.runtime.executors import run_jobs, with_workers
from bench.runtime.files import replacing, write_json
from bench.runtime.machine import cores
from bench.runtime.progress import NO_PROGRESS, Progress

_MIC = "BTE_fr"
_RADII = {"SPH_080": 0.080, "SPH_0875": 0.0875, "SPH_095": 0.095}
"""Metres; the heads' names and radii."""
_ANGLES = (22.5, 30.0, 37.5)
_SAME_EARS = ("NH", "N1", "N2", "N3", "N4", "N5", "S1", "S2", "S3")
_LISTENERS = {
    "train": (*_SAME_EARS, "N2-N4", "N3-N1", "S1-N3", "S3-S2"),
    "valid": (*_SAME_EARS, "N4-N2", "N1-S2", "S1-S3"),
}
"""Ids of listeners: the standard audiogram of both ears, or of the left and of the right."""


def ensure_demo(progress: Progress = NO_PROGRESS) -> Path:
    """The demo's folder in the cache, made if it is not there.

    Raises:
        BenchError: the cache cannot be written.
    """
    root = demo_root()
    if not root.exists():
        try:
            write_demo(root, progress=progress)
        except BenchError:
            if not root.exists():  # else another process was first
                raise
    return root


def write_demo(
    root: Path,
    *,
    songs_train: int = 8,
    songs_valid: int = 4,
    seconds: float = 12.0,
    scenes_per_song: int = 2,
    listeners_per_scene: int = 2,
    processes: int | None = None,
    progress: Progress = NO_PROGRESS,
) -> None:
    """Write a demo dataset; `root` is there whole afterwards, or not at all.

    Args:
        root: folder to make.
        songs_train: songs of the split "train".
        songs_valid: songs of the split "valid".
        seconds: length of a song, at least 2 s.
        scenes_per_song: scenes, each at a head position of its own.
        listeners_per_scene: listeners drawn for every scene.
        processes: None for two threads, and nothing is left of a call that fails. With a number
            (0 for one a core, as far as memory goes) the work lies in ``.<name>.partial`` beside
            `root` until it is whole, and the same call goes on where a killed one stopped.
        progress: notified of the folders of every song.

    Raises:
        BenchError: `root` exists and is not empty, or cannot be written, the disk has not enough
            space, or the unfinished folder is of other songs.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BenchError(
            "already exists and is not empty",
            where=str(root),
            hint="give a folder that does not exist yet",
        )
    plan = {"version": DEMO_VERSION, "seconds": seconds, "scenes": scenes_per_song}
    plan |= {"train": songs_train, "valid": songs_valid, "listeners": listeners_per_scene}
    files = (songs_train + songs_valid) * (1 + scenes_per_song) * len(PARTS)
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        check_space(root.parent, int(files * seconds * SAMPLE_RATE * 4))
        with _draft(root, plan, keep=processes is not None) as draft:
            writer = _Writer(draft, seconds, scenes_per_song, listeners_per_scene, progress)
            writer.write({"train": songs_train, "valid": songs_valid}, processes)
            draft.chmod(0o755)
            draft.replace(root)
    except OSError as error:
        raise BenchError(f"cannot be written: {error}", where=str(root)) from error


@contextmanager
def _draft(root: Path, plan: Mapping[str, Any], *, keep: bool) -> Iterator[Path]:
    """The folder to write into: one that lasts until it is whole, or one that goes on failure."""
    if not keep:
        draft = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return
    draft = root.with_name(f".{root.name}.partial")
    said = draft.with_name(f"{draft.name}.json")
    if draft.exists() and said.exists() and MetadataFile(said).content != plan:
        what = "it holds an unfinished set with other options"
        hint = "Finish that set with its own options, or remove it."
        raise BenchError(what, where=str(draft), hint=hint)
    write_json(said, plan)
    with locked(draft):
        yield draft
    said.unlink()


@dataclass(frozen=True)
class SongJob:
    """A song to be played, and to be heard at each of its head positions.

    Attributes:
        name: of the song.
        seconds: its length.
        music: folder of the song before the heads.
        heads: folder of an at-mic sample, and the files of its loudspeakers' responses.
    """

    name: str
    seconds: float
    music: Path
    heads: tuple[tuple[Path, Path, Path], ...]


def write_song(job: SongJob) -> None:
    """Write what is missing of a song; a file is there whole or not at all."""
    frames = int(job.seconds * SAMPLE_RATE)
    if not all(is_there(job.music / f"{part}.wav", frames) for part in PARTS):
        for part, sound in make_song(job.name, job.seconds).items():
            with replacing(job.music / f"{part}.wav") as draft:
                soundfile.write(draft, sound, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    for part in PARTS:
        targets = tuple((at / f"{part}.wav", left, right) for at, left, right in job.heads)
        missing = tuple(target for target in targets if not is_there(target[0], frames))
        if missing:
            make_part(PartJob(job.music / f"{part}.wav", part, missing))


def _affordable(seconds: float) -> int:
    """Songs that may be played at once: one of four minutes takes 2.5 GB."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores(), int(free / (11e6 * seconds + 2e8))))


class _Writer:
    def __init__(
        self,
        root: Path,
        seconds: float,
        scenes_per_song: int,
        listeners_per_scene: int,
        progress: Progress,
    ) -> None:
        self._root = root
        self._seconds = seconds
        self._scenes_per_song = scenes_per_song
        self._listeners_per_scene = listeners_per_scene
        self._progress = progress

    def write(self, songs: Mapping[str, int], processes: int | None) -> None:
        gains, positions = gains_table(), _head_positions()
        self._json("gains", gains)
        self._json("head_loudspeaker_positions", positions)
        self._write_hrtfs()
        work: list[SongJob] = []
        for split, count in songs.items():
            names = [f"Bench Demo - {split.capitalize()} {k:02d}" for k in range(1, count + 1)]
            scenes = draw_scenes(
                names, list(gains), list(positions), self._scenes_per_song, FIRST_SCENE[split]
            )
            listeners = {name: _listener(name) for name in sorted(_LISTENERS[split])}
            drawn = draw_listeners(list(scenes), list(listeners), self._listeners_per_scene)
            self._json(f"scenes.{split}", scenes)
            self._json(f"scene_listeners.{split}", drawn)
            self._json(f"listeners.{split}", listeners)
            self._json(f"musdb18.{split}", [_track(name, split, self._seconds) for name in names])
            samples = at_mic_samples(scenes, dict.fromkeys(names, split))
            self._json(f"at_mic_music.{split}", samples)
            work += [self._job(name, split, samples, positions) for name in names]
        self._do(work, processes)

    def _job(
        self,
        name: str,
        split: str,
        samples: Mapping[str, Mapping[str, str]],
        positions: Mapping[str, Mapping[str, Any]],
    ) -> SongJob:
        audio = self._root / "audio"
        heads = tuple(
            (
                audio / "at_mic_music" / sample["Path"],
                *response_files(audio / "hrtf", positions[sample["Head Position"]]),
            )
            for sample in samples.values()
            if sample["Original Track Name"] == name
        )
        return SongJob(name, self._seconds, audio / "music" / split / name, heads)

    def _do(self, work: Sequence[SongJob], processes: int | None) -> None:
        with self._progress.stage("songs", sum(1 + len(job.heads) for job in work)) as step:
            for job, result in self._results(work, processes):
                if isinstance(result, Exception):
                    raise result
                step(with_workers(job.name), 1 + len(job.heads))

    def _results(
        self, work: Sequence[SongJob], processes: int | None
    ) -> Iterator[tuple[SongJob, Exception | None]]:
        if processes is not None:
            yield from run_jobs(write_song, work, processes or _affordable(self._seconds))
            return
        # Two threads: most of the time is spent in numpy and scipy, without the lock.
        with ThreadPoolExecutor(2) as executor:
            for job, future in [(job, executor.submit(write_song, job)) for job in work]:
                future.result()
                yield job, None

    def _json(self, name: str, content: Any) -> None:
        write_json(self._root / "metadata" / f"{name}.json", content)

    def _write_hrtfs(self) -> None:
        folder = self._root / "audio" / "hrtf"
        folder.mkdir(parents=True, exist_ok=True)
        for subject, radius in _RADII.items():
            for angle in (*(-a for a in _ANGLES), *_ANGLES):
                # What the file holds is what is used, so that the official generator agrees.
                response = spherical_head(angle, radius, SAMPLE_RATE).astype(np.float32)
                side = "n" if angle < 0 else "p"
                # Not by soundfile, which stamps files of floats with the time.
                with replacing(folder / f"{_MIC}-{subject}-{side}{abs(angle)}.wav") as draft:
                    wavfile.write(draft, SAMPLE_RATE, response)


def _head_positions() -> dict[str, dict[str, Any]]:
    """Every pair of loudspeaker angles before every head."""
    positions = [
        {"subject": subject, "left_angle": -left, "right_angle": right, "mic": _MIC}
        for subject in _RADII
        for left in _ANGLES
        for right in _ANGLES
    ]
    return {f"hlp_{number:04d}": position for number, position in enumerate(positions, start=1)}


def _listener(name: str) -> dict[str, Any]:
    levels = {"NH": (0.0,) * len(AUDIOGRAM_FREQUENCIES), **standard_audiograms()}
    left, _, right = name.partition("-")
    return {
        "name": name,
        "audiogram_cfs": list(AUDIOGRAM_FREQUENCIES),
        "audiogram_levels_l": list(levels[left]),
        "audiogram_levels_r": list(levels[right or left]),
    }


def _track(name: str, split: str, seconds: float) -> dict[str, str]:
    return {
        "Track Name": name,
        "Genre": compose(name, seconds).groove.capitalize(),
        "Source": "bench.data.generate.synth",
        "License": "MIT",
        "Split": split,
        "Path": f"{split}/{name}",
    }
