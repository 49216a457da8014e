"""``bench board``: list, show, merge and verify boards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import (
    FOLDER,
    executor_options,
    format_option,
    option_option,
    out_option,
    workers_option,
)
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.commands.shared_boards import BoardSummary

_suite_option = click.option("--suite", default="", help="Suite of the board, without --out.")


@click.group()
def command() -> None:
    """List, show and merge boards; remove a run; verify somebody's run."""


@command.command("list")
@click.argument("folder", type=FOLDER, default="leaderboards")
@format_option
def list_command(folder: Path, format: str) -> None:
    """List the boards in and below FOLDER."""
    from bench.cli.printing import print_tables
    from bench.commands.shared_boards import list_boards

    found = list_boards(folder)
    if not found:
        click.echo(f"No board is in or below {folder}; bench run makes one.", err=True)
    print_tables({"Boards": [_row(one) for one in found]}, format, decimals=1)


@command.command("show")
@click.argument("folder", type=FOLDER, required=False)
@_suite_option
@out_option
@format_option
def show_command(folder: Path | None, out: Path | None, suite: str, format: str) -> None:
    """Show the contents of a board, and who verified which runs; FOLDER is the same as --out."""
    from bench.cli.printing import print_tables
    from bench.commands.shared_boards import show_board

    if folder is not None and out is not None:
        raise BenchError("the board is named twice", where=f"{folder}, --out {out}")
    board = show_board(folder or out, suite=suite)
    tables = {"Board": [_row(board)]}
    if board.verified:
        tables["Verified"] = [
            {**row, "when": f"{row['when']:%Y-%m-%d %H:%M}"} for row in board.verified
        ]
    print_tables(tables, format, decimals=1)
    for path, why in (board.damaged or {}).items():
        click.echo(f"A file cannot be read: {path}: {why}", err=True)


@command.command("merge")
@click.argument("into", type=FOLDER)
@click.argument("others", type=FOLDER, nargs=-1, required=True)
def merge_command(into: Path, others: tuple[Path, ...]) -> None:
    """Copy the runs of the boards OTHERS into the board INTO, all of one suite.

    If a run has different scores on two boards, nothing of the second board is merged.
    """
    from bench.commands.shared_boards import merge_boards

    for other, found in zip(others, merge_boards(into, others), strict=True):
        completed = f", {len(found.completed)} completed" if found.completed else ""
        click.echo(f"{other}: {len(found.new)} runs are new{completed}")


@command.command("remove")
@click.argument("run")
@_suite_option
@out_option
def remove_command(**choices: Any) -> None:
    """Remove RUN, an id or label: its row, scores, training log and checkpoints."""
    from bench.commands.shared_boards import remove_run

    click.echo(f"Removed {remove_run(**choices)}")


@command.command("verify")
@click.argument("run")
@click.option(
    "--share",
    type=click.FloatRange(min=0.0, max=1.0, min_open=True),
    default=0.05,
    show_default=True,
    help="Share of the run's pairs, drawn at random.",
)
@click.option(
    "--within",
    type=click.FloatRange(min=0.0),
    default=1e-3,
    show_default=True,
    help="Largest difference for which scores still agree.",
)
@click.option("--by", default="", help="Who verifies.  [default: the user's name]")
@click.option("--seed", type=int, default=None, help="Seed of the draw.  [default: a new one]")
@click.option("--suite", default="", help="The run's suite, as a TOML file.")
@option_option("A path that a board does not store, as dataset.root=PATH.")
@out_option
@workers_option
@executor_options
def verify_command(**choices: Any) -> int:
    """Rescore a random share of RUN on this machine and record on the board whether it agrees.

    Exit code 1 if it does not agree.
    """
    from bench.commands.shared_boards import verify_run
    from bench.runtime.console import ConsoleProgress

    found = verify_run(progress=ConsoleProgress(), **choices)
    click.echo(found.words)
    return 0 if found.agrees else 1


def _row(board: BoardSummary) -> dict[str, Any]:
    return {
        "board": str(board.folder),
        "runs": board.runs,
        "holds": "; ".join(board.views),
        "MB": round(board.bytes / 1e6, 1),
        "checkpoints_MB": round(board.checkpoints / 1e6, 1),
        "verifications": len(board.verified),
    }
