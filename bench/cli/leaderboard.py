"""``bench leaderboard``: the rows of a board that may be compared."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import board_folder, format_option, out_option


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
    from bench.errors import BenchError
    from bench.leaderboard.export import show
    from bench.leaderboard.store import Board
    from bench.leaderboard.table import leaderboard
    from bench.suites import check_protocol, load_suite

    loaded = load_suite(suite)
    board = Board(board_folder(out, loaded.name))
    if not board.path.is_dir():
        hint = f"Make one: bench run --suite {suite}"
        raise BenchError("there is no board here", where=str(board.path), hint=hint)
    check_protocol(protocol or loaded.protocol, where="--protocol")
    table = leaderboard(
        board,
        loaded.name,
        split or loaded.split,
        protocol or loaded.protocol,
        baseline=baseline or loaded.baseline,
    )
    show(table, format)
