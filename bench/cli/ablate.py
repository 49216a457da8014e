"""``bench ablate``: many runs, and the effect of each part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import (
    FILE,
    FOLDER,
    baselines_option,
    debugging,
    executor_options,
    format_option,
    group,
    loudness_limit_option,
    metrics_option,
    option_option,
    out_option,
    report_option,
    time_limit_option,
    workers_option,
)
from bench.errors import BenchError

_VARIED = {
    "separator": "Separators, as hdemucs,hdemucs-ft.",
    "gains": "Gain strategies, as fixed,cnn.",
    "prescription": "Prescriptions.  [default: the suite's]",
    "loss": "Losses, as 'mse + {alpha}*haaqi-light'.  [default: the suite's]",
    "suite": "Name, or a TOML file.  [default: demo]",
    "protocol": "Reference: challenge or shared-gains.  [default: the suite's]",
    "split": "Split to score.  [default: the suite's]",
}


@click.command()
@click.argument("file", metavar="[FILE|NAME]", type=FILE, required=False)
@click.option("--list", "listed", is_flag=True, help="List the shipped ablations.")
@click.option(
    "--root", type=FOLDER, default=None, help="Shipped ablation: folder of a Cadenza dataset."
)
@click.option("--scale", default=None, help="Shipped ablation: its scale.  [default: small]")
@group(*(click.option(f"--{name}", default=None, help=text) for name, text in _VARIED.items()))
@click.option(
    "--grid",
    multiple=True,
    metavar="NAME=VALUES",
    help="Values of {NAME} in the loss, or of an option, as training.learning_rate=1e-4,1e-3.",
)
@click.option("--seeds", type=int, default=None, help="Trainings per system, with seeds 0, 1, ...")
@click.option("--epochs", type=int, default=None, help="Epochs of training.")
@click.option("--limit", type=int, default=None, help="Score only this many pairs, evenly spaced.")
@loudness_limit_option
@metrics_option
@option_option("An option for every run that has it, as separator.weights=PATH.")
@baselines_option
@click.option("--plan", "only_plan", is_flag=True, help="Show what would run; run nothing.")
@click.option(
    "--calibrate", is_flag=True, help="With --plan: measure what scoring and training cost here."
)
@workers_option
@executor_options
@time_limit_option
@report_option
@out_option
@format_option
def command(
    file: Path | None,
    listed: bool,
    root: Path | None,
    scale: str | None,
    baselines: bool,
    only_plan: bool,
    calibrate: bool,
    workers: int,
    time_limit: float | None,
    report: bool,
    out: Path | None,
    format: str,
    **given: Any,
) -> int:
    """Run every combination of parts and show what each part contributes.

    Lists are written a,b,c. FILE, in TOML, may contain what the options say; options take
    precedence. Combinations that make no sense are skipped, with the reason. What the board
    already has is not done again, an interrupted ablation continues where it stopped, and a run
    that fails does not stop the others. NAME is a shipped ablation, which is scored under both
    reference protocols.

    \b
    bench ablate seed-paper
    bench ablate --separator hdemucs,hdemucs-ft --gains fixed,cnn,cnn-residual \\
        --loss "mse + {alpha}*haaqi-light" --grid alpha=0,1,10 --seeds 3
    """
    from bench.ablation.studies import study_names
    from bench.cli.printing import print_ablation, print_outcome, print_skipped, warn_of_plugins
    from bench.commands.ablations import ablate, plan_ablation

    if listed:
        return _list(format)
    values = values_of(given)
    if file is not None and str(file) in study_names():
        if only_plan or calibrate:
            plan_named(
                str(file), values,
                root=root, scale=scale, out=out, workers=workers, calibrate=calibrate,
            )  # fmt: skip
            return 0
        chosen = {"root": root, "out": out, "workers": workers, **_given(values)}
        chosen |= {"scale": scale} if scale else {}
        return _run_study(str(file), {**chosen, "time_limit": time_limit}, format)
    if root is not None or scale is not None:
        hint = f"Name one: {', '.join(study_names())}. A dataset: -o dataset.root=..."
        raise BenchError("--root and --scale belong to a shipped ablation", hint=hint)
    how: dict[str, Any] = {"out": out, "baselines": baselines, "workers": workers}
    if only_plan or calibrate:
        print_ablation(plan_ablation(file, calibrate=calibrate, **how, **values))
        return 0

    from bench.leaderboard.export import show
    from bench.leaderboard.summaries import effects_section
    from bench.runtime.console import ConsoleProgress

    warn_of_plugins()
    how |= {"report": report, "strict": debugging(), "progress": ConsoleProgress()}
    result = ablate(file, time_limit=time_limit, **how, **values)
    print_skipped(result.skipped)
    show(result.leaderboard, format, [] if format == "csv" else [effects_section(result.effects)])
    print_outcome(result)
    return 0 if result.outcome.ok else 1


def _list(format: str) -> int:
    from bench.ablation.studies import list_studies
    from bench.cli.printing import print_tables

    print_tables({"Shipped ablations": list_studies()}, format)
    return 0


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """The values that are not empty."""
    return {name: value for name, value in values.items() if value not in ({}, None)}


def plan_named(name: str, values: dict[str, Any], *, scale: str | None = None, **how: Any) -> None:
    """Show the matrix of a shipped ablation; what was typed as of :func:`command`."""
    from bench.cli.printing import print_ablation
    from bench.commands.studies import plan_study

    chosen = {key: value for key, value in how.items() if key != "baselines"}
    chosen |= _given(values) | ({"scale": scale} if scale else {})
    for plan in plan_study(name, **chosen):
        print_ablation(plan)


def _run_study(name: str, chosen: dict[str, Any], format: str) -> int:
    from bench.cli.printing import print_outcome, warn_of_plugins
    from bench.commands.studies import run_study
    from bench.runtime.console import ConsoleProgress
    from bench.tables.sections import render_sections

    warn_of_plugins()
    result = run_study(name, strict=debugging(), progress=ConsoleProgress(), **chosen)
    click.echo(render_sections("", result.tables, format), nl=False)
    print_outcome(result)
    return 0 if result.outcome.ok else 1


def values_of(given: dict[str, Any]) -> dict[str, Any]:
    """The values that :func:`bench.commands.ablations.ablate` takes, from the options."""
    from bench.ablation.design import parse_assignments

    names = (*_VARIED, "seeds", "epochs", "limit", "max_loudness_loss", "metrics")
    values = {name: given[name] for name in names if given[name] is not None}
    return {
        **values,
        "options": given["options"] or {},
        "grid": parse_assignments(given["grid"], "--grid"),
    }
