"""``bench plan``: what would run, and what of it is done already; it runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import FILE, FOLDER, executor_options, run_options, workers_option
from bench.errors import BenchError


@click.command()
@click.argument("file", metavar="[FILE|NAME]", type=FILE, required=False)
@run_options
@click.option(
    "--grid", multiple=True, metavar="NAME=VALUES", help="For an ablation, as in bench ablate."
)
@click.option("--seeds", type=int, default=None, help="For an ablation, as in bench ablate.")
@click.option(
    "--root", type=FOLDER, default=None, help="Of a shipped ablation, as in bench ablate."
)
@click.option("--scale", default=None, help="Of a shipped ablation, as in bench ablate.")
@workers_option
@executor_options
@click.option("--calibrate", is_flag=True, help="Measure what scoring and training cost here.")
def command(
    file: Path | None,
    grid: tuple[str, ...],
    seeds: int | None,
    root: Path | None,
    scale: str | None,
    out: Path | None,
    baselines: bool,
    workers: int,
    calibrate: bool,
    **choices: Any,
) -> None:
    """Show what a run would do, what the board already has, and how long it would take.

    Runs nothing. With --calibrate, every system first processes the beginning of one scene, and
    every system that trains makes two steps; the measured rates are kept for this machine. The
    time is for --workers processes, or for the workers of the cluster that --scheduler names.

    With the FILE, NAME, lists, grid or seeds of an ablation, it shows the matrix of its runs, like
    bench ablate --plan.
    """
    from bench.ablation.studies import study_names
    from bench.cli.ablate import plan_named, values_of
    from bench.cli.printing import print_ablation, print_plan
    from bench.commands.ablations import plan_ablation
    from bench.commands.runs import plan

    how: dict[str, Any] = {"out": out, "baselines": baselines, "workers": workers}
    how["calibrate"] = calibrate
    lists = any("," in choices[name] for name in ("separator", "gains", "prescription", "loss"))
    named = file is not None and str(file) in study_names()
    if not (file or grid or seeds is not None or lists):
        print_plan(plan(**how, **choices))
        return

    values = values_of({**_typed(choices), "grid": grid, "seeds": seeds})
    if named:
        plan_named(str(file), values, root=root, scale=scale, **how)
        return
    print_ablation(plan_ablation(file, **how, **values))


def _typed(choices: dict[str, Any]) -> dict[str, Any]:
    """The options that were typed; None for the others, so that a file's values count."""
    from click.core import ParameterSource

    context = click.get_current_context()
    typed = {
        name: value if context.get_parameter_source(name) == ParameterSource.COMMANDLINE else None
        for name, value in choices.items()
    }
    if typed.pop("seed") is not None:
        raise BenchError("an ablation has several seeds", where="--seed", hint="Give --seeds.")
    return {**typed, "options": choices["options"]}
