"""Reader of the ICASSP 2024 Cadenza layout: any split, full songs and excerpts.

Under the root lie ``metadata/*.json`` and ``audio/at_mic_music/<Path>/{mixture,vocals,...}.wav``.
Metadata are read and checked when a split is asked for; audio when a scene is read, so that one
damaged file costs one scene.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from bench.api import MOST_GAIN, STEMS, Scene
from bench.data import CadenzaOptions
from bench.data.listeners import Audiograms, make_listener, read_audiograms
from bench.data.metadata import MetadataFile
from bench.data.names import composed, file_at, folder_at, relative_path
from bench.data.scene_files import PARTS, SceneFiles
from bench.data.song_names import RECORD, Songs, find_songs
from bench.errors import BenchError, suggest
from bench.runtime.digests import digests_of

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

_SPLIT_ORDER: Final = ("train", "valid", "eval")
_TABLES: Final = ("scenes", "scene_listeners", "listeners", "at_mic_music")
_EVALUATION: Final = ("eval", "test", "evaluation")
"""Names of the evaluation split: its metadata may have one and its folder another."""
HEAD_FILES: Final = ("head_loudspeaker_positions.json", "head_positions.json")
HEAD_KEYS: Final = ("head_loudspeaker_positions", "head_positions", "head_position")
"""Names of the file of head positions, and of a scene's key for its own."""


@dataclass(frozen=True)
class _Split:
    scenes: tuple[Scene, ...]
    listeners: dict[str, Audiograms]
    listeners_file: MetadataFile
    songs: Songs


class CadenzaDataset:
    """A dataset in the Cadenza layout; a :class:`bench.api.Dataset`.

    Raises:
        BenchError: the root is not given, missing, or has no metadata folder.
    """

    def __init__(self, options: CadenzaOptions) -> None:
        self.root = _checked_root(options.root)
        self._song_pattern = options.song
        self._splits: dict[str, _Split] = {}
        self._fingerprints: dict[str, str] = {}

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have a ``scenes.<split>.json``."""
        files = (self.root / "metadata").glob("scenes.*.json")
        names = {path.name.removeprefix("scenes.").removesuffix(".json") for path in files}
        known = [name for name in _SPLIT_ORDER if name in names]
        return (*known, *sorted(names - set(known)))

    def scenes(self, split: str) -> Sequence[Scene]:
        """The scenes of a split, in the metadata's order.

        Raises:
            BenchError: a metadata file is missing or malformed, or refers to a missing one.
        """
        return self._split(split).scenes

    def listeners(self, split: str) -> Mapping[str, Listener]:
        """pyclarity Listeners by id, all of the split's file.

        Raises:
            BenchError: as for :meth:`scenes`, or an audiogram is invalid.
        """
        data = self._split(split)
        return {
            name: make_listener(data.listeners_file, name, given)
            for name, given in data.listeners.items()
        }

    def songs(self, split: str) -> Songs:
        """The songs of a split's excerpts, and how they were found.

        Raises:
            BenchError: as for :meth:`scenes`.
        """
        return self._split(split).songs

    def check(self, split: str) -> tuple[tuple[Scene, ...], Songs, list[BenchError]]:
        """The valid scenes of a split, its songs, and what is wrong with the others.

        Raises:
            BenchError: a metadata file is missing or malformed.
        """
        problems: list[BenchError] = []
        found = _SplitReader(self.root, split, self._song_pattern).read(problems.append)
        return found.scenes, found.songs, problems

    def fingerprint(self, split: str) -> str:
        """A hash that changes whenever a score on this split could, the same for every copy.

        It takes in the whole of each audio file, read once: what was read is kept by path, size,
        times and inode (:mod:`bench.runtime.digests`). A missing file counts as such.
        """
        if split not in self._fingerprints:
            self._fingerprints[split] = self._hash(self._split(split))
        return self._fingerprints[split]

    def _split(self, split: str) -> _Split:
        if split not in self._splits:
            if split not in self.splits:
                known = list(self.splits)
                hint = suggest(split, known) or "There is no scenes.<split>.json at all."
                raise BenchError(f"no split '{split}'", where=str(self.root), hint=hint)
            self._splits[split] = _SplitReader(self.root, split, self._song_pattern).read()
        return self._splits[split]

    def _hash(self, data: _Split) -> str:
        used = {name for scene in data.scenes for name in scene.listeners}
        folders = {_folder(scene): None for scene in data.scenes}
        scenes = [
            [s.id, s.song, s.head_position, s.gains, s.listeners, s.genre, self._name(_folder(s))]
            for s in data.scenes
        ]
        listeners = {
            name: [given.frequencies, given.left, given.right]
            for name, given in data.listeners.items()
            if name in used
        }
        digest = hashlib.sha256(json.dumps([scenes, listeners], sort_keys=True).encode())
        files = [file_at(folder, f"{part}.wav") for folder in folders for part in PARTS]
        found = digests_of(files, of=self.root)
        for file in files:
            digest.update(found[file].encode())
        return digest.hexdigest()

    def _name(self, folder: Path) -> str:
        return composed(folder.relative_to(self.root).as_posix())


class _SplitReader:
    """Reads the metadata of one split, with every check."""

    def __init__(self, root: Path, split: str, song_pattern: str = "") -> None:
        self.root = root
        self.split = split
        self.song_pattern = song_pattern
        self.audio = root / "audio" / "at_mic_music"
        prepare = "Make the signals at the microphones first: bench data prepare"
        self.scenes = self._file(f"scenes.{split}.json")
        self.scene_listeners = self._file(f"scene_listeners.{split}.json")
        self.listeners = self._file(f"listeners.{split}.json")
        self.at_mic = self._file(f"at_mic_music.{split}.json", prepare)
        self.gains = self._file("gains.json")
        self._recorded: dict[str, str] = {}
        self.head_positions = self._file(head_file(root / "metadata"))

    def _file(self, name: str, hint: str = "") -> MetadataFile:
        hint = hint or f"Check dataset.root and that split '{self.split}' was unpacked there."
        return MetadataFile(self._path(name), hint=hint)

    def _path(self, name: str) -> Path:
        """The path of a metadata file; an evaluation's may have another of the split's names."""
        path = self.root / "metadata" / name
        if not path.exists() and self.split in _EVALUATION:
            for other in _EVALUATION:
                named = path.with_name(name.replace(f".{self.split}.", f".{other}."))
                if named.exists():
                    return named
        return path

    def read(self, report: Callable[[BenchError], None] | None = None) -> _Split:
        """The checked content; with `report`, a wrong scene is reported there and left out."""
        self.scenes.check_ids()
        listeners = read_audiograms(self.listeners)
        gains = dict(self._read_gains())
        genres = dict(self._read_genres())
        scenes = []
        for scene_id, value in self.scenes.table().items():
            try:
                scenes.append(self._scene(scene_id, value, gains, listeners, genres))
            except BenchError as error:
                if report is None:
                    raise
                report(error)
        songs = find_songs(self._recorded, self._tracks(), self.song_pattern)
        named = tuple(self._named(scene, songs, genres) for scene in scenes)
        return _Split(named, listeners, self.listeners, songs)

    @staticmethod
    def _named(scene: Scene, songs: Songs, genres: Mapping[str, str]) -> Scene:
        """The scene with its song in the place of the name of its music."""
        song = songs.by_name[scene.song]
        return replace(scene, song=song, genre=genres.get(song, scene.genre))

    def _scene(
        self,
        scene_id: str,
        value: Any,
        gains: Mapping[str, tuple[float, float, float, float]],
        listeners: Mapping[str, Audiograms],
        genres: Mapping[str, str],
    ) -> Scene:
        file, at = self.scenes, f"scene {scene_id}"
        entry = file.entry(value, at)
        music = file.text(entry, "music", at)
        gain = file.text(entry, "gain", at)
        head = file.text(entry, head_key(entry), at)
        self._known(file, at, "gain", gain, gains)
        self._known(file, at, "head position", head, self.head_positions.table())
        self._known(file, at, "music at the microphones", f"{music}-{head}", self.at_mic.table())
        self._known(self.scene_listeners, at, "scene", scene_id, self.scene_listeners.table())
        heard_by = self.scene_listeners.texts(self.scene_listeners.table()[scene_id], at)
        for name in heard_by:
            self._known(self.scene_listeners, at, "listener", name, listeners)
        folder = self._sample(f"{music}-{head}", music)
        return Scene(
            id=scene_id,
            song=music,
            head_position=head,
            gains=gains[gain],
            listeners=heard_by,
            audio=SceneFiles(folder),
            genre=genres.get(composed(music), ""),
        )

    @staticmethod
    def _known(file: MetadataFile, at: str, kind: str, name: str, known: Mapping[str, Any]) -> None:
        if name not in known:
            # Thousands of ids are no help: without a near match there is no hint.
            hint = suggest(name, list(known))
            hint = hint if hint.startswith("Did") or len(known) <= 20 else ""
            file.fail(f"unknown {kind} '{name}'", at=at, hint=hint)

    def _sample(self, name: str, music: str) -> Path:
        """The folder of an at-mic sample; the song that its record names is noted by its music."""
        entry = self.at_mic.entry(self.at_mic.table()[name], name)
        given = self.at_mic.text(entry, "Path", name)
        relative = relative_path(given, f"{self.at_mic.path}, {name}")
        folder = folder_at(self.audio, relative)
        if not folder.exists() and relative.parts[0] in _EVALUATION:
            for other in _EVALUATION:
                named = folder_at(self.audio, PurePosixPath(other, *relative.parts[1:]))
                folder = named if named.exists() else folder
        song = self.at_mic.optional_text(entry, RECORD, name)
        known = self._recorded.get(music, "")
        if song and known and composed(song) != composed(known):
            what = f"'{RECORD}' is '{song}', and that of another sample of this music '{known}'"
            self.at_mic.fail(what, at=name)
        self._recorded[music] = song or known
        return folder

    def _read_gains(self) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
        for name, value in self.gains.table().items():
            entry = self.gains.entry(value, name)
            vocals, drums, bass, other = (self._gain(entry, stem, name) for stem in STEMS)
            yield name, (vocals, drums, bass, other)

    def _gain(self, entry: Mapping[str, Any], stem: str, at: str) -> float:
        value = self.gains.number(entry, stem, at)
        if abs(value) > MOST_GAIN:
            what = f"the gain of {stem} is {value:g} dB, at most {MOST_GAIN:g} dB up or down"
            self.gains.fail(what, at=at)
        return value

    def _tracks(self) -> list[str]:
        """The names of songs in the split's track lists, MUSDB18's or another's."""
        splits = _EVALUATION if self.split in _EVALUATION else (self.split,)
        found = []
        for path in sorted((self.root / "metadata").glob("*.*.json")):
            kind, split = path.name.split(".", 1)
            if kind in _TABLES or split.removesuffix(".json") not in splits:
                continue
            content = MetadataFile(path).content
            tracks = content if isinstance(content, list) else []
            names = [track.get("Track Name") for track in tracks if isinstance(track, dict)]
            found += [name for name in names if isinstance(name, str) and name]
        return found

    def _read_genres(self) -> Iterator[tuple[str, str]]:
        path = self._path(f"musdb18.{self.split}.json")
        if not path.exists():
            return
        file = MetadataFile(path)
        if not isinstance(file.content, list):
            file.fail("expected a list of tracks")
        for number, value in enumerate(file.content, start=1):
            at = f"track {number}"
            entry = file.entry(value, at)
            track = composed(file.text(entry, "Track Name", at))
            yield track, file.optional_text(entry, "Genre", at)


def head_file(metadata: Path) -> str:
    """The name of the file of head positions in a folder of metadata."""
    return next((name for name in HEAD_FILES if (metadata / name).exists()), HEAD_FILES[0])


def head_key(scene: Mapping[str, Any]) -> str:
    """The key under which a scene names its head position."""
    return next((key for key in HEAD_KEYS if key in scene), HEAD_KEYS[0])


def _checked_root(text: str) -> Path:
    hint = "Give the folder that holds metadata/ and audio/: -o dataset.root=DIR"
    if not text:
        raise BenchError("no folder is given", where="dataset.root", hint=hint)
    root = Path(text).expanduser().resolve()
    if not root.is_dir():
        raise BenchError("there is no such folder", where=f"dataset.root {text}", hint=hint)
    if not (root / "metadata").is_dir():
        raise BenchError("it has no folder 'metadata'", where=f"dataset.root {text}", hint=hint)
    return root


def _folder(scene: Scene) -> Path:
    assert isinstance(scene.audio, SceneFiles)
    return scene.audio.folder
