"""``bench data prepare``: the music at the microphones, from songs, impulse responses and scenes.

The same files, bit for bit, as pyclarity's ``recipes.cad_icassp_2024.generate_dataset`` writes; but
a file without loudness (a silent stem) becomes zeros, where the recipe divides by zero.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.api import SAMPLE_RATE
from bench.data.audio import read_header, read_samples
from bench.data.generate.metadata import SetMetadata, Sources
from bench.data.generate.songs import as_wav, song_sources
from bench.data.generate.streaming import measure, write_at_mic
from bench.data.names import file_at, relative_path
from bench.data.scene_files import PARTS
from bench.errors import BenchError
from bench.runtime.executors import run_jobs, with_workers
from bench.runtime.files import write_json
from bench.runtime.progress import NO_PROGRESS, Progress

log = logging.getLogger(__name__)

SCENES_PER_SONG: Final = 4
LISTENERS_PER_SCENE: Final = 2
_WAV_HEADER: Final = 44
_SPARE: Final = 64 * 2**20
"""Bytes that are left free on the disk."""


@dataclass(frozen=True)
class PartJob:
    """One part of a song, to be made for each head position that needs it.

    Attributes:
        source: the song's file.
        part: ``"mixture"`` or a stem.
        targets: file to write, and the files of the left and right loudspeaker's responses.
    """

    source: Path
    part: str
    targets: tuple[tuple[Path, Path, Path], ...]


@dataclass
class Preparation:
    """The work that a preparation has to do.

    Attributes:
        out: root of the set.
        jobs: what is not there yet.
        done: files that are there already.
        size: bytes that the missing files will take.
        samples: the contents of ``at_mic_music.<split>.json`` by split.
        metadata: the contents of further files by path; all are written when the audio is there.
    """

    out: Path
    jobs: list[PartJob] = field(default_factory=list)
    done: int = 0
    size: int = 0
    samples: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    metadata: dict[Path, Any] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """Files to write."""
        return sum(len(job.targets) for job in self.jobs)

    def write_metadata(self) -> None:
        """Write the metadata that are not there yet, but for the samples' files."""
        for path, content in self.metadata.items():
            write_json(path, content)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Work in `folder` alone; what a killed process left unfinished there is removed.

    On a file system without locks (Lustre, EFS) it goes on without one, and removes nothing.

    Raises:
        BenchError: another process works there, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise BenchError(f"cannot be written: {error.strerror}", where=str(folder)) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError("another process is writing here", where=str(folder)) from None
        except OSError as error:
            log.warning("%s cannot be locked (%s): start only one process", folder, error.strerror)
        else:
            _remove_drafts(folder)
        yield
    finally:
        os.close(handle)


def _remove_drafts(folder: Path) -> None:
    """Remove the drafts of the files that are written here, and no other drafts."""
    parts = "|".join(PARTS)
    ending = r"[0-9a-f-]+\.part"
    own = re.compile(rf"\.({parts})\.wav\.{ending}|\.[A-Za-z0-9_.-]+\.json\.{ending}")
    for parent in (folder / "audio" / "at_mic_music", folder / "metadata"):
        for left in parent.rglob(".*.part"):
            if own.fullmatch(left.name):
                left.unlink(missing_ok=True)


def plan_preparation(
    out: Path,
    sources: Sources,
    splits: Sequence[str] = (),
    *,
    scenes_per_song: int = SCENES_PER_SONG,
    listeners_per_scene: int = LISTENERS_PER_SCENE,
) -> Preparation:
    """Make the metadata, check every source's header, and find what is still to be written.

    Raises:
        BenchError: a source is missing or wrong, or the disk has not enough space.
    """
    for folder in (sources.music, sources.hrtf):
        if not folder.is_dir():
            raise BenchError("there is no such folder", where=str(folder))
    plan = Preparation(out)
    maker = SetMetadata(out / "metadata", sources, scenes_per_song, listeners_per_scene)
    for split in splits or maker.splits():
        plan.samples[split] = maker.make(split)
        _add_jobs(plan, maker, split)
    plan.metadata = maker.made
    check_space(out, plan.size)
    return plan


def check_space(folder: Path, size: int) -> None:
    """Raise a BenchError where `size` bytes do not fit on the disk of a folder that is there."""
    free = shutil.disk_usage(folder).free
    if size + _SPARE > free:
        what = f"it needs {size / 1e6:,.0f} MB, but only {free / 1e6:,.0f} MB are free"
        raise BenchError(what, where=str(folder), hint="Free some space, or give another folder.")


def prepare(
    plan: Preparation, workers: int = 0, progress: Progress = NO_PROGRESS
) -> tuple[list[str], list[str]]:
    """Write what is missing: notes on silent files, and what failed with the reason.

    A file is there whole or not at all; the same call goes on where a killed one stopped.
    `progress` is notified of each file.
    """
    notes: list[str] = []
    failed: list[str] = []
    with progress.stage("at the microphones", plan.files) as step:
        for job, result in run_jobs(make_part, plan.jobs, workers):
            if isinstance(result, Exception):
                why = " ".join(str(result).split())
                failed.append(why if isinstance(result, BenchError) else f"{job.source}: {why}")
            else:
                notes += [f"{path}: silent, written as zeros" for path in result]
            step(with_workers(f"{job.source.parent.name}, {job.part}"), len(job.targets))
    if not failed:
        plan.write_metadata()
        for split, samples in plan.samples.items():
            write_json(plan.out / "metadata" / f"at_mic_music.{split}.json", samples)
    return sorted(notes), sorted(failed)


def make_part(job: PartJob) -> list[Path]:
    """Do one job; the files that are silent.

    Raises:
        BenchError: a source cannot be read.
    """
    with as_wav(job.source, job.part) as source:
        wanted = measure(source)
        silent = []
        for target, left, right in job.targets:
            near, far = (read_samples(path)[0] for path in (left, right))
            if not write_at_mic(source, target, near, far, wanted, SAMPLE_RATE):
                silent.append(target)
    return silent


def response_files(folder: Path, position: Mapping[str, Any]) -> tuple[Path, Path]:
    """The impulse responses of the left and the right loudspeaker at a head position."""
    stem = f"{position['mic']}-{position['subject']}"
    left, right = abs(position["left_angle"]), abs(position["right_angle"])
    return file_at(folder, f"{stem}-n{left}.wav"), file_at(folder, f"{stem}-p{right}.wav")


def _add_jobs(plan: Preparation, maker: SetMetadata, split: str) -> None:
    heads: dict[str, dict[Path, tuple[Path, Path]]] = {}
    positions = maker.file(maker.heads).table()
    for sample in plan.samples[split].values():
        relative = relative_path(sample["Path"], f"'Path' {sample['Path']}")
        folder = plan.out / "audio" / "at_mic_music" / relative
        responses = response_files(maker.sources.hrtf, positions[sample["Head Position"]])
        for path in responses:
            _check_response(path)
        heads.setdefault(sample["Original Track Name"], {})[folder] = responses
    paths = {track["Track Name"]: _path(track) for track in maker.tracks(split)}
    for song, folders in heads.items():
        found = song_sources(maker.sources.music, paths[song])
        for part, source in found.items():
            frames = 0 if source.suffix.lower() == ".mp4" else read_header(source).frames
            targets = tuple(
                (folder / f"{part}.wav", *responses)
                for folder, responses in folders.items()
                if not is_there(folder / f"{part}.wav", frames)
            )
            plan.done += len(folders) - len(targets)
            # What a compressed song takes is not known before: as much as the longest of MUSDB18.
            plan.size += len(targets) * (_WAV_HEADER + 4 * (frames or 640 * SAMPLE_RATE))
            if targets:
                plan.jobs.append(PartJob(source, part, targets))


def is_there(path: Path, frames: int) -> bool:
    """Whether a file is complete: as long as its source (0 where that is not known)."""
    try:
        header = read_header(path)
    except BenchError:
        return False
    return header.frames == frames or not frames


def _check_response(path: Path) -> None:
    header = read_header(path)
    if header.sample_rate != SAMPLE_RATE or header.channels != 2:
        what = f"{header.sample_rate} Hz, {header.channels} channels; expected 44100 Hz, 2"
        raise BenchError(what, where=str(path))


def _path(track: Mapping[str, Any]) -> str:
    return str(track.get("Path") or f"{track['Split']}/{track['Track Name']}")
