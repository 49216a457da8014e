"""``bench data validate``: check a set in the Cadenza layout, metadata and audio."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

import numpy as np

from bench.api import STEMS
from bench.data import CadenzaOptions
from bench.data.audio import AudioFile
from bench.data.cadenza import CadenzaDataset
from bench.data.generate.streaming import LoudnessMeter
from bench.data.metadata import MetadataFile
from bench.data.scene_files import PARTS, SceneFiles
from bench.data.song_names import ONE_SONG_A_SCENE, one_song_a_scene
from bench.errors import BenchError
from bench.runtime.executors import run_jobs, with_workers
from bench.runtime.progress import NO_PROGRESS, Progress

Level = Literal["error", "warning", "note"]
UNRELATED: Final = -3.0
"""dB; stems whose sum is farther from the mixture than that belong to something else.

At the microphones stems never sum to the mixture, as each file has its own loudness: real sets are
22 to 39 dB below it, and 4.5 dB with heads that colour strongly.
"""
_FULL_SCALE: Final = 32_767 / 32_768


@dataclass(frozen=True)
class Finding:
    """A finding about a set; an "error" makes scores fail or wrong."""

    level: Level
    where: str
    what: str


@dataclass(frozen=True)
class SampleLevels:
    """The levels of one at-mic sample.

    Attributes:
        sample: its folder below ``at_mic_music``.
        seconds: length.
        lufs: integrated loudness by part; None for silence.
        peak: dBFS by part; None for digital silence.
        residual: level of mixture minus sum of stems against the mixture, dB; None where all five
            could not be read or the mixture is silent.
    """

    sample: str
    seconds: float
    lufs: dict[str, float | None]
    peak: dict[str, float | None]
    residual: float | None


@dataclass
class Report:
    """All findings about a set.

    Attributes:
        root: of the set.
        splits: songs, scenes, listeners and pairs by split.
        songs: by split, in words, and how they were found.
        samples: measured, in the order of their names.
        findings: errors first.
    """

    root: str
    splits: dict[str, dict[str, int]] = field(default_factory=dict)
    songs: dict[str, str] = field(default_factory=dict)
    samples: list[SampleLevels] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not any(finding.level == "error" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, for programs."""
        return {"ok": self.ok, **asdict(self)}

    def levels(self) -> list[dict[str, Any]]:
        """Rows for people, one a part: loudness over the samples, and how many are silent."""
        rows = []
        for part in PARTS:
            measured = [sample.lufs[part] for sample in self.samples if part in sample.lufs]
            sounding = [value for value in measured if value is not None]
            row: dict[str, Any] = {"part": part, "files": len(measured)}
            row["silent"] = len(measured) - len(sounding)
            if sounding:
                row["LUFS median"] = f"{median(sounding):.1f}"
                row["lowest"], row["highest"] = f"{min(sounding):.1f}", f"{max(sounding):.1f}"
            rows.append(row)
        return rows


def validate(
    root: Path,
    splits: Sequence[str] = (),
    *,
    audio: bool = True,
    song: str = "",
    workers: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Report:
    """Check metadata and, with `audio`, every sample of every file that a scene uses.

    Args:
        root: holds ``metadata`` and ``audio``.
        splits: to check; all that are there where empty.
        audio: read the audio too.
        song: regular expression that finds songs, as the option ``dataset.song``.
        workers: processes; 0 for one per core.
        progress: notified of each sample that was read.

    Raises:
        BenchError: there is no set at all, or no such split.
    """
    dataset = CadenzaDataset(CadenzaOptions(root=str(root), song=song))
    known = dataset.splits
    for split in splits:
        if split not in known:
            hint = f"It has: {', '.join(known) or 'none'}"
            raise BenchError(f"no split '{split}'", where=str(root), hint=hint)
    report = Report(str(dataset.root))
    if not known:
        report.findings.append(Finding("error", str(root), "there is no scenes.<split>.json"))
    folders: dict[Path, None] = {}
    for split in splits or known:
        folders |= dict.fromkeys(_check_metadata(dataset, split, report))
    if audio:
        with progress.stage("reading", len(folders)) as step:
            for folder, result in run_jobs(check_sample, list(folders), workers):
                if isinstance(result, Exception):
                    report.findings.append(Finding("error", str(folder), str(result)))
                else:
                    report.samples.append(result[0])
                    report.findings += result[1]
                step(with_workers(folder.name), 1)
    order = ("error", "warning", "note")
    report.findings = list(dict.fromkeys(report.findings))
    report.findings.sort(key=lambda f: (order.index(f.level), f.where, f.what))
    report.samples.sort(key=lambda sample: sample.sample)
    return report


def check_sample(folder: Path) -> tuple[SampleLevels, list[Finding]]:
    """Read the five files of one at-mic sample, given its folder."""
    files = SceneFiles(folder)
    findings: list[Finding] = []
    right: list[str] = []
    for part in PARTS:
        try:
            files.header(part)
            right.append(part)
        except BenchError as error:
            findings.append(Finding("error", error.where, error.what))
    sample = "/".join(folder.parts[-2:])
    if "mixture" not in right:
        return SampleLevels(sample, 0.0, {}, {}, None), findings
    measured = _measure(files, right, findings)
    seconds = files.frames / files.sample_rate
    for part, lufs in measured.lufs.items():
        if lufs is None:
            level: Level = "warning" if part == "mixture" else "note"
            findings.append(Finding(level, str(files.path(part)), "silent"))
    if measured.residual is not None and measured.residual > UNRELATED:
        what = f"the stems do not belong to the mixture: {measured.residual:+.1f} dB beside it"
        findings.append(Finding("warning", str(folder), what))
    return SampleLevels(sample, seconds, measured.lufs, measured.peak, measured.residual), findings


@dataclass
class _Measured:
    lufs: dict[str, float | None]
    peak: dict[str, float | None]
    residual: float | None


def _measure(files: SceneFiles, parts: Sequence[str], findings: list[Finding]) -> _Measured:
    """All parts side by side, block by block."""
    rate, frames = files.sample_rate, files.frames
    try:
        meters = {part: LoudnessMeter(frames, rate) for part in parts}
    except BenchError as error:
        findings.append(Finding("error", str(files.folder), error.what))
        return _Measured({}, {}, None)
    peaks, clipped = dict.fromkeys(parts, 0.0), dict.fromkeys(parts, 0)
    power = residual = 0.0
    try:
        with ExitStack() as stack:
            opened = [stack.enter_context(AudioFile(files.path(part))) for part in parts]
            for row in zip_longest(*(file.blocks() for file in opened)):
                blocks = dict(zip(parts, row, strict=True))
                for part, block in blocks.items():
                    meters[part].add(block)
                    size = np.abs(block)
                    peaks[part] = max(peaks[part], float(size.max()))
                    clipped[part] += int(np.count_nonzero(size >= _FULL_SCALE))
                power += float(np.square(blocks["mixture"]).sum())
                if len(parts) == len(PARTS):
                    rest = blocks["mixture"] - sum(blocks[stem] for stem in STEMS)
                    residual += float(np.square(rest).sum())
    except BenchError as error:
        findings.append(Finding("error", error.where, error.what))
        return _Measured({}, {}, None)
    for part, count in clipped.items():
        if count:
            path = str(files.path(part))
            findings.append(Finding("note", path, f"{count} samples at full scale"))
    levels = {part: meter.lufs() for part, meter in meters.items()}
    whole = len(parts) == len(PARTS) and power > 0
    return _Measured(
        {part: round(x, 2) if np.isfinite(x) else None for part, x in levels.items()},
        {part: round(_db(x**2), 2) if x else None for part, x in peaks.items()},
        # -200 dB stands for stems that are the mixture to the last bit.
        round(max(_db(residual / power), -200.0), 1) if whole else None,
    )


def _db(power: float) -> float:
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(power))


def _check_metadata(dataset: CadenzaDataset, split: str, report: Report) -> list[Path]:
    """Check the metadata of a split; the folders of its samples."""

    def told(error: BenchError) -> None:
        report.findings.append(Finding("error", error.where, error.what))

    try:
        scenes, songs, problems = dataset.check(split)
    except BenchError as error:
        told(error)
        return []
    for problem in problems:
        told(problem)
    listeners = 0
    if not problems:
        try:
            listeners = len(dataset.listeners(split))
        except BenchError as error:
            told(error)
    report.splits[split] = {
        "songs": len({scene.song for scene in scenes}),
        "scenes": len(scenes),
        "listeners": listeners,
        "pairs": sum(len(scene.listeners) for scene in scenes),
    }
    where = str(dataset.root / "metadata" / f"scenes.{split}.json")
    report.songs[split] = str(songs)
    if one_song_a_scene(scene.song for scene in scenes):
        report.findings.append(Finding("warning", where, ONE_SONG_A_SCENE))
    _check_scene_listeners(dataset.root, split, report)
    folders = [scene.audio.folder for scene in scenes if isinstance(scene.audio, SceneFiles)]
    _check_unused_samples(dataset.root, split, {folder.name for folder in folders}, report)
    return folders


def _check_scene_listeners(root: Path, split: str, report: Report) -> None:
    """Listeners drawn for scenes that are not there: the two files are of different sets."""
    name = f"scene_listeners.{split}.json"
    table = MetadataFile(root / "metadata" / name).table()
    known = set(MetadataFile(root / "metadata" / f"scenes.{split}.json").table())
    unknown = sorted(set(table) - known)
    if unknown:
        what = f"{len(unknown)} scenes are not in scenes.{split}.json, such as {unknown[0]}"
        report.findings.append(Finding("warning", str(root / "metadata" / name), what))


def _check_unused_samples(root: Path, split: str, used: set[str], report: Report) -> None:
    path = root / "metadata" / f"at_mic_music.{split}.json"
    unused = sorted(set(MetadataFile(path).table()) - used)
    if unused:
        what = f"{len(unused)} samples are used by no scene, such as {unused[0]}"
        report.findings.append(Finding("note", str(path), what))
