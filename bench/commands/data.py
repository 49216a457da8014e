"""Datasets: ``bench data demo``, ``prepare``, ``validate`` and ``info``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.checks import checked
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.choices import OptionValue, options_by_section
from bench.spec.defaults import DEFAULT_SUITE

if TYPE_CHECKING:
    from bench.data.validate import Report


@dataclass(frozen=True)
class PreparedSet:
    """The result of :func:`prepare_data`.

    Attributes:
        samples: the number of at-mic samples, by split.
        there: files that existed before.
        written: files that were written.
        size: bytes of what was written.
        notes: such as silent stems.
        failed: what could not be made, with the reason.
    """

    samples: Mapping[str, int]
    there: int
    written: int
    size: int
    notes: Sequence[str]
    failed: Sequence[str]


@dataclass(frozen=True)
class SplitInfo:
    """The size of a split of a dataset."""

    split: str
    songs: int
    scenes: int
    listeners: int
    pairs: int
    fingerprint: str


@dataclass(frozen=True)
class DatasetInfo:
    """The content of a suite's dataset."""

    suite: str
    summary: str
    splits: Sequence[SplitInfo]


@checked
def make_demo(
    folder: Path | str,
    *,
    songs: int = 8,
    valid_songs: int = 4,
    seconds: float = 12.0,
    scenes: int = 2,
    listeners: int = 2,
    workers: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Path:
    """Write a synthesised set of any size, in the Cadenza layout: ``bench data demo``.

    An interrupted call continues where it stopped.

    Args:
        folder: to make.
        songs: to train on.
        valid_songs: to score.
        seconds: length of a song.
        scenes: of each song.
        listeners: of each scene.
        workers: processes; 0 for one per core.
        progress: notified of progress.

    Raises:
        BenchError: the folder is not empty or cannot be written.
    """
    from bench.data.generate.demo import write_demo

    write_demo(
        Path(folder),
        songs_train=songs,
        songs_valid=valid_songs,
        seconds=seconds,
        scenes_per_song=scenes,
        listeners_per_scene=listeners,
        processes=workers,
        progress=progress,
    )
    return Path(folder)


@checked
def prepare_data(
    out: Path | str,
    *,
    music: Path | str,
    hrtf: Path | str,
    metadata: Path | str | None = None,
    listeners: Path | str | None = None,
    splits: Sequence[str] = (),
    workers: int = 0,
    progress: Progress = NO_PROGRESS,
) -> PreparedSet:
    """Make the challenge's music at the microphones, bit for bit: ``bench data prepare``.

    An interrupted call continues where it stopped.

    Args:
        out: folder of the set.
        music: songs as MUSDB18-HQ has them, ``SPLIT/SONG/{mixture,vocals,drums,bass,other}.wav``.
        hrtf: impulse responses, ``BTE_fr-VP_E1-n22.5.wav`` and so on.
        metadata: the challenge's; what is missing is made by the challenge's draws.
        listeners: JSON file of listeners, where the metadata have none.
        splits: all that there are by default.
        workers: processes; 0 for one per core.
        progress: notified of each file.

    Raises:
        BenchError: a source is missing or wrong, or the disk has not enough space.
    """
    from bench.data.generate.metadata import Sources
    from bench.data.generate.prepare import locked, plan_preparation, prepare

    sources = Sources(
        Path(music),
        Path(hrtf),
        None if metadata is None else Path(metadata),
        None if listeners is None else Path(listeners),
    )
    with locked(Path(out)):
        plan = plan_preparation(Path(out), sources, tuple(splits))
        notes, failed = prepare(plan, workers, progress)
    samples = {split: len(found) for split, found in plan.samples.items()}
    return PreparedSet(samples, plan.done, plan.files, plan.size, notes, failed)


@checked
def validate_data(
    root: Path | str,
    *,
    splits: Sequence[str] = (),
    metadata_only: bool = False,
    song: str = "",
    workers: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Report:
    """Check a set: metadata, files, lengths, NaN, levels: ``bench data validate``.

    Args:
        root: holds ``metadata`` and ``audio``.
        splits: all that there are by default.
        metadata_only: read no audio.
        song: regular expression that finds songs, as the option ``dataset.song``.
        workers: processes; 0 for one per core.
        progress: notified of each sample.

    Raises:
        BenchError: there is no set at all, or no such split.
    """
    from bench.data.validate import validate

    return validate(
        Path(root),
        tuple(splits),
        audio=not metadata_only,
        song=song,
        workers=workers,
        progress=progress,
    )


def describe_data(
    suite: str | Path = DEFAULT_SUITE, *, options: Mapping[str, OptionValue] | None = None
) -> DatasetInfo:
    """Songs, scenes, listeners and pairs of a suite's dataset: ``bench data info``.

    Args:
        suite: its name, or the path of a TOML file.
        options: of the dataset, as ``{"dataset.root": ...}``.

    Raises:
        BenchError: there is no such suite, or its dataset is not there.
    """
    from bench.plugins import installed
    from bench.spec.resolve import make_dataset
    from bench.spec.suite import load_suite

    loaded = load_suite(str(suite))
    dataset = make_dataset(installed(), loaded, options_by_section(options or {})["dataset"])
    found = []
    for split in dataset.splits:
        scenes = dataset.scenes(split)
        found.append(
            SplitInfo(
                split=split,
                songs=len({scene.song for scene in scenes}),
                scenes=len(scenes),
                listeners=len(dataset.listeners(split)),
                pairs=sum(len(scene.listeners) for scene in scenes),
                fingerprint=dataset.fingerprint(split),
            )
        )
    return DatasetInfo(loaded.name, loaded.summary, found)
