"""``bench plan``: what would run, and what of it is there; it runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import FILE, run_options, workers_option
from bench.errors import BenchError


@click.command()
@click.argument("file", type=FILE, required=False)
@run_options
@click.option(
    "--grid", multiple=True, metavar="NAME=VALUES", help="Of an ablation, as in bench ablate."
)
@click.option("--seeds", type=int, default=None, help="Of an ablation, as in bench ablate.")
@workers_option
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
    from bench.cli.printing import print_ablation, print_plan
    from bench.commands.runs import plan, plan_ablation

    how: dict[str, Any] = {"out": out, "baselines": baselines, "workers": workers}
    how["calibrate"] = calibrate
    lists = any("," in choices[name] for name in ("separator", "gains", "prescription", "loss"))
    if not (file or grid or seeds is not None or lists):
        print_plan(plan(**how, **choices))
        return

    from bench.cli.ablate import values_of

    typed = {**_typed(choices), "grid": grid, "seeds": seeds}
    print_ablation(plan_ablation(file, **how, **values_of(typed)))


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
