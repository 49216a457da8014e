"""Estimate the cost of what is left of runs, as far as this machine was calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.api import Dataset, Scene
from bench.board.layout import is_scored, scenes_scored
from bench.evaluation import estimate
from bench.plugins import Plugins
from bench.runs.plan import PlannedRun


@dataclass(frozen=True)
class Cost:
    """Time and disk of what is left to score.

    Attributes:
        seconds: until all is scored; training is not counted.
        bytes: that stay on disk.
        workers: processes that the time is for.
        trains: whether there is training besides.
        unknown: systems that were not calibrated here; then nothing else is known.
    """

    seconds: float
    bytes: int
    workers: int
    trains: bool
    unknown: tuple[str, ...] = ()


def cost_of(runs: Sequence[PlannedRun], scenes: Sequence[Scene], board: Path, workers: int) -> Cost:
    """The time and the disk of what is left to score.

    Args:
        runs: of one suite, split and protocol.
        scenes: of the split.
        board: folder of the board, which may have some of it already.
        workers: processes.
    """
    known = estimate.rates()
    trains = any(run.spec.trains for run in runs)
    unknown = dict.fromkeys(
        f"{run.spec.separator.label} + {run.spec.gains.label}"
        for run in runs
        if estimate.key_of(run.spec) not in known
    )
    if unknown:
        return Cost(0.0, 0, workers, trains, tuple(unknown))
    seconds, size = 0.0, 0
    for run in runs:
        rate = known[estimate.key_of(run.spec)]
        left = 1 - _share_done(board, run.run_id, len(scenes))
        work = estimate.work_of(scenes, run.spec.limit, left)
        seconds += estimate.seconds_of(rate, work, workers)
        size += estimate.bytes_of(rate, work, scenes[0].sample_rate)
    return Cost(seconds, size, workers, trains)


def calibrate_runs(runs: Sequence[PlannedRun], dataset: Dataset, plugins: Plugins) -> Path:
    """Measure what scoring costs here, once for each system; returns the file that keeps it."""
    from bench.evaluation.calibration import calibrate
    from bench.evaluation.worker import RunToScore

    distinct = list({estimate.key_of(run.spec): run for run in reversed(runs)}.values())[::-1]
    measured = calibrate([RunToScore(run.run_id, run.spec) for run in distinct], dataset, plugins)
    return estimate.keep_rates(measured)


def _share_done(board: Path, run_id: str, scenes: int) -> float:
    if is_scored(board, run_id):
        return 1.0
    return min(1.0, scenes_scored(board, run_id) / max(1, scenes))
