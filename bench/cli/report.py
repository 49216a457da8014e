"""``bench report``: a folder to open in a browser."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import FOLDER, board_options


@click.command()
@board_options
@click.option(
    "--to", type=FOLDER, default=None, help="Folder to write.  [default: report/ in the board]"
)
def command(**choices: Any) -> None:
    """Write one self-contained folder that opens from disk, without a network."""
    from bench.commands.boards import write_report

    click.echo(write_report(**choices))
