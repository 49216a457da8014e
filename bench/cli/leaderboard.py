"""``bench leaderboard``: the rows of a board that may be compared."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import existing_board, format_option, out_option


@click.command(short_help="Show a leaderboard as text, CSV, JSON, Markdown or LaTeX.")
@click.option("--suite", default="demo", show_default=True, help="Name, or a TOML file.")
@click.option("--split", default="", help="Split.  [default: the suite's]")
@click.option("--protocol", default="", help="Reference protocol.  [default: the suite's]")
@click.option("--baseline", default="", help="Row to compare with.  [default: the suite's]")
@out_option
@format_option
def command(
    suite: str, split: str, protocol: str, baseline: str, out: Path | None, format: str
) -> None:
    """Show the rows of one suite, split and protocol, best first, with 95 % intervals."""
    from bench.leaderboard.export import show
    from bench.leaderboard.table import leaderboard

    board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    table = leaderboard(board, loaded.name, split, protocol, baseline=baseline or loaded.baseline)
    show(table, format)
