"""``bench plan``: what would run, and what of it is there; it runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.board.layout import _scored, epochs_done
from bench.cli.costs import calibrate_runs, costs
from bench.cli.options import board_folder, run_options, spec_from
from bench.errors import BenchError
from bench.runtime.machine import cores

if TYPE_CHECKING:
    pass


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
        from bench.cli.matrix import plan_ablation

        given = {**_given(choices), "grid": grid, "seeds": seeds}
        plan_ablation(file, given, out, baselines, workers, calibrate)
        return
    plugins, suite, spec = spec_from(**choices)

    from bench.runs.plan import plan_runs
    from bench.spec.resolve import open_dataset

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
