"""Execute runs: train them, score what a board lacks, and keep every row."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.api import Dataset
from bench.board.failures import Failure, failures_of
from bench.board.schema import TIME_METRIC
from bench.data.song_names import songs_of
from bench.errors import BenchError
from bench.plugins import Plugins
from bench.plugins.guard import PluginFaultError
from bench.runs.plan import PlannedRun
from bench.runs.record import finish_row, has_ended, run_row, unranked_reason, write_row
from bench.runs.trainings import train, train_elsewhere
from bench.runtime.causes import cause_of
from bench.runtime.executors import WorkerDiedError, executor, is_local
from bench.runtime.machine import scoring_processes
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.identity import lacks_files
from bench.spec.run import RunSpec

if TYPE_CHECKING:
    from bench.board.store import Board

log = logging.getLogger(__name__)

BATCH: Final = 8
"""Runs of an ablation that are scored together: each scene is read once for all, but all of their
systems are in the memory of each worker."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of runs, by run id.

    Attributes:
        failed_pairs: pairs that failed.
        stopped: runs that stopped, with the reason.
        failures: why pairs failed, the most frequent cause first.
    """

    failed_pairs: Mapping[str, int]
    stopped: Mapping[str, str]
    failures: Mapping[str, Sequence[Failure]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no pair and no run failed."""
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
    strict: bool = False,
    time_limit: float | None = None,
    progress: Progress = NO_PROGRESS,
    trained: Mapping[str, Path | Exception] | None = None,
) -> Outcome:
    """Train what trains, score what the board lacks, and keep every row.

    Args:
        runs: of one suite, split and protocol, from :func:`bench.runs.plan.plan_runs`.
        board: where everything is kept; what it has already is not done again.
        plugins: the installed plugins.
        dataset: from :func:`bench.spec.resolve.open_dataset`.
        workers: scoring processes; 0 for one per core.
        fresh: forget what the board has of these runs, and use no stems that were kept.
        profile: keep the seconds of each stage of scoring too.
        strict: raise the first failure, in place of a failed row.
        time_limit: seconds that a plugin may take for a scene; 0 for any time, None for a generous
            default.
        progress: notified of progress.
        trained: the outcome of trainings that were done before, from :func:`train_elsewhere`.

    Raises:
        BenchError: the user's input is wrong; what was done so far is kept.
    """
    from bench.evaluation.runner import evaluate_runs, pairs_to_score
    from bench.evaluation.worker import RunToScore
    from bench.training.trainer import TrainingStopped

    for run in runs:
        check_parts(run.spec, plugins)
    rows = {run.run_id: _row(run, board, plugins, dataset) for run in runs}
    stopped: dict[str, str] = {}
    to_score: list[RunToScore] = []
    if fresh:
        for run in runs:
            board.forget(run.run_id)
    trained = (
        train_elsewhere(runs, board, plugins, progress, time_limit) if trained is None else trained
    )
    for run in runs:
        # A row that ended stays as it is until there is something new to say of it.
        if not has_ended(board, run.run_id):
            write_row(board, rows[run.run_id], status="running")
        try:
            weights = trained.get(run.run_id)
            if isinstance(weights, Exception):
                raise weights
            if weights is None and run.spec.trains:
                weights = train(run, board, plugins, dataset, progress, time_limit)
        except (TrainingStopped, PluginFaultError, WorkerDiedError) as error:
            stopped[run.run_id] = " ".join(str(error).split())
            failure = stopped[run.run_id]
            write_row(board, rows[run.run_id], status="failed", failure=failure)
            continue
        to_score.append(RunToScore(run.run_id, run.spec, weights))
    scenes = dataset.scenes(runs[0].spec.split)
    todo = pairs_to_score(scenes, to_score, board, runs[0].spec.limit or None)
    for ready in to_score:
        total = sum(len(by_run.get(ready.run_id, ())) for by_run in todo.values())
        plugins.notify("run_started", run_id=ready.run_id, spec=ready.spec.info(), total=total)
    hopeless = evaluate_runs(
        to_score,
        todo,
        board,
        plugins,
        workers=executor().workers(workers or (scoring_processes() if is_local() else 0)),
        profile=profile,
        strict=strict,
        time_limit=time_limit,
        fresh=fresh,
        progress=progress,
    )
    failures: dict[str, Sequence[Failure]] = {}
    failed: dict[str, int] = {}
    for ready in to_score:
        row, reason = rows[ready.run_id], hopeless.get(ready.run_id, "")
        failed[ready.run_id] = _finish(ready.run_id, ready.spec, row, board, plugins, reason)
        if failed[ready.run_id]:
            failures[ready.run_id] = failures_of(board.scores(ready.run_id))
    return Outcome(failed, stopped | hopeless, failures)


def execute_all(
    runs: Sequence[PlannedRun],
    board: Board,
    plugins: Plugins,
    dataset: Dataset,
    *,
    workers: int = 0,
    strict: bool = False,
    time_limit: float | None = None,
    progress: Progress = NO_PROGRESS,
) -> Outcome:
    """Execute many runs; one that cannot be executed becomes a failed row with its reason.

    What the board has already is not done again. Runs that train nothing come first, those of one
    separator together, so that a batch shares what it can.

    Args:
        runs: of one suite, split and protocol, from :func:`bench.ablation.matrix.plan_matrix`.
        board: where everything is kept.
        plugins: the installed plugins.
        dataset: of the runs.
        workers: scoring processes; 0 for one per core.
        strict: raise the first failure, in place of a failed row.
        time_limit: as of :func:`execute`.
        progress: notified of progress.
    """
    how: dict[str, Any] = {
        "workers": workers,
        "strict": strict,
        "time_limit": time_limit,
        "progress": progress,
    }
    ordered = sorted(runs, key=lambda run: (run.spec.trains, run.spec.separator.label))
    failed: dict[str, int] = {}
    stopped: dict[str, str] = {}
    failures: dict[str, Sequence[Failure]] = {}
    # All trainings before all scoring, so that each worker has one for as long as there are any.
    how["trained"] = train_elsewhere(ordered, board, plugins, progress, time_limit)
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        try:
            outcomes = [execute(batch, board, plugins, dataset, **how)]
        # Whatever broke it, the others of the batch must not suffer: each by itself, then. What
        # was done before it broke is on the board and is not done again.
        except Exception as error:
            if strict:
                raise
            log.debug("a batch failed: %s", error)
            outcomes = [_alone(run, board, plugins, dataset, how) for run in batch]
        for outcome in outcomes:
            failed |= outcome.failed_pairs
            stopped |= outcome.stopped
            failures |= outcome.failures
    return Outcome(failed, stopped, failures)


def with_files(runs: Sequence[PlannedRun], plugins: Plugins, dataset: Dataset) -> list[PlannedRun]:
    """The runs by the ids that they have once the files that they read are on this machine.

    What is not here yet, as published weights, is downloaded: an id knows what is in a file.
    """
    if not any(get_files(run.spec, plugins) for run in runs):
        return list(runs)
    found: dict[str, PlannedRun] = {}
    for run in runs:
        run_id = run.spec.run_id(plugins, run.spec.fingerprints(dataset))
        found[run_id] = replace(run, run_id=run_id)
    return list(found.values())


def get_files(spec: RunSpec, plugins: Plugins) -> bool:
    """Download what a run reads and is not on this machine; whether there was anything."""
    choices = (spec.separator, spec.gains, spec.prescription, *spec.metrics, *spec.losses)
    if not any(lacks_files(choice.options) for choice in choices):
        return False
    # What cannot be had is told when the run is done, as its failure.
    with contextlib.suppress(BenchError):
        check_parts(spec, plugins)
    return True


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


def _alone(
    run: PlannedRun,
    board: Board,
    plugins: Plugins,
    dataset: Dataset,
    how: Mapping[str, Any],
) -> Outcome:
    try:
        return execute([run], board, plugins, dataset, **how)
    except Exception as error:
        reason = cause_of(error).reason
        write_row(board, _row(run, board, plugins, dataset), status="failed", failure=reason)
        return Outcome({}, {run.run_id: reason})


def _row(run: PlannedRun, board: Board, plugins: Plugins, dataset: Dataset) -> dict[str, Any]:
    earlier = board.run(run.run_id) or {}
    identity = run.spec.identity(plugins, run.spec.fingerprints(dataset))
    return run_row(
        run.run_id,
        run.spec,
        identity,
        # A name that it was given stays until it is given another.
        label=run.spec.name or str(earlier.get("label") or ""),
        unranked=unranked_reason(run.spec, dataset),
        songs=songs_of(dataset, run.spec.split),
    )


def _finish(
    run_id: str,
    spec: RunSpec,
    row: Mapping[str, Any],
    board: Board,
    plugins: Plugins,
    stopped: str = "",
) -> int:
    """Write the row of a run that was scored, notify observers, and count the pairs that failed."""
    spent = float(board.scores(run_id, metric=TIME_METRIC)["value"].sum())
    log_rows = board.training(run_id)
    spent += float(log_rows[log_rows["name"] == "seconds"]["value"].sum())
    summary, failed = finish_row(board, row, seconds=spent, stopped=stopped)
    plugins.notify("run_finished", run_id=run_id, spec=spec.info(), summary=summary)
    return len(failed)
