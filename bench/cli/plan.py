"""``bench plan``: what would run, and what of it is there; it runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import board_folder, run_options, spec_from
from bench.data.jobs import cores
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.api import Dataset, Scene
    from bench.execute import PlannedRun
    from bench.plugins import Plugins


@click.command(short_help="Say what a run would do, and what of it is there already.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@run_options
@click.option(
    "--grid", multiple=True, metavar="NAME=VALUES", help="Of an ablation, as in bench ablate."
)
@click.option("--seeds", type=int, default=None, help="Of an ablation, as in bench ablate.")
@click.option("--workers", type=int, default=0, help="Scoring processes.  [default: one a core]")
@click.option("--calibrate", is_flag=True, help="Measure what scoring costs here, for its time.")
def command(
    file: Path | None,
    grid: tuple[str, ...],
    seeds: int | None,
    out: Path | None,
    baselines: bool,
    workers: int,
    calibrate: bool,
    **choices: Any,
) -> None:
    """Say what a run would do, what of it the board has already, and how long it would take.

    Runs nothing. With --calibrate the beginning of one scene goes through every system first; what
    was measured is kept for this machine. The time of training is not predicted.

    With the FILE, lists, grid or seeds of an ablation it shows the matrix of its runs.
    """
    lists = any("," in choices[name] for name in ("separator", "gains", "prescription", "loss"))
    if file or grid or seeds is not None or lists:
        from bench.cli.ablate import plan_ablation

        given = {**_given(choices), "grid": grid, "seeds": seeds}
        plan_ablation(file, given, out, baselines, workers, calibrate)
        return
    plugins, suite, spec = spec_from(**choices)

    from bench.execute import plan_runs
    from bench.spec import open_dataset

    dataset = open_dataset(spec, plugins)
    folder = board_folder(out, suite.name)
    scenes = dataset.scenes(spec.split)
    pairs = sum(len(scene.listeners) for scene in scenes)
    pairs = min(pairs, spec.limit) if spec.limit else pairs
    click.echo(f"suite {suite.name}, split {spec.split}, protocol {spec.protocol}: {pairs} pairs")
    click.echo(f"board {folder}")
    runs = plan_runs(spec, suite, plugins, dataset, baselines=baselines)
    if calibrate:
        calibrate_runs(runs, dataset, plugins)
    for run in runs:
        done = _scored(folder, run.run_id)
        work = []
        if run.spec.trains:
            settings = run.spec.training
            trained = epochs_done(folder, run.run_id)
            work.append(
                f"train {settings.epochs} epochs of {settings.segments} segments"
                f" on {run.spec.loss} ({trained} done)"
            )
        work.append(f"score {len(scenes)} scenes ({done})")
        click.echo(f"  {run.run_id}  {run.spec.label}: {'; '.join(work)}")
    click.echo(costs(runs, scenes, folder, workers or cores()))


def _given(choices: dict[str, Any]) -> dict[str, Any]:
    """The options that were typed; None for the others, so that a file's values count."""
    from click.core import ParameterSource

    context = click.get_current_context()
    typed = {
        name: value if context.get_parameter_source(name) == ParameterSource.COMMANDLINE else None
        for name, value in choices.items()
    }
    if typed.pop("seed") is not None:
        raise BenchError("an ablation has several seeds", where="--seed", hint="Give --seeds.")
    return {**typed, "option": choices["option"]}


def calibrate_runs(runs: Sequence[PlannedRun], dataset: Dataset, plugins: Plugins) -> None:
    """Measure what scoring costs here, once for each system, and keep it."""
    from bench.evaluation.calibration import calibrate
    from bench.evaluation.estimate import keep_rates, key_of

    distinct = list({key_of(run.spec): run for run in reversed(runs)}.values())[::-1]
    click.echo(f"calibrated: {keep_rates(calibrate(distinct, dataset, plugins))}", err=True)


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


def _share_done(folder: Path, run_id: str, scenes: int) -> float:
    scores = folder / "scores" / f"run_id={run_id}"
    if is_scored(folder, run_id):
        return 1.0
    return min(1.0, len(list(scores.glob("*.parquet"))) / max(1, scenes))


def _scored(folder: Path, run_id: str) -> str:
    scores = folder / "scores" / f"run_id={run_id}"
    if is_scored(folder, run_id):
        return "all done"
    return f"{len(list(scores.glob('*.parquet')))} done"


def is_scored(folder: Path, run_id: str) -> bool:
    """Whether a board has all scores of a run; pandas is not needed to see that."""
    return (folder / "scores" / f"run_id={run_id}" / "scores.parquet").exists()


def epochs_done(folder: Path, run_id: str) -> int:
    """How many epochs of a run's training a board has, the one before any training apart."""
    logs = (folder / "training" / f"run_id={run_id}").glob("epoch-*.parquet")
    return sum(1 for path in logs if path.stem != "epoch-0000")
