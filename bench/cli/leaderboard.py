"""``bench leaderboard``: the rows of a board that may be compared."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli.options import existing_board, format_option, out_option
from bench.errors import BenchError


@click.command(short_help="Show a leaderboard as text, CSV, JSON, Markdown or LaTeX.")
@click.option("--suite", default="demo", show_default=True, help="Name, or a TOML file.")
@click.option("--split", default="", help="Split.  [default: the suite's]")
@click.option("--protocol", default="", help="Reference protocol.  [default: the suite's]")
@click.option("--baseline", default="", help="Row to compare with.  [default: the suite's]")
@click.option("--effects", is_flag=True, help="Say what each part of the systems brought.")
@click.option("--published", is_flag=True, help="Show what others published beside; not ranked.")
@out_option
@format_option
def command(
    suite: str,
    split: str,
    protocol: str,
    baseline: str,
    effects: bool,
    published: bool,
    out: Path | None,
    format: str,
) -> None:
    """Show the rows of one suite, split and protocol, best first, with 95 % intervals.

    As CSV, --effects and --published give their own rows in place of the leaderboard's.
    """
    from bench.leaderboard.export import show
    from bench.leaderboard.table import leaderboard
    from bench.tables.sections import Section, render_sections

    sections: list[Section] = []
    if published:
        from bench.leaderboard.published import published_sections

        sections = published_sections()
    try:
        board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    except BenchError:
        # What others published needs no board; a folder that was named must be there.
        if not published or out is not None:
            raise
        sys.stdout.write(render_sections("Published results", sections, format))
        return
    table = leaderboard(board, loaded.name, split, protocol, baseline=baseline or loaded.baseline)
    if effects:
        from bench.leaderboard.effects import main_effects
        from bench.leaderboard.summaries import effects_section

        sections = [effects_section(main_effects(board, table)), *sections]
    show(table, format, sections)
