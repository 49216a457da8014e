"""``bench listen``: pages to hear the runs of a board side by side."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import FOLDER, excerpt_options


@click.command()
@excerpt_options
@click.option(
    "--simulated/--no-simulated",
    default=True,
    help="Also through a simulated hearing loss (takes longest).",
)
@click.option(
    "--to", type=FOLDER, default=None, help="Folder to write.  [default: listening/ in the board]"
)
def command(**choices: Any) -> None:
    """Write pages that open from disk: mixture, reference and every system, level-matched.

    Switching between them keeps the position and leaves no gap. Outputs are recomputed by the
    code that scores them.
    """
    from bench.commands.listening import listen
    from bench.runtime.console import ConsoleProgress

    click.echo(listen(progress=ConsoleProgress(), **choices))
