"""Executes runs: plan, train, score, keep. It is what ``bench run`` does, for Python too."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api import Dataset
from bench.board.layout import checkpoint_folder
from bench.board.schema import TIME_METRIC
from bench.plugins import Plugins
from bench.runs.plan import PlannedRun
from bench.runs.record import _has_ended, _keep_run
from bench.runtime.machine import cores
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.run import RunSpec

if TYPE_CHECKING:
    from bench.board.store import Board

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of the runs: pairs that failed, by run id, and runs whose training stopped."""

    failed_pairs: Mapping[str, int]
    stopped: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.stopped and not any(self.failed_pairs.values())


def execute(
    runs: Sequence[PlannedRun],
    board: Board,
    plugins: Plugins,
    dataset: Dataset,
    *,
    workers: int = 0,
    fresh: bool = False,
    profile: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Outcome:
    """Train what trains, score what the board lacks, and keep every row.

    Args:
        runs: of one suite, split and protocol, from :func:`plan_runs`.
        board: where everything is kept; what it has already is not done again.
        plugins: the installed plugins.
        dataset: from :func:`bench.spec.resolve.open_dataset`.
        workers: scoring processes; 0 for one a core.
        fresh: forget what the board has of these runs.
        profile: keep the seconds of each stage of scoring too.
        progress: told how far it is.

    Raises:
        BenchError: the user's input is wrong; what was done so far is kept.
    """
    from bench.evaluation.runner import evaluate_runs, pairs_to_score
    from bench.evaluation.worker import RunToScore

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
                weights = _train(run, board, plugins, dataset, progress)
            except _stopping_error() as error:
                stopped[run.run_id] = str(error)
                _keep_run(board, run, plugins, dataset, status="failed", failure=str(error))
                continue
        to_score.append(RunToScore(run.run_id, run.spec, weights))
    limit = runs[0].spec.limit or None
    todo = pairs_to_score(scenes, to_score, board, limit)
    for ready in to_score:
        total = sum(len(by_run.get(ready.run_id, ())) for by_run in todo.values())
        plugins.notify("run_started", run_id=ready.run_id, spec=ready.spec.info(), total=total)
    evaluate_runs(
        to_score,
        todo,
        board,
        plugins,
        workers=workers or cores(),
        profile=profile,
        progress=progress,
    )
    return _finish(runs, stopped, board, plugins, dataset)


def check_parts(spec: RunSpec, plugins: Plugins) -> None:
    """Make every part of a run once, before any work.

    Raises:
        BenchError: weights are missing, or a plugin cannot be made.
    """
    from bench.evaluation.scoring import Scorer
    from bench.system.system import build_system
    from bench.training.loss import losses_of

    build_system(spec, plugins)
    Scorer(spec.metrics, plugins)
    if spec.trains:
        losses_of(spec, plugins)


def _stopping_error() -> type[Exception]:
    from bench.training.trainer import TrainingStopped

    return TrainingStopped


def _train(
    run: PlannedRun, board: Board, plugins: Plugins, dataset: Dataset, progress: Progress
) -> Path:
    from bench.runtime.machine import device
    from bench.system.system import build_system
    from bench.training.loss import losses_of
    from bench.training.trainer import Trainer

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
        progress=progress,
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
        plugins.notify("run_finished", run_id=run.run_id, spec=run.spec.info(), summary=row)
    return Outcome(failed, stopped)
