"""Submissions: what ``bench submit`` writes and ``bench score FOLDER`` puts on a board."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.api import Dataset
from bench.errors import BenchError
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.identity import code_hash
from bench.spec.run import RunSpec
from bench.spec.suite import Suite
from bench.version import __version__

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.plugins import Plugins

KIND: Final = "submission"
"""What stands for separator and gain strategy in the row of a submission."""


@dataclass(frozen=True)
class Scored:
    """What became of a folder: its row's id, and pairs that failed with the reason."""

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
    seen: Sequence[str] = (),
    workers: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Scored:
    """Score a folder of handed-in files against the set, as a row of its own on the board.

    What is scored already is not scored again, as long as no file, no code and no data changed.

    Args:
        folder: holds the files, or a folder ``enhanced_signals`` with them.
        spec: of the clean stems (separator "oracle", gains "fixed"), by which files are judged.
        board: where the row is kept.
        suite: of the spec.
        plugins: the installed plugins.
        dataset: of the spec.
        name: label of the row.
        seen: what the system was trained on; without it the row is not ranked.
        workers: processes; 0 for one a core.
        progress: told of each scene, in pairs.

    Raises:
        BenchError: there are no such files at all, or the protocol is not the challenge's.
    """
    from bench.evaluation.runner import chosen_pairs, pairs_to_score
    from bench.evaluation.worker import RunToScore
    from bench.runtime.executors import run_jobs
    from bench.submission.scene import (
        ScoreJob,
        file_name,
        reference_spec,
        score_scene,
        signals_folder,
    )

    if spec.protocol != "challenge":
        what = "files are judged by the gains that a scene asks for"
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
        raise BenchError("none of the split's files is there", where=str(files), hint=hint)
    identity = _identity(name, files, names, spec, plugins, dataset)
    run_id = "s" + hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    row = _row(run_id, name, identity, spec, suite, tuple(seen))
    board.write_run({**row, "status": "running", "created": _created(board, run_id)})
    scenes = dataset.scenes(spec.split)
    todo = pairs_to_score(scenes, [RunToScore(run_id, spec)], board, spec.limit or None)
    jobs = [ScoreJob(spec, s, tuple(by_run[run_id]), files) for s, by_run in todo.items()]
    with progress.stage("scoring", sum(len(job.listeners) for job in jobs)) as step:
        for job, result in run_jobs(score_scene, jobs, workers):
            if isinstance(result, Exception):
                raise result
            board.append_scores(run_id, job.scene, result)
            step(job.scene, len(job.listeners))
    board.consolidate(run_id)
    return _finished(board, row, run_id)


def _identity(
    name: str,
    files: Path,
    names: Sequence[str],
    spec: RunSpec,
    plugins: Plugins,
    dataset: Dataset,
) -> dict[str, Any]:
    """All that the scores depend on. A FLAC file's first bytes hold the MD5 of all its samples."""
    from bench.data.cadenza import probe

    digest = hashlib.sha256()
    for file in names:
        digest.update(
            file.encode() + probe(files / file) + probe((files / file).with_suffix(".txt"))
        )
    reference = spec.identity(plugins, spec.fingerprints(dataset))
    own = {"name": KIND, "options": {"name": name}}
    canonical = {**reference["spec"], "separator": own, "gains": own}
    return {**reference, "spec": canonical, "files": digest.hexdigest()}


def _created(board: Board, run_id: str) -> datetime:
    earlier = board.run(run_id) or {}
    return earlier.get("created") or datetime.now(UTC)


def _row(
    run_id: str,
    name: str,
    identity: Mapping[str, Any],
    spec: RunSpec,
    suite: Suite,
    seen: tuple[str, ...],
) -> dict[str, Any]:
    from bench.runtime.machine import environment

    barred = [what for what in seen if what in suite.excluded]
    reason = f"it has seen {', '.join(barred)}" if barred else ""
    if not seen:
        reason = "it is submitted audio, and what it was trained on is not said (--seen)"
    return {
        "run_id": run_id,
        "suite": spec.suite,
        "split": spec.split,
        "protocol": spec.protocol,
        "separator": KIND,
        "gains": KIND,
        "prescription": spec.prescription.name,
        "loss": "",
        "epochs": 0,
        "seed": 0,
        "label": f"{name} ({spec.limit} pairs)" if spec.limit else name,
        "spec_json": json.dumps(identity["spec"], sort_keys=True),
        "bench_version": __version__,
        "code_hash": code_hash(),
        "plugin_versions_json": json.dumps(identity["plugins"], sort_keys=True),
        "dataset_fingerprint": json.dumps(identity["data"], sort_keys=True),
        "ranked": not reason,
        "unranked_reason": reason,
        "trained_on": ", ".join(seen),
        **environment(),
    }


def _finished(board: Board, row: Mapping[str, Any], run_id: str) -> Scored:
    scores = board.scores(run_id)
    bad = scores[scores["status"] == "failed"]
    failed = {
        (str(scene), str(listener)): str(reason)
        for scene, listener, reason in zip(bad.scene, bad.listener, bad.reason, strict=True)
    }
    pairs = len(scores[["scene", "listener"]].drop_duplicates())
    board.write_run(
        {
            **row,
            "status": "failed-scenes" if failed else "done",
            "created": _created(board, run_id),
            "finished": datetime.now(UTC),
            "seconds": float(scores.loc[scores["metric"] == "time", "value"].sum()),
            "n_pairs": pairs,
            "n_failed": len(failed),
        }
    )
    return Scored(run_id, pairs, failed)
