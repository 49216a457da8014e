"""Submissions: what ``bench submit`` writes and ``bench score FOLDER`` puts on a board."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import __version__
from bench.api import Dataset
from bench.errors import BenchError
from bench.spec import RunSpec, code_hash
from bench.suites import Suite

if TYPE_CHECKING:
    from bench.leaderboard.store import Board
    from bench.plugins import Plugins
    from bench.stored import StoredRun

KIND: Final = "submission"
"""What stands for separator and gain strategy in the row of a submission."""
PASSPORT: Final = "submission.json"
"""Says which system wrote a folder, so that no other one goes on with it."""
Advance = Callable[[str, int], None]


def submit(
    run: StoredRun,
    out: Path,
    plugins: Plugins,
    dataset: Dataset,
    *,
    workers: int = 0,
    advance: Callable[[int], Advance] | None = None,
) -> list[str]:
    """Write the challenge's files of a system into ``OUT/enhanced_signals``; what failed.

    Files that are there are kept: an interrupted call goes on where it stopped.

    Args:
        run: the system; one that trains must be a trained run's.
        out: folder to write into.
        plugins: the installed plugins.
        dataset: what the run's spec names.
        workers: processes; 0 for one a core.
        advance: told of the number of files to write; what it returns is called for each scene.

    Raises:
        BenchError: the system is not trained, or the folder holds another one's files.
    """
    from bench.data.jobs import run_jobs
    from bench.evaluation.submission import FOLDER, WriteJob, file_name, write_scene

    if run.spec.trains and run.weights is None:
        hint = f"Train it: bench run --separator {run.spec.separator.name} ..., then --run LABEL"
        raise BenchError(f"{run.spec.label} is not trained", hint=hint)
    _check_passport(out, run, plugins, dataset)
    folder = out / FOLDER
    jobs = []
    for scene_id, names in _chosen(dataset, run.spec).items():
        missing = tuple(n for n in names if not (folder / file_name(scene_id, n)).is_file())
        if missing:
            jobs.append(WriteJob(run, scene_id, missing, folder))
    step = advance(sum(len(job.listeners) for job in jobs)) if advance is not None else None
    failed = []
    for job, result in run_jobs(write_scene, jobs, workers):
        if isinstance(result, Exception):
            failed.append(f"{job.scene}: {' '.join(str(result).split())}")
        if step is not None:
            step(job.scene, len(job.listeners))
    return sorted(failed)


def _check_passport(out: Path, run: StoredRun, plugins: Plugins, dataset: Dataset) -> None:
    from bench.files import write_json

    identity = run.spec.identity(plugins, run.spec.fingerprints(dataset))
    passport = json.loads(
        json.dumps({"label": run.label, "run": run.run_id, "identity": identity}, sort_keys=True)
    )
    path = out / PASSPORT
    try:
        if path.exists():
            if json.loads(path.read_text(encoding="utf-8")) != passport:
                hint = "Give a folder of its own, or remove this one."
                raise BenchError("it holds the files of another system", where=str(out), hint=hint)
        elif out.exists() and any(out.iterdir()):
            raise BenchError("it is there already, and not empty", where=str(out))
        else:
            write_json(path, passport)
    except (OSError, ValueError) as error:
        raise BenchError(f"cannot be used: {error}", where=str(path)) from None


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
    advance: Callable[[int], Advance] | None = None,
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
        advance: told of the number of pairs to score; what it returns is called for each scene.

    Raises:
        BenchError: there are no such files at all, or the protocol is not the challenge's.
    """
    from bench.data.jobs import run_jobs
    from bench.evaluation.runner import pairs_to_score
    from bench.evaluation.submission import (
        ScoreJob,
        file_name,
        reference_spec,
        score_scene,
        signals_folder,
    )
    from bench.evaluation.worker import RunToScore

    if spec.protocol != "challenge":
        what = "files are judged by the gains that a scene asks for"
        raise BenchError(what, where=f"protocol '{spec.protocol}'", hint="--protocol challenge")
    spec = reference_spec(spec, plugins)
    files = signals_folder(folder)
    names = [file_name(s, who) for s, many in _chosen(dataset, spec).items() for who in many]
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
    step = advance(sum(len(job.listeners) for job in jobs)) if advance is not None else None
    for job, result in run_jobs(score_scene, jobs, workers):
        if isinstance(result, Exception):
            raise result
        board.append_scores(run_id, job.scene, result)
        if step is not None:
            step(job.scene, len(job.listeners))
    board.consolidate(run_id)
    return _finished(board, row, run_id)


def _chosen(dataset: Dataset, spec: RunSpec) -> dict[str, list[str]]:
    """Listeners by scene: all pairs of the split, or the spec's `limit` of them, as in a run."""
    pairs = [(scene.id, who) for scene in dataset.scenes(spec.split) for who in scene.listeners]
    if 0 < spec.limit < len(pairs):
        pairs = [pairs[i * len(pairs) // spec.limit] for i in range(spec.limit)]
    chosen: dict[str, list[str]] = {}
    for scene_id, who in pairs:
        chosen.setdefault(scene_id, []).append(who)
    return chosen


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
    from bench.execute import environment

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
