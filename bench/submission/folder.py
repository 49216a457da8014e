"""A folder of submitted files as a row of a board: ``bench score FOLDER``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.api import Dataset
from bench.board.schema import TIME_METRIC
from bench.data.song_names import songs_of
from bench.errors import BenchError
from bench.runs.record import finish_row, run_row, write_row
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.run import Choice, RunSpec
from bench.spec.suite import Suite

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.plugins import Plugins

KIND: Final = "submission"
"""What stands for separator and gain strategy in the row of a submission."""


@dataclass(frozen=True)
class ScoredFolder:
    """The result of a folder: its row's id, and pairs that failed with the reason."""

    run_id: str
    pairs: int
    failed: Mapping[tuple[str, str], str]


def score_folder(
    folder: Path,
    spec: RunSpec,
    board: Board,
    suite: Suite,
    plugins: Plugins,
    dataset: Dataset,
    *,
    name: str,
    trained_on: Sequence[str] = (),
    workers: int = 0,
    time_limit: float | None = None,
    progress: Progress = NO_PROGRESS,
) -> ScoredFolder:
    """Score a folder of submitted files against the set, as a row of its own on the board.

    What is scored already is not scored again, as long as no file, no code and no data changed.

    Args:
        folder: holds the files, or a folder ``enhanced_signals`` with them.
        spec: of the clean stems (separator "oracle", gains "fixed"), by which files are judged.
        board: where the row is kept.
        suite: of the spec.
        plugins: the installed plugins.
        dataset: of the spec.
        name: label of the row.
        trained_on: data that the system was trained on; without it the row is not ranked.
        workers: processes; 0 for one per core.
        time_limit: seconds that a plugin may take for a scene; 0 for any time, None for a generous
            default.
        progress: notified of each scene, in pairs.

    Raises:
        BenchError: there are no such files at all, or the protocol is not the challenge's.
    """
    from bench.evaluation.runner import chosen_pairs, pairs_to_score
    from bench.evaluation.worker import RunToScore
    from bench.runtime.executors import WorkerDiedError, run_jobs, with_workers
    from bench.runtime.machine import scoring_processes
    from bench.submission.scene import (
        ScoreJob,
        failed_rows,
        file_name,
        reference_spec,
        score_scene,
        signals_folder,
    )

    if spec.protocol != "challenge":
        what = "submitted files are judged by the gains that a scene requests"
        raise BenchError(what, where=f"protocol '{spec.protocol}'", hint="--protocol challenge")
    spec = reference_spec(spec, plugins)
    files = signals_folder(folder)
    names = [
        file_name(s, who)
        for s, many in chosen_pairs(dataset.scenes(spec.split), spec.limit).items()
        for who in many
    ]
    found = sum((files / file).is_file() for file in names)
    if not found:
        hint = f"The first of {len(names)} would be {names[0]}."
        raise BenchError("none of the split's files were found", where=str(files), hint=hint)
    identity = _identity(name, files, names, spec, plugins, dataset)
    run_id = "s" + hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    own = replace(spec, separator=Choice(KIND), gains=Choice(KIND), trained_on=tuple(trained_on))
    label = f"{name} ({spec.limit} pairs)" if spec.limit else name
    unranked = _unranked_reason(trained_on, suite, spec.split)
    songs = songs_of(dataset, spec.split)
    row = run_row(run_id, own, identity, label=label, unranked=unranked, songs=songs)
    write_row(board, row, status="running")
    scenes = dataset.scenes(spec.split)
    todo = pairs_to_score(scenes, [RunToScore(run_id, spec)], board, spec.limit or None)
    jobs = [
        ScoreJob(spec, scene, tuple(by_run[run_id]), files, time_limit)
        for scene, by_run in todo.items()
    ]
    apart = spec.has_strangers(plugins)
    with progress.stage("scoring", sum(len(job.listeners) for job in jobs)) as step:
        for job, result in run_jobs(score_scene, jobs, workers or scoring_processes(), apart=apart):
            if isinstance(result, WorkerDiedError):
                result = failed_rows(job, result)
            if isinstance(result, Exception):
                raise result
            board.append_scores(run_id, job.scene, result)
            step(with_workers(job.scene), len(job.listeners))
    board.consolidate(run_id)
    spent = float(board.scores(run_id, metric=TIME_METRIC)["value"].sum())
    full, failed = finish_row(board, row, seconds=spent)
    return ScoredFolder(run_id, int(full["n_pairs"]), failed)


def _identity(
    name: str,
    files: Path,
    names: Sequence[str],
    spec: RunSpec,
    plugins: Plugins,
    dataset: Dataset,
) -> dict[str, Any]:
    """All that the scores depend on."""
    from bench.runtime.digests import digests_of

    paths = [files / name for name in names]
    paths += [path.with_suffix(".txt") for path in paths]
    found = digests_of(paths, of=files)
    told = sorted((path.name, content) for path, content in found.items())
    digest = hashlib.sha256(json.dumps(told).encode())
    reference = spec.identity(plugins, spec.fingerprints(dataset))
    own = {"name": KIND, "options": {"name": name}}
    canonical = {**reference["spec"], "separator": own, "gains": own}
    return {**reference, "spec": canonical, "files": digest.hexdigest()}


def _unranked_reason(trained_on: Sequence[str], suite: Suite, split: str) -> str:
    """Why a submission may not be ranked; empty where it may."""
    if not trained_on:
        return "it is submitted audio whose training data is not stated (--trained-on)"
    barred = suite.barred(trained_on, split)
    return f"it was trained on {', '.join(barred)}" if barred else ""
