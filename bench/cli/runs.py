"""``bench runs``: the runs of a board."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import format_option, out_option, where_option

# Left out where the terminal is narrow: mostly the same in all rows of a board.
_LEAST = ("created", "split", "suite", "protocol", "seed", "epochs")


@click.command()
@click.option("--suite", default="", help="Suite of the board, without --out.")
@out_option
@where_option
@format_option
def command(format: str, **choices: Any) -> None:
    """List the runs of a board, oldest first, of every suite, split and protocol.

    CSV and JSON have all columns.
    """
    from bench.cli.printing import print_tables
    from bench.commands.inventory import LISTED, list_runs

    rows = list_runs(**choices)
    if not rows:
        click.echo("No run matches.", err=True)
    if format not in ("csv", "json"):
        rows = [{name: row[name] for name in LISTED} for row in rows]
    texts = [
        {name: f"{value:%Y-%m-%d %H:%M}" if name in ("created", "finished") and value else value
         for name, value in row.items()}
        for row in rows
    ]  # fmt: skip
    print_tables({"Runs": texts}, format, least=_LEAST)
