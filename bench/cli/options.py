"""Options that several commands share, and what they are turned into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bench.leaderboard.store import Board
    from bench.plugins import Plugins
    from bench.spec import RunSpec
    from bench.suites import Suite

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


def board_folder(out: Path | None, suite: str) -> Path:
    """The folder of a suite's board."""
    return out if out is not None else Path("leaderboards") / Path(suite).stem


def existing_board(
    suite: str, split: str, protocol: str, out: Path | None
) -> tuple[Board, Suite, str, str]:
    """The board of a suite, the suite, and the split and protocol to show.

    Raises:
        BenchError: there is no such suite, protocol or board.
    """
    from bench.errors import BenchError
    from bench.leaderboard.store import Board
    from bench.suites import check_protocol, load_suite

    loaded = load_suite(suite)
    board = Board(board_folder(out, loaded.name))
    if not board.path.is_dir():
        hint = f"Make one: bench run --suite {suite}"
        raise BenchError("there is no board here", where=str(board.path), hint=hint)
    check_protocol(protocol or loaded.protocol, where="--protocol")
    return board, loaded, split or loaded.split, protocol or loaded.protocol


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
    from bench.plugins import installed
    from bench.spec import make_run_spec, parse_options
    from bench.suites import load_suite

    plugins = installed()
    options = parse_options(option)
    if epochs is not None:
        options["training"].setdefault("epochs", str(epochs))
    loaded = load_suite(suite)
    spec = make_run_spec(
        plugins,
        loaded,
        separator=separator,
        gains=gains,
        prescription=prescription,
        loss=loss,
        protocol=protocol,
        split=split,
        seed=seed,
        limit=limit,
        options=options,
    )
    return plugins, loaded, spec
