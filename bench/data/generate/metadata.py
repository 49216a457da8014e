"""Make the challenge's metadata: the files under ``metadata/`` of a set in its layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from bench.data.cadenza import HEAD_FILES, head_file, head_key
from bench.data.generate.draws import draw_listeners, draw_scenes, gains_table
from bench.data.metadata import MetadataFile
from bench.data.names import composed, entries
from bench.data.scene_files import PARTS
from bench.errors import BenchError

FIRST_SCENE = {"train": 10_001, "valid": 20_001}
"""Number of a split's first scene; 30001 for any other."""

KINDS = (".wav", ".flac")
"""Formats of a song's five files, in any case."""

PACKED = ".stem.mp4"
"""What the name of a song in one file ends with, in any case."""

_HRTF = re.compile(r"(?P<mic>.+)-(?P<subject>[^-]+)-(?P<side>[np])(?P<angle>\d+(\.\d+)?)\.(?i:wav)")


def head_positions(folder: Path) -> dict[str, dict[str, Any]]:
    """Every pair of loudspeaker angles before every head that has impulse responses in `folder`.

    The left loudspeaker goes from the outside in, the right one from the inside out, so that the
    first record is the challenge's; of the order of the others nothing is published.

    Raises:
        BenchError: there are none.
    """
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for path in entries(folder):
        if match := _HRTF.fullmatch(path.name):
            sides = found.setdefault((match["subject"], match["mic"]), {"n": [], "p": []})
            sides[match["side"]].append(float(match["angle"]))
    positions = [
        {"subject": subject, "left_angle": -left, "right_angle": right, "mic": mic}
        for (subject, mic), sides in sorted(found.items())
        for left, right in product(sorted(sides["n"], reverse=True), sorted(sides["p"]))
    ]
    if not positions:
        hint = "Files are named as BTE_fr-VP_E1-n22.5.wav and BTE_fr-VP_E1-p22.5.wav."
        raise BenchError("no impulse responses of both loudspeakers", where=str(folder), hint=hint)
    return {f"hlp_{number:04d}": position for number, position in enumerate(positions, start=1)}


def tracks(music: Path, split: str) -> list[dict[str, str]]:
    """The list of the songs in ``<music>/<split>``: folders of five files, or ``.stem.mp4`` files.

    Raises:
        BenchError: there are none.
    """
    folder = music / split
    names = {composed(name) for path in _children(folder) if (name := _song(path))}
    if not names:
        hint = f"A song is a folder of {', '.join(PARTS)}.wav, or a .stem.mp4 file."
        raise BenchError("there are no songs", where=str(folder), hint=hint)
    return [
        {
            "Track Name": name,
            "Genre": "",
            "Source": "",
            "License": "",
            "Split": split,
            "Path": f"{split}/{name}",
        }
        for name in sorted(names)
    ]


def _song(path: Path) -> str:
    """The name of the song that a folder or a packed file is; empty where it is none."""
    if path.is_dir():
        mixtures = {f"mixture{kind}" for kind in KINDS}
        return path.name if any(p.name.lower() in mixtures for p in _children(path)) else ""
    return path.name[: -len(PACKED)] if path.name.lower().endswith(PACKED) else ""


def _children(folder: Path) -> list[Path]:
    return list(entries(folder)) if folder.is_dir() else []


def at_mic_samples(
    scenes: Mapping[str, Mapping[str, str]], split_of: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """The contents of ``at_mic_music.<split>.json``: each song at each of its head positions.

    Args:
        scenes: the contents of ``scenes.<split>.json``.
        split_of: the split of each song, which names its folder.
    """
    samples = {}
    for scene in scenes.values():
        song, head = scene["music"], scene["head_loudspeaker_positions"]
        name = f"{song}-{head}"
        samples[name] = {
            "Track Name": name,
            "Split": split_of[song],
            "Path": f"{split_of[song]}/{name}",
            "Original Track Name": song,
            "Head Position": head,
        }
    return samples


@dataclass(frozen=True)
class Sources:
    """The sources that a set is made from.

    Attributes:
        music: songs, as ``<split>/<song>/{mixture,vocals,drums,bass,other}.wav``.
        hrtf: impulse responses, as ``BTE_fr-VP_E1-n22.5.wav``.
        metadata: the challenge's metadata; what it lacks is made by the challenge's draws.
        listeners: a JSON file of listeners, for the splits of which the metadata have none.
    """

    music: Path
    hrtf: Path
    metadata: Path | None = None
    listeners: Path | None = None


class SetMetadata:
    """The metadata of a set: what is given is copied, what is missing is made.

    Nothing is written here: what a call that fails had made would be kept by the next.

    Attributes:
        made: the contents of files that are not there yet, by path.
    """

    def __init__(self, folder: Path, sources: Sources, scenes: int, listeners: int) -> None:
        self.folder = folder
        self.sources = sources
        self._counts = scenes, listeners
        self.made: dict[Path, Any] = {}

    def splits(self) -> list[str]:
        """The splits that have songs, and listeners or scenes."""
        names = [path.name for path in entries(self.sources.music) if path.is_dir()]
        found = [
            name
            for name in names
            if self.sources.listeners is not None or self._given(f"listeners.{name}.json")
        ]
        if not found:
            hint = "Give --metadata DIR with listeners.<split>.json, or --listeners FILE.json."
            raise BenchError("no split has songs and listeners", where=", ".join(names), hint=hint)
        return found

    def file(self, name: str) -> MetadataFile:
        """A file of the set, there already or to be written."""
        path = self.folder / name
        return MetadataFile.made(path, self.made[path]) if path in self.made else MetadataFile(path)

    @property
    def heads(self) -> str:
        """The name of the file of head positions."""
        given = [name for name in HEAD_FILES if self._given(name)]
        return given[0] if given else head_file(self.folder)

    def tracks(self, split: str) -> list[Mapping[str, Any]]:
        """The list of songs."""
        file = self.file(f"musdb18.{split}.json")
        if not isinstance(file.content, list):
            file.fail("expected a list of tracks")
        found = [file.entry(value, f"track {n}") for n, value in enumerate(file.content, start=1)]
        for number, entry in enumerate(found, start=1):
            for key in ("Track Name", "Split"):
                file.text(entry, key, f"track {number}")
        return found

    def make(self, split: str) -> dict[str, dict[str, str]]:
        """Bring the metadata of a split to the set, and name its samples at the microphones."""
        scene_count, listener_count = self._counts
        self._keep("gains.json", gains_table)
        heads = self.heads
        self._keep(heads, lambda: head_positions(self.sources.hrtf))
        self._keep(f"musdb18.{split}.json", lambda: tracks(self.sources.music, split))
        songs = {track["Track Name"]: str(track["Split"]) for track in self.tracks(split)}
        self._keep(f"listeners.{split}.json", lambda: self._listeners(split))
        self._keep(
            f"scenes.{split}.json",
            lambda: draw_scenes(
                list(songs),
                list(self.file("gains.json").table()),
                list(self.file(heads).table()),
                scene_count,
                FIRST_SCENE.get(split, 30_001),
            ),
        )
        self._keep(
            f"scene_listeners.{split}.json",
            lambda: draw_listeners(
                list(self.file(f"scenes.{split}.json").table()),
                list(self.file(f"listeners.{split}.json").table()),
                listener_count,
            ),
        )
        return at_mic_samples(self._scenes(split, songs), songs)

    def _scenes(self, split: str, songs: Mapping[str, str]) -> dict[str, dict[str, str]]:
        file = self.file(f"scenes.{split}.json")
        positions = self.file(self.heads).table()
        found = {}
        for name, value in file.table().items():
            at = f"scene {name}"
            entry = file.entry(value, at)
            song = file.text(entry, "music", at)
            head = file.text(entry, head_key(entry), at)
            if song not in songs:
                file.fail(f"the song '{song}' is not in musdb18.{split}.json", at=at)
            if head not in positions:
                file.fail(f"unknown head position '{head}'", at=at)
            found[name] = {"music": song, "head_loudspeaker_positions": head}
        return found

    def _listeners(self, split: str) -> Any:
        if self.sources.listeners is None:
            hint = "Give --metadata DIR that has it, or --listeners FILE.json."
            raise BenchError(f"listeners.{split}.json is missing", where="--metadata", hint=hint)
        return MetadataFile(self.sources.listeners).table()

    def _given(self, name: str) -> bool:
        folders = (self.folder, self.sources.metadata)
        return any(folder is not None and (folder / name).is_file() for folder in folders)

    def _keep(self, name: str, make: Callable[[], Any]) -> None:
        if self.folder / name in self.made:
            return
        target = self.folder / name
        given = self.sources.metadata / name if self.sources.metadata is not None else None
        if given is not None and given.is_file():
            content = MetadataFile(given).content
            if target.is_file() and MetadataFile(target).content != content:
                hint = f"It differs from {given}. Remove it, or give another folder."
                raise BenchError("already exists", where=str(target), hint=hint)
        elif target.is_file():
            return
        else:
            content = make()
        if not target.is_file():
            self.made[target] = content
