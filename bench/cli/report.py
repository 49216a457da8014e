"""``bench report``: a folder to open in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import board_folder, out_option


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
    from bench.errors import BenchError
    from bench.leaderboard.store import Board
    from bench.report.page import write_report
    from bench.suites import check_protocol, load_suite

    loaded = load_suite(suite)
    board = Board(board_folder(out, loaded.name))
    if not board.path.is_dir():
        hint = f"Make one: bench run --suite {suite}"
        raise BenchError("there is no board here", where=str(board.path), hint=hint)
    check_protocol(protocol or loaded.protocol, where="--protocol")
    page = write_report(
        board,
        to or board.path / "report",
        loaded.name,
        split or loaded.split,
        protocol or loaded.protocol,
    )
    click.echo(page)
