"""Options that several commands share, and what they are turned into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench.commands.boards import board_folder as board_folder
from bench.commands.boards import existing_board as existing_board

if TYPE_CHECKING:
    from bench.plugins import Plugins
    from bench.spec.run import RunSpec
    from bench.spec.suite import Suite

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "csv", "json", "markdown", "latex")


def run_options(function: F) -> F:
    """The options that say what a run is."""
    options = [
        click.option("--separator", default="hdemucs-ft", show_default=True, help="Separator."),
        click.option("--gains", default="fixed", show_default=True, help="Gain strategy."),
        click.option("--prescription", default="", help="Prescription.  [default: the suite's]"),
        click.option("--loss", default="", help="Loss, as 'mse + 0.3*sdr', or 'joint'."),
        click.option("--suite", default="demo", show_default=True, help="Name, or a TOML file."),
        click.option(
            "--protocol", default="", help="Reference: challenge or shared-gains.  [default: suite]"
        ),
        click.option("--split", default="", help="Split to score.  [default: the suite's]"),
        click.option("--epochs", type=int, default=None, help="Epochs of training."),
        click.option("--seed", type=int, default=0, show_default=True, help="Seed of the run."),
        click.option(
            "--limit",
            type=click.IntRange(min=0),
            default=0,
            help="Score only so many pairs, spread evenly.  [default: all]",
        ),
        click.option(
            "-o",
            "--option",
            "option",
            multiple=True,
            metavar="SECTION.NAME=VALUE",
            help="An option of a plugin or the training, as separator.weights=PATH.",
        ),
        click.option(
            "--baselines/--no-baselines", default=True, help="Score the suite's baselines beside."
        ),
        out_option,
    ]
    for option in reversed(options):
        function = option(function)
    return function


def out_option(function: F) -> F:
    """Where the board is."""
    return click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        default=None,
        help="Folder of the board.  [default: leaderboards/SUITE]",
    )(function)


def format_option(function: F) -> F:
    """How a table is shown."""
    return click.option(
        "--format",
        "format",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How to show it.",
    )(function)


def text_format_option(function: F) -> F:
    """How a text that is no table is shown."""
    return click.option(
        "--format",
        "format",
        type=click.Choice(("text", "json")),
        default="text",
        show_default=True,
        help="How to show it.",
    )(function)


def spec_from(
    *,
    separator: str,
    gains: str,
    prescription: str,
    loss: str,
    suite: str,
    protocol: str,
    split: str,
    epochs: int | None,
    seed: int,
    limit: int,
    option: tuple[str, ...],
) -> tuple[Plugins, Suite, RunSpec]:
    """The installed plugins, the suite and the run that a command line asks for.

    Raises:
        BenchError: something in it is wrong.
    """
    from bench.options import parse_options
    from bench.spec.choices import resolve_sections

    return resolve_sections(
        parse_options(option),
        {
            "separator": separator,
            "gains": gains,
            "prescription": prescription,
            "loss": loss,
            "suite": suite,
            "protocol": protocol,
            "split": split,
            "epochs": epochs,
            "seed": seed,
            "limit": limit,
        },
    )
