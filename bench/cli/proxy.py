"""``bench proxy``: Predictors of HAAQI against true HAAQI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import FILE, FOLDER, executor_options, format_option
from bench.plugins.front_ends import BUNDLED, HAAQI_LIGHT

_workers_option = click.option(
    "--workers", type=click.IntRange(min=0), default=1, show_default=True, help="Processes."
)


@click.group()
def command() -> None:
    """Train and evaluate the proxy: differentiable predictors of HAAQI."""


@command.command("train")
@click.argument("out", type=FILE)
@click.option("--labels", type=FOLDER, required=True, help="Folder of labels; kept and resumed.")
@click.option("--songs", type=click.IntRange(min=1), default=60, show_default=True, help="Songs.")
@click.option(
    "--valid-songs",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Further songs, which choose the best epoch.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=12, show_default=True, help="Epochs.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the initial weights.")
@_workers_option
@executor_options
def train_command(out: Path, **choices: Any) -> None:
    """Train HAAQI light on true HAAQI labels and write its weights to OUT.

    First computes 36 labels per song, or reuses those in --labels.
    """
    from bench.commands.proxy import train_proxy
    from bench.runtime.console import ConsoleProgress

    def report(epoch: int, training: float, validation: float) -> None:
        click.echo(f"epoch {epoch}: squared error {training:.6f}, validation {validation:.6f}")

    best = train_proxy(out, report=report, progress=ConsoleProgress(), **choices)
    click.echo(f"{out}: validation squared error {best:.6f}")


@command.command("evaluate")
@click.option("--weights", default=BUNDLED, show_default=True, help="'bundled' or a path.")
@click.option(
    "--front-end",
    default=HAAQI_LIGHT,
    show_default=True,
    help="Name of a front end or of haaqi-light.",
)
@click.option(
    "--songs",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Songs in each test set.",
)
@click.option("--labels", type=FOLDER, default=None, help="Keep the test labels in this folder.")
@click.option("--real", type=FOLDER, default=None, help="Also evaluate on this Cadenza dataset.")
@click.option("--plot", type=click.Path(path_type=Path), default=None, help="Calibration image.")
@_workers_option
@executor_options
@format_option
def evaluate_command(plot: Path | None, format: str, **choices: Any) -> None:
    """Compare predicted with true HAAQI on songs, ears and degradations never trained on.

    The test labels are computed by the exact HAAQI (36 per song), unless --labels has them.
    """
    from bench.cli.printing import print_tables
    from bench.commands.proxy import evaluate_proxy
    from bench.runtime.console import ConsoleProgress

    print_tables(evaluate_proxy(plot=plot, progress=ConsoleProgress(), **choices), format)
    if plot is not None:
        click.echo(f"{plot}: prediction against truth", err=True)
