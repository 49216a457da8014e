"""``bench report``: a folder to open in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import existing_board, out_option


@click.command(short_help="Write a report to open in a browser.")
@click.option("--suite", default="demo", show_default=True, help="Name, or a TOML file.")
@click.option("--split", default="", help="Split.  [default: the suite's]")
@click.option("--protocol", default="", help="Reference protocol.  [default: the suite's]")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder to write.  [default: report/ in the board]",
)
@out_option
def command(suite: str, split: str, protocol: str, to: Path | None, out: Path | None) -> None:
    """Write one self-contained folder that opens from disk, without a network."""
    from bench.report.page import write_report

    board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    click.echo(write_report(board, to or board.path / "report", loaded.name, split, protocol))
