"""The demo dataset: synthesised songs in the Cadenza layout, the same for one version.

Songs, heads and music at the microphones are made by this project; listeners are the standard
audiograms of Bisgaard et al. (2010); scenes and requested gains are drawn as the challenge does.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.io import wavfile

from bench.api import AUDIOGRAM_FREQUENCIES, SAMPLE_RATE
from bench.data import demo_root
from bench.data.at_mic import Signal, to_at_mic, to_int16
from bench.data.hrtf import spherical_head
from bench.data.scenes import draw_listeners, draw_scenes, gains_table
from bench.data.synth.score import compose
from bench.data.synth.song import make_song
from bench.errors import BenchError
from bench.hearing.audiograms import standard_audiograms

Progress = Callable[[int, int], None]
"""Called with files of music done and their total."""

_MIC = "BTE_fr"
_RADII = {"SPH_080": 0.080, "SPH_0875": 0.0875, "SPH_095": 0.095}
"""Metres; the heads' names and radii."""
_ANGLES = (22.5, 30.0, 37.5)
_FIRST_SCENE = {"train": 10_001, "valid": 20_001}
_SAME_EARS = ("NH", "N1", "N2", "N3", "N4", "N5", "S1", "S2", "S3")
_LISTENERS = {
    "train": (*_SAME_EARS, "N2-N4", "N3-N1", "S1-N3", "S3-S2"),
    "valid": (*_SAME_EARS, "N4-N2", "N1-S2", "S1-S3"),
}
"""Ids of listeners: the standard audiogram of both ears, or of the left and of the right."""


def ensure_demo(progress: Progress | None = None) -> Path:
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
    progress: Progress | None = None,
) -> None:
    """Write a demo dataset; `root` is there whole afterwards, or not at all.

    Args:
        root: folder to make.
        songs_train: songs of the split "train".
        songs_valid: songs of the split "valid".
        seconds: length of a song, at least 2 s.
        scenes_per_song: scenes, each at a head position of its own.
        listeners_per_scene: listeners drawn for every scene.
        progress: told of every file of music.

    Raises:
        BenchError: `root` exists and is not empty, or cannot be written.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BenchError(
            "is there already, and not empty",
            where=str(root),
            hint="name a folder that does not exist yet",
        )
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    except OSError as error:
        raise BenchError(f"cannot be written: {error}", where=str(root)) from error
    try:
        writer = _Writer(draft, seconds, scenes_per_song, listeners_per_scene, progress)
        writer.write({"train": songs_train, "valid": songs_valid})
        draft.chmod(0o755)
        draft.replace(root)
    except OSError as error:
        raise BenchError(f"cannot be written: {error}", where=str(root)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


class _Writer:
    def __init__(
        self,
        root: Path,
        seconds: float,
        scenes_per_song: int,
        listeners_per_scene: int,
        progress: Progress | None,
    ) -> None:
        self._root = root
        self._seconds = seconds
        self._scenes_per_song = scenes_per_song
        self._listeners_per_scene = listeners_per_scene
        self._progress = progress
        self._done = self._total = 0
        self._responses: dict[tuple[str, float], Signal] = {}

    def write(self, songs: Mapping[str, int]) -> None:
        gains, positions = gains_table(), _head_positions()
        self._json("gains", gains)
        self._json("head_loudspeaker_positions", positions)
        self._write_hrtfs()
        work: list[tuple[str, str, list[str]]] = []
        for split, count in songs.items():
            names = [f"Bench Demo - {split.capitalize()} {k:02d}" for k in range(1, count + 1)]
            scenes = draw_scenes(
                names, list(gains), list(positions), self._scenes_per_song, _FIRST_SCENE[split]
            )
            listeners = {name: _listener(name) for name in sorted(_LISTENERS[split])}
            drawn = draw_listeners(list(scenes), list(listeners), self._listeners_per_scene)
            self._json(f"scenes.{split}", scenes)
            self._json(f"scene_listeners.{split}", drawn)
            self._json(f"listeners.{split}", listeners)
            self._json(f"musdb18.{split}", [_track(name, split, self._seconds) for name in names])
            samples = _samples(scenes, split)
            self._json(f"at_mic_music.{split}", samples)
            for name in names:
                heads = [
                    s["Head Position"] for s in samples.values() if s["Original Track Name"] == name
                ]
                work.append((name, split, heads))
        self._total = sum(1 + len(heads) for _, _, heads in work)
        # Two threads: most of the time is spent in numpy and scipy, without the lock.
        with ThreadPoolExecutor(2) as executor:
            for future in [executor.submit(self._write_song, *job, positions) for job in work]:
                future.result()

    def _json(self, name: str, content: Any) -> None:
        path = self._root / "metadata" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=4), encoding="utf-8")

    def _write_hrtfs(self) -> None:
        folder = self._root / "audio" / "hrtf"
        folder.mkdir(parents=True)
        for subject, radius in _RADII.items():
            for angle in (*(-a for a in _ANGLES), *_ANGLES):
                # What the file holds is what is used, so that the official generator agrees.
                response = spherical_head(angle, radius, SAMPLE_RATE).astype(np.float32)
                side = "n" if angle < 0 else "p"
                path = folder / f"{_MIC}-{subject}-{side}{abs(angle)}.wav"
                # Not by soundfile, which stamps files of floats with the time.
                wavfile.write(path, SAMPLE_RATE, response)
                self._responses[subject, angle] = response.astype(np.float64)

    def _write_song(
        self, name: str, split: str, heads: list[str], positions: Mapping[str, Mapping[str, Any]]
    ) -> None:
        song = make_song(name, self._seconds)
        self._write_files(self._root / "audio" / "music" / split / name, song)
        for head in heads:
            at = positions[head]
            left = self._responses[at["subject"], at["left_angle"]]
            right = self._responses[at["subject"], at["right_angle"]]
            sample = {
                part: to_int16(to_at_mic(sound / 32768.0, left, right, SAMPLE_RATE))
                for part, sound in song.items()
            }
            self._write_files(
                self._root / "audio" / "at_mic_music" / split / f"{name}-{head}", sample
            )

    def _write_files(self, folder: Path, parts: Mapping[str, NDArray[np.int16]]) -> None:
        folder.mkdir(parents=True)
        for part, sound in parts.items():
            soundfile.write(folder / f"{part}.wav", sound, SAMPLE_RATE, subtype="PCM_16")
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


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
        "Source": "bench.data.synth",
        "License": "MIT",
        "Split": split,
        "Path": f"{split}/{name}",
    }


def _samples(scenes: Mapping[str, Mapping[str, str]], split: str) -> dict[str, dict[str, str]]:
    """The contents of ``at_mic_music.<split>.json``: each song at each of its head positions."""
    samples = {}
    for scene in scenes.values():
        song, head = scene["music"], scene["head_loudspeaker_positions"]
        name = f"{song}-{head}"
        samples[name] = {
            "Track Name": name,
            "Split": split,
            "Path": f"{split}/{name}",
            "Original Track Name": song,
            "Head Position": head,
        }
    return samples
