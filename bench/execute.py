"""Executes runs: plan, train, score, keep. It is what ``bench run`` does, for Python too."""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench import __version__
from bench.api import Dataset
from bench.data.jobs import cores
from bench.leaderboard.schema import TIME_METRIC
from bench.plugins import Plugins
from bench.spec import RunSpec, baseline_specs, code_hash
from bench.suites import Suite

if TYPE_CHECKING:
    from bench.leaderboard.store import Board

log = logging.getLogger(__name__)


class Show(Protocol):
    """Shows how far the work is; see ``bench.cli.progress``."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Callable[[str, int], None]]:
        """A stage of `total` steps; the function given is called with a note and steps done."""


class Quiet:
    """Shows nothing."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Callable[[str, int], None]]:
        """A stage that nobody sees."""
        return nullcontext(lambda note, done: None)


@dataclass(frozen=True)
class PlannedRun:
    """A run with its id and what of it is there already."""

    run_id: str
    spec: RunSpec
    is_baseline: bool


@dataclass(frozen=True)
class Outcome:
    """What became of the runs: pairs that failed, by run id, and runs whose training stopped."""

    failed_pairs: Mapping[str, int]
    stopped: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.stopped and not any(self.failed_pairs.values())


def plan_runs(
    spec: RunSpec, suite: Suite, plugins: Plugins, dataset: Dataset, *, baselines: bool = True
) -> list[PlannedRun]:
    """The run and its baselines, each once, with their ids. Runs nothing, imports no torch."""
    planned: dict[str, PlannedRun] = {}
    if baselines:
        for other in baseline_specs(plugins, suite, spec):
            run_id = other.run_id(plugins, other.fingerprints(dataset))
            planned[run_id] = PlannedRun(run_id, other, True)
    run_id = spec.run_id(plugins, spec.fingerprints(dataset))
    planned[run_id] = PlannedRun(run_id, spec, False)
    return list(planned.values())


def execute(
    runs: Sequence[PlannedRun],
    board: Board,
    plugins: Plugins,
    dataset: Dataset,
    *,
    workers: int = 0,
    fresh: bool = False,
    profile: bool = False,
    show: Show | None = None,
) -> Outcome:
    """Train what trains, score what the board lacks, and keep every row.

    Args:
        runs: of one suite, split and protocol, from :func:`plan_runs`.
        board: where everything is kept; what it has already is not done again.
        plugins: the installed plugins.
        dataset: from :func:`bench.spec.open_dataset`.
        workers: scoring processes; 0 for one a core.
        fresh: forget what the board has of these runs.
        profile: keep the seconds of each stage of scoring too.
        show: progress.

    Raises:
        BenchError: the user's input is wrong; what was done so far is kept.
    """
    from bench.evaluation.runner import evaluate_runs, pairs_to_score
    from bench.evaluation.worker import RunToScore

    show = show or Quiet()
    for run in runs:
        check_parts(run.spec, plugins)
    scenes = dataset.scenes(runs[0].spec.split)
    stopped: dict[str, str] = {}
    to_score: list[RunToScore] = []
    for run in runs:
        if fresh:
            board.forget(run.run_id)
            shutil.rmtree(checkpoint_folder(board, run.run_id), ignore_errors=True)
        # A row that ended stays as it is until there is something new to say of it.
        if not _has_ended(board, run.run_id):
            _keep_run(board, run, plugins, dataset, status="running")
        weights = None
        if run.spec.trains:
            try:
                weights = _train(run, board, plugins, dataset, show)
            except _stopping_error() as error:
                stopped[run.run_id] = str(error)
                _keep_run(board, run, plugins, dataset, status="failed", failure=str(error))
                continue
        to_score.append(RunToScore(run.run_id, run.spec, weights))
    limit = runs[0].spec.limit or None
    todo = pairs_to_score(scenes, to_score, board, limit)
    for ready in to_score:
        total = sum(len(by_run.get(ready.run_id, ())) for by_run in todo.values())
        plugins.notify("run_started", run_id=ready.run_id, spec=ready.spec, total=total)
    pairs = sum(len(who) for by_run in todo.values() for who in by_run.values())
    with show.stage("scoring", pairs) as step:
        evaluate_runs(
            to_score,
            todo,
            board,
            plugins,
            workers=workers or cores(),
            profile=profile,
            advance=step,
        )
    return _finish(runs, stopped, board, plugins, dataset)


def check_parts(spec: RunSpec, plugins: Plugins) -> None:
    """Make every part of a run once, before any work.

    Raises:
        BenchError: weights are missing, or a plugin cannot be made.
    """
    from bench.evaluation.scoring import Scorer
    from bench.system import build_system
    from bench.training.trainer import losses_of

    build_system(spec, plugins)
    Scorer(spec.metrics, plugins)
    if spec.trains:
        losses_of(spec, plugins)


def unranked_reason(spec: RunSpec, dataset: Dataset) -> str:
    """Why a run may not be ranked: what its parts say, or songs that it learns and is scored on."""
    if spec.unranked_reason or not spec.trains:
        return spec.unranked_reason
    learned, scored = (
        {scene.song for scene in dataset.scenes(split)}
        for split in (spec.training.split, spec.split)
    )
    shared = len(learned & scored)
    return f"it is trained on {shared} of the songs that it is scored on" if shared else ""


def checkpoint_folder(board: Board, run_id: str) -> Path:
    """Where the weights of a run's training are kept."""
    return board.path / "checkpoints" / f"run_id={run_id}"


def _stopping_error() -> type[Exception]:
    from bench.training.trainer import TrainingStopped

    return TrainingStopped


def _train(run: PlannedRun, board: Board, plugins: Plugins, dataset: Dataset, show: Show) -> Path:
    from bench.evaluation.worker import device
    from bench.system import build_system
    from bench.training.trainer import Trainer, losses_of

    settings = run.spec.training
    batches = -(-settings.segments // settings.batch)
    with show.stage(f"training {run.spec.label}", settings.epochs * batches) as step:
        trainer = Trainer(
            run_id=run.run_id,
            spec=run.spec,
            system=build_system(run.spec, plugins),
            dataset=dataset,
            loss=losses_of(run.spec, plugins),
            board=board,
            folder=checkpoint_folder(board, run.run_id),
            plugins=plugins,
            device=device(),
            on_step=lambda epoch, done, total: step(f"epoch {epoch}/{settings.epochs}", 1),
        )
        return trainer.train()


def _finish(
    runs: Sequence[PlannedRun],
    stopped: Mapping[str, str],
    board: Board,
    plugins: Plugins,
    dataset: Dataset,
) -> Outcome:
    failed: dict[str, int] = {}
    for run in runs:
        if run.run_id in stopped:
            continue
        scores = board.scores(run.run_id)
        bad = scores[scores["status"] == "failed"]
        failed[run.run_id] = len(bad[["scene", "listener"]].drop_duplicates())
        status = "failed-scenes" if failed[run.run_id] else "done"
        spent = scores[scores["metric"] == TIME_METRIC]["value"].sum()
        log_rows = board.training(run.run_id)
        spent += log_rows[log_rows["name"] == "seconds"]["value"].sum()
        row = _keep_run(
            board,
            run,
            plugins,
            dataset,
            status=status,
            seconds=float(spent),
            n_pairs=len(scores[["scene", "listener"]].drop_duplicates()),
            n_failed=failed[run.run_id],
        )
        plugins.notify("run_finished", run_id=run.run_id, spec=run.spec, summary=row)
    return Outcome(failed, stopped)


def _has_ended(board: Board, run_id: str) -> bool:
    row = board.run(run_id)
    return row is not None and row["status"] == "done"


def keep_failure(
    run: PlannedRun, board: Board, plugins: Plugins, dataset: Dataset, failure: str
) -> None:
    """Write the row of a run that could not be done, with the reason."""
    _keep_run(board, run, plugins, dataset, status="failed", failure=failure)


def _keep_run(
    board: Board,
    run: PlannedRun,
    plugins: Plugins,
    dataset: Dataset,
    *,
    status: str,
    **more: Any,
) -> dict[str, Any]:
    """Write a run's row with `more` columns, and return it."""
    earlier = board.run(run.run_id) or {}
    spec = run.spec
    identity = spec.identity(plugins, spec.fingerprints(dataset))
    barred = unranked_reason(spec, dataset)
    now = datetime.now(UTC)
    row = {
        "run_id": run.run_id,
        "status": status,
        "created": earlier.get("created") or now,
        "finished": None if status == "running" else now,
        "suite": spec.suite,
        "split": spec.split,
        "protocol": spec.protocol,
        "separator": spec.separator.name,
        "gains": spec.gains.name,
        "prescription": spec.prescription.name,
        "loss": spec.loss if spec.trains else "",
        "epochs": spec.training.epochs if spec.trains else 0,
        "seed": spec.seed,
        "label": spec.label,
        "spec_json": json.dumps(spec.canonical(), sort_keys=True),
        "bench_version": __version__,
        "code_hash": code_hash(),
        "plugin_versions_json": json.dumps(identity["plugins"], sort_keys=True),
        "dataset_fingerprint": json.dumps(identity["data"], sort_keys=True),
        "ranked": not barred,
        "unranked_reason": barred,
        "trained_on": ", ".join(spec.trained_on),
        **environment(),
        **more,
    }
    board.write_run(row)
    return row


def environment() -> dict[str, str]:
    """What the run was computed on; never a host's name."""
    import torch

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        model = platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [model, f"{os.cpu_count()} cores", f"{memory:.0f} GiB"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return {
        "hardware": ", ".join(parts),
        "python_version": platform.python_version(),
        "torch_version": str(torch.__version__),
    }
