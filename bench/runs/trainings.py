"""Trainings: in this process, in one of their own, or on the workers of a cluster."""

from __future__ import annotations

import logging
import pickle
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api import Dataset
from bench.board.layout import checkpoint_folder
from bench.errors import BenchError
from bench.plugins import LocalPlugin, Plugins
from bench.plugins.local import pickled
from bench.runs.plan import PlannedRun
from bench.runs.reuse import reuse_training
from bench.runtime.executors import is_local, run_jobs, with_workers
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.run import RunSpec

if TYPE_CHECKING:
    from bench.board.store import Board

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingJob:
    """A training for a worker of a cluster; the board's folder is on a disk that all share."""

    run_id: str
    spec: RunSpec
    board: Path
    local: bytes = b""
    """Plugins of the caller's own code, pickled."""
    time_limit: float | None = None
    progress: Progress = NO_PROGRESS


def train_elsewhere(
    runs: Sequence[PlannedRun],
    board: Board,
    plugins: Plugins,
    progress: Progress = NO_PROGRESS,
    time_limit: float | None = None,
) -> dict[str, Path | Exception]:
    """Train on the workers of the cluster, those with a GPU where there are any.

    Returns:
        The weights of each run that trains, or what stopped it; nothing where the work is done by
        this machine, or by code that cannot be sent: then this process trains.
    """
    if is_local() or (local := _local(plugins)) is None:
        return {}
    folder = board.path.resolve()
    jobs = [
        TrainingJob(run.run_id, run.spec, folder, local, time_limit)
        for run in runs
        if run.spec.trains
    ]
    found: dict[str, Path | Exception] = {}
    if not jobs:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    with progress.stage("training", len(jobs)) as step:
        for job, result in run_jobs(train_job, jobs, needs_gpu=True):
            found[job.run_id] = result
            step(with_workers(job.spec.label), 1)
    return found


def train_job(job: TrainingJob) -> Path:
    """Train a run in a worker's process, and return the file of its weights.

    Raises:
        BenchError: the board's folder does not exist, the run's code or files differ here, or the
            training is the user's mistake.
    """
    from bench.board.store import Board
    from bench.plugins import installed
    from bench.spec.resolve import open_dataset

    if not job.board.is_dir():
        hint = "Give an --out on a disk that all workers share."
        raise BenchError("a worker does not see the board", where=str(job.board), hint=hint)
    plugins = installed().adding(pickle.loads(job.local)) if job.local else installed()
    run = PlannedRun(job.run_id, job.spec, is_baseline=False)
    dataset = open_dataset(job.spec, plugins)
    if job.spec.run_id(plugins, job.spec.fingerprints(dataset)) != job.run_id:
        hint = "Was a plugin edited, or a file changed, meanwhile? Start again."
        what = "its code, files or data differ from those of the caller"
        raise BenchError(what, where=f"{job.spec.label}, worker on {platform.node()}", hint=hint)
    return train_here(run, Board(job.board), plugins, dataset, job.progress, job.time_limit)


def train(
    run: PlannedRun,
    board: Board,
    plugins: Plugins,
    dataset: Dataset,
    progress: Progress = NO_PROGRESS,
    time_limit: float | None = None,
) -> Path:
    """Train a run on this machine, and return the file of its weights.

    Where a plugin of it is another distribution's, that is done by a process of its own, which the
    plugin may end.

    Raises:
        WorkerDiedError: that process ended.
        BenchError: as for :func:`train_here`.
    """
    local = _local(plugins)
    if not run.spec.has_strangers(plugins) or local is None or not _can_travel(progress):
        return train_here(run, board, plugins, dataset, progress, time_limit)
    board.path.mkdir(parents=True, exist_ok=True)
    folder = board.path.resolve()
    job = TrainingJob(run.run_id, run.spec, folder, local, time_limit, progress)
    ((_, result),) = run_jobs(train_job, [job], 1, apart=True)
    if isinstance(result, Exception):
        raise result
    return result


def _local(plugins: Plugins) -> bytes | None:
    """The plugins of the caller's own code, pickled; None where that is impossible."""
    own = [item for item in plugins.every if isinstance(item, LocalPlugin)]
    return pickled(own) if own else b""


def _can_travel(progress: Progress) -> bool:
    """Whether another process can report progress by it; if not, a warning says so."""
    try:
        pickle.dumps(progress)
    except Exception as error:  # whatever somebody's own class raises
        said = " ".join(str(error).split())[:200]
        log.warning(
            "progress cannot be reported from another process, so the plugins train in "
            "this one, which they may end: %s: %s", type(error).__name__, said,
        )  # fmt: skip
        return False
    return True


def train_here(
    run: PlannedRun,
    board: Board,
    plugins: Plugins,
    dataset: Dataset,
    progress: Progress,
    time_limit: float | None = None,
) -> Path:
    """Train a run in this process, and return the file of its weights.

    A training that the board has of a run that is only scored otherwise is taken as it is.
    """
    import torch

    from bench.evaluation.estimate import rates
    from bench.evaluation.estimate import time_limit as default_limit
    from bench.plugins.guard import PluginFaultError, limited
    from bench.runtime.causes import cause_of
    from bench.runtime.machine import device
    from bench.system.system import build_system
    from bench.training.loss import losses_of
    from bench.training.trainer import Trainer, TrainingStopped

    identity = run.spec.identity(plugins, run.spec.fingerprints(dataset))
    reuse_training(run.run_id, identity, board)
    trainer = Trainer(
        run_id=run.run_id,
        spec=run.spec,
        system=build_system(run.spec, plugins),
        dataset=dataset,
        loss=losses_of(run.spec, plugins),
        board=board,
        folder=checkpoint_folder(board.path, run.run_id),
        plugins=plugins,
        device=device(),
        progress=progress,
    )
    settings = run.spec.training
    if time_limit is None:
        time_limit = default_limit(run.spec, settings.batch * settings.segment_seconds, rates())
    try:
        with limited(time_limit):
            return trainer.train()
    except torch.OutOfMemoryError as error:
        raise TrainingStopped(cause_of(error).reason) from None
    except SystemExit as end:
        raise PluginFaultError(f"a plugin tried to end the program ({end})") from None
