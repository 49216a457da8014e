"""Time and disk of what is left to score, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.board.layout import _share_done

if TYPE_CHECKING:
    from bench.api import Dataset, Scene
    from bench.plugins import Plugins
    from bench.runs.plan import PlannedRun


def calibrate_runs(runs: Sequence[PlannedRun], dataset: Dataset, plugins: Plugins) -> None:
    """Measure what scoring costs here, once for each system, and keep it."""
    from bench.evaluation.calibration import calibrate
    from bench.evaluation.estimate import keep_rates, key_of
    from bench.evaluation.worker import RunToScore

    distinct = list({key_of(run.spec): run for run in reversed(runs)}.values())[::-1]
    measured = calibrate([RunToScore(run.run_id, run.spec) for run in distinct], dataset, plugins)
    click.echo(f"calibrated: {keep_rates(measured)}", err=True)


def costs(runs: Sequence[PlannedRun], scenes: Sequence[Scene], folder: Path, workers: int) -> str:
    """Time and disk of what is left to score."""
    from bench.evaluation import estimate

    known = estimate.rates()
    missing = dict.fromkeys(
        f"{run.spec.separator.label} + {run.spec.gains.label}"
        for run in runs
        if estimate.key_of(run.spec) not in known
    )
    if missing:
        return f"time: not known here for {', '.join(missing)}; --calibrate measures it"
    seconds, size = 0.0, 0
    for run in runs:
        rate = known[estimate.key_of(run.spec)]
        left = 1 - _share_done(folder, run.run_id, len(scenes))
        work = estimate.work_of(scenes, run.spec.limit, left)
        seconds += estimate.seconds_of(rate, work, workers)
        size += estimate.bytes_of(rate, work, scenes[0].sample_rate)
    training = ", training not counted" if any(run.spec.trains for run in runs) else ""
    processes = f"{workers} process{'es' if workers > 1 else ''}"
    return (
        f"time: {_duration(seconds)} to score in {processes}{training}; "
        f"disk: {size / 1e9:.2g} GB, separated stems included ($BENCH_CACHE_GB limits them)"
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
