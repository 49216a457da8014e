"""Carries out the runs of an ablation: in batches that share work, none stopping another."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bench.api import Dataset
from bench.evaluation.scoring import reason_of
from bench.plugins import Plugins
from bench.runs.execute import Outcome, execute
from bench.runs.plan import PlannedRun
from bench.runs.record import keep_failure
from bench.runtime.progress import NO_PROGRESS, Progress

if TYPE_CHECKING:
    from bench.board.store import Board

log = logging.getLogger(__name__)

BATCH: Final = 8
"""Runs that are scored together: each scene is read once for all, but all of their systems are in
the memory of each worker."""


def execute_all(
    runs: Sequence[PlannedRun],
    board: Board,
    plugins: Plugins,
    dataset: Dataset,
    *,
    workers: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Outcome:
    """Do all runs; one that cannot be done becomes a failed row with its reason.

    What the board has already is not done again. Runs that train nothing come first, those of one
    separator together, so that a batch shares what it can.

    Args:
        runs: of one suite, split and protocol, from :func:`bench.ablation.matrix.plan_matrix`.
        board: where everything is kept.
        plugins: the installed plugins.
        dataset: of the runs.
        workers: scoring processes; 0 for one a core.
        progress: told how far it is.
    """
    ordered = sorted(runs, key=lambda run: (run.spec.trains, run.spec.separator.label))
    failed: dict[str, int] = {}
    stopped: dict[str, str] = {}
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        try:
            outcomes = [execute(batch, board, plugins, dataset, workers=workers, progress=progress)]
        # Whatever broke it, the others of the batch must not suffer: each by itself, then. What
        # was done before it broke is on the board and is not done again.
        except Exception as error:
            log.debug("a batch broke: %s", error)
            outcomes = [_alone(run, board, plugins, dataset, workers, progress) for run in batch]
        for outcome in outcomes:
            failed |= outcome.failed_pairs
            stopped |= outcome.stopped
    return Outcome(failed, stopped)


def _alone(
    run: PlannedRun,
    board: Board,
    plugins: Plugins,
    dataset: Dataset,
    workers: int,
    progress: Progress,
) -> Outcome:
    try:
        return execute([run], board, plugins, dataset, workers=workers, progress=progress)
    except Exception as error:
        reason = reason_of(error)
        keep_failure(run, board, plugins, dataset, reason)
        return Outcome({}, {run.run_id: reason})
