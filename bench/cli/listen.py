"""``bench listen``: pages to hear the runs of a board side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.listening_options import chosen_pairs, listening_options


@click.command(short_help="Write a page to hear the systems of a board side by side.")
@listening_options
@click.option(
    "--simulated/--no-simulated",
    default=True,
    help="Also as the listener's hearing loss leaves it (takes longest).",
)
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder to write.  [default: listening/ in the board]",
)
def command(simulated: bool, to: Path | None, **choices: Any) -> None:
    """Write pages that open from disk: mixture, reference and every system, level-matched.

    Switching between them keeps the position and leaves no gap. Outputs are computed anew by the
    code that scores them.
    """
    from bench.listening.page import write_pages
    from bench.listening.render import WAYS

    ways = WAYS if simulated else WAYS[:2]
    board, runs, heard = chosen_pairs(ways=ways, **choices)
    click.echo(write_pages(board, to or board.path / "listening", runs, heard))
