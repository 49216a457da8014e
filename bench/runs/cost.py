"""Estimate the cost of the remaining work of runs, as far as this machine was calibrated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.api import Dataset, Scene
from bench.board.layout import epochs_done, is_scored, scenes_scored
from bench.evaluation import estimate
from bench.plugins import Plugins
from bench.runs.plan import PlannedRun


@dataclass(frozen=True)
class Cost:
    """Time and disk of the remaining work.

    Attributes:
        seconds: until all is scored, without training.
        bytes: that stay on disk.
        workers: processes, or workers of a cluster, that the times are for.
        trainings: how many are left.
        training: seconds until all are trained, one after the other, as on one machine.
        training_shared: the same, a training a worker, as on a cluster.
        unknown: systems that were not calibrated here; then the time of scoring is not known.
        unknown_trainings: those whose training was not; then that of training is not.
    """

    seconds: float
    bytes: int
    workers: int
    trainings: int = 0
    training: float = 0.0
    training_shared: float = 0.0
    unknown: tuple[str, ...] = ()
    unknown_trainings: tuple[str, ...] = ()


def cost_of(
    runs: Sequence[PlannedRun],
    scenes: Sequence[Scene],
    board: Path,
    workers: int,
    trainers: int = 0,
) -> Cost:
    """Estimate the time and the disk of the remaining work.

    Args:
        runs: of one suite, split and protocol.
        scenes: of the split.
        board: folder of the board, which may have some of it already.
        workers: processes.
        trainers: workers that train at a time, where these are others: those with a GPU.
    """
    training = [run for run in runs if run.spec.trains and not is_scored(board, run.run_id)]
    known_trainings = estimate.training_rates()
    untimed = _systems(
        run for run in training if estimate.training_key_of(run.spec) not in known_trainings
    )
    left = [
        estimate.training_seconds(
            run.spec,
            known_trainings[estimate.training_key_of(run.spec)],
            epochs_done(board, run.run_id),
        )
        for run in (() if untimed else training)
    ]
    known = estimate.rates()
    unknown = _systems(run for run in runs if estimate.key_of(run.spec) not in known)
    seconds, size = 0.0, 0
    for run in () if unknown else runs:
        rate = known[estimate.key_of(run.spec)]
        share = 1 - _share_done(board, run.run_id, len(scenes))
        work = estimate.work_of(scenes, run.spec.limit, share)
        seconds += estimate.seconds_of(rate, work, workers)
        size += estimate.bytes_of(rate, work, scenes[0].sample_rate)
    return Cost(
        seconds,
        size,
        workers,
        trainings=len(training),
        training=sum(left),
        training_shared=estimate.in_turn(left, trainers or workers),
        unknown=unknown,
        unknown_trainings=untimed,
    )


def calibrate_runs(runs: Sequence[PlannedRun], dataset: Dataset, plugins: Plugins) -> Path:
    """Measure what scoring and training cost here, each once; returns the file that keeps it."""
    from bench.evaluation.calibration import calibrate
    from bench.evaluation.worker import RunToScore
    from bench.training.calibration import calibrate_training

    distinct = list({estimate.key_of(run.spec): run for run in reversed(runs)}.values())[::-1]
    measured = calibrate([RunToScore(run.run_id, run.spec) for run in distinct], dataset, plugins)
    trained = {estimate.training_key_of(run.spec): run.spec for run in runs if run.spec.trains}
    estimate.keep_training_rates(
        {key: calibrate_training(spec, dataset, plugins) for key, spec in trained.items()}
    )
    return estimate.keep_rates(measured)


def _systems(runs: Iterable[PlannedRun]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.spec.system_label for run in runs))


def _share_done(board: Path, run_id: str, scenes: int) -> float:
    if is_scored(board, run_id):
        return 1.0
    return min(1.0, scenes_scored(board, run_id) / max(1, scenes))
