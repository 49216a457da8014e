"""Submitted files: one FLAC file per pair, written and scored by the same code as a run.

The files are those of ``recipes.cad_icassp_2024.baseline`` (enhance.py, evaluate.py): in the folder
``enhanced_signals``, ``<scene>_<listener>_remix.flac``, 32 kHz, 16 bit, left then right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile
import torch
from torch import Tensor

from bench.api import MetricSpec, Scene
from bench.data.audio import read_samples
from bench.errors import BenchError
from bench.evaluation.estimate import rates, time_limit
from bench.evaluation.protocol import Excerpt, render, separate
from bench.evaluation.scoring import Row, Scorer, Stopwatch, score_output, seconds_rows
from bench.plugins import installed
from bench.plugins.guard import guarded, limited
from bench.runs.restore import StoredRun
from bench.runtime.causes import cause_of
from bench.runtime.files import fault_of, replacing
from bench.runtime.machine import device, one_thread
from bench.spec.resolve import open_dataset
from bench.spec.run import Choice, RunSpec
from bench.system.output import OUTPUT_RATE
from bench.system.system import System

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

    from bench.plugins import Plugins

FOLDER: Final = "enhanced_signals"
LONGEST_TAIL: Final = 0.25
"""Seconds that a file may be longer than its scene.

A prescription adds 5 ms; the recipe as published amplifies what it amplified for the listener
before, 20 times 5 ms in the evaluation set.
"""


def file_name(scene_id: str, listener_id: str) -> str:
    """The name of one pair's file.

    Raises:
        BenchError: an id cannot be part of a file name, as a dataset may be untrusted.
    """
    no_name = "cannot be the name of a file"
    for name in (scene_id, listener_id):
        if fault := fault_of(name):
            raise BenchError(f"{ascii(name)[:80]} {no_name}: {fault}", where="the dataset's ids")
    name = f"{scene_id}_{listener_id}_remix.flac"
    if fault := fault_of(name):
        raise BenchError(f"{ascii(name)[:80]} {no_name}: {fault}", where="the dataset's ids")
    return name


def signals_folder(folder: Path) -> Path:
    """The folder of the files: ``enhanced_signals``, or the folder itself."""
    return folder / FOLDER if (folder / FOLDER).is_dir() else folder


# --- writing -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class WriteJob:
    """The files of one scene to be written by a system."""

    run: StoredRun
    scene: str
    listeners: tuple[str, ...]
    folder: Path
    time_limit: float | None = None


def write_scene(job: WriteJob) -> None:
    """Write the files of one scene, each in one step.

    Raises:
        BenchError: the scene's audio is missing or wrong.
        OSError: a file cannot be written.
    """
    system, scenes, listeners = _prepared(job.run)
    scene = scenes[job.scene]
    with one_thread(), _limited(job.run.spec, scene, job.time_limit):
        with guarded("dataset"):
            excerpt = Excerpt.read(scene)
        stems = separate(system, excerpt)
        for name in job.listeners:
            pair = render(system, excerpt, stems, listeners[name], job.run.spec.protocol)
            write_flac(job.folder / file_name(job.scene, name), pair.output)


def write_flac(path: Path, output: Tensor) -> None:
    """Write what :func:`bench.system.output.to_output` gave, ``(2, M)``, in one step."""
    samples = np.rint(output.T.numpy() * 32768.0).astype(np.int16)
    with replacing(path) as draft:
        soundfile.write(draft, samples, OUTPUT_RATE, subtype="PCM_16", format="FLAC")


@lru_cache(maxsize=1)
def _prepared(run: StoredRun) -> tuple[System, dict[str, Scene], Mapping[str, Listener]]:
    """A process makes its system and reads the metadata once."""
    plugins = installed()
    dataset = open_dataset(run.spec, plugins)
    scenes = {scene.id: scene for scene in dataset.scenes(run.spec.split)}
    return run.system(plugins).to(device()), scenes, dataset.listeners(run.spec.split)


# --- scoring -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScoreJob:
    """The files of one scene to be scored: `spec` is :func:`reference_spec`'s."""

    spec: RunSpec
    scene: str
    listeners: tuple[str, ...]
    folder: Path
    time_limit: float | None = None


def reference_spec(spec: RunSpec, plugins: Plugins) -> RunSpec:
    """The spec of the clean stems by which files are judged, with the metrics that files allow."""
    return replace(spec, metrics=without_stems(spec.metrics, plugins))


def without_stems(metrics: Sequence[Choice], plugins: Plugins) -> tuple[Choice, ...]:
    """The metrics that do not judge separated stems."""
    kept = []
    for choice in metrics:
        spec = plugins.get(MetricSpec, choice.name).spec
        if not spec.reads_stems:
            kept.append(choice)
    return tuple(kept)


def score_scene(job: ScoreJob) -> list[Row]:
    """The rows of a scene's files; one that is missing or wrong is a failed row with the reason."""
    system, scenes, listeners = _prepared(StoredRun("", "", job.spec, None))
    scene = scenes[job.scene]
    with one_thread(), _limited(job.spec, scene, job.time_limit):
        return _score_scene(job, system, scene, listeners)


def failed_rows(job: ScoreJob, error: Exception) -> list[Row]:
    """The rows of a scene that could not be scored at all."""
    _, scenes, listeners = _prepared(StoredRun("", "", job.spec, None))
    scorer, cause = Scorer(job.spec.metrics, installed()), cause_of(error)
    return [
        row
        for name in job.listeners
        for row in scorer.failed(scenes[job.scene], listeners[name], cause)
    ]


def _limited(spec: RunSpec, scene: Scene, given: float | None) -> AbstractContextManager[None]:
    """The time that each call of a plugin may take: what is given, or what suits the scene."""
    seconds = scene.frames / scene.sample_rate
    return limited(time_limit(spec, seconds, rates()) if given is None else given)


def _score_scene(
    job: ScoreJob, system: System, scene: Scene, listeners: Mapping[str, Listener]
) -> list[Row]:
    scorer = Scorer(job.spec.metrics, installed())
    rows: list[Row] = []
    try:
        with guarded("dataset"):
            excerpt = Excerpt.read(scene)
        stems = separate(system, excerpt)
    except Exception as error:
        return failed_rows(job, error)
    for name in job.listeners:
        watch = Stopwatch()
        try:
            path = job.folder / file_name(scene.id, name)
            with watch.stage("read"):
                output = read_submitted(path, scene.frames / scene.sample_rate)
            with watch.stage("reference"):
                reference = render(system, excerpt, stems, listeners[name], job.spec.protocol)
            rows += score_output(scorer, reference, output, OUTPUT_RATE, watch)
        except Exception as error:
            rows += scorer.failed(scene, listeners[name], cause_of(error))
        rows += seconds_rows(scene, listeners[name], watch)
    return rows


def read_submitted(path: Path, seconds: float) -> Tensor:
    """A file as the challenge reads it, float64 ``(2, M)`` at OUTPUT_RATE.

    Args:
        path: the file.
        seconds: length of its scene.

    Raises:
        BenchError: it is missing, damaged, or not as the challenge requires it.
    """
    try:
        samples, rate = read_samples(path)
    except BenchError as error:  # a row of a board names no folder of one machine
        where = Path(error.where).name if error.where else path.name
        raise BenchError(error.what, where=where) from None
    if rate != OUTPUT_RATE:
        what = f"the sample rate is {rate} Hz, expected {OUTPUT_RATE} Hz"
        raise BenchError(what, where=path.name)
    if samples.shape[1] != 2:
        raise BenchError(f"it has {samples.shape[1]} channels, expected 2", where=path.name)
    least = math.floor(seconds * OUTPUT_RATE)
    if not least <= len(samples) <= least + LONGEST_TAIL * OUTPUT_RATE:
        what = f"it lasts {len(samples) / OUTPUT_RATE:.3f} s, its scene {seconds:.3f} s"
        raise BenchError(what, where=path.name)
    return torch.from_numpy(np.ascontiguousarray(samples.T))
