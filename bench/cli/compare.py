"""``bench compare``: two runs of a board in full, or two boards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import board_options, format_option

if TYPE_CHECKING:
    from bench.board.compare import BoardDifference

_MOST = 20
"""Most differences of two boards that are listed."""


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@board_options
@click.option(
    "--scenes",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="List this many scenes that favour A most, and as many for B.",
)
@format_option
def command(a: str, b: str, scenes: int, format: str, **choices: Any) -> int:
    """Show how run A differs from run B: A minus B, paired, with intervals and p-values.

    A and B are run ids, labels or names on a leaderboard, as "hdemucs-ft + cnn". Two folders
    of boards are compared value by value, to the last bit; exit code 1 where they differ.
    """
    from bench.commands.boards import compare, compare_boards

    if Path(a).is_dir() and Path(b).is_dir():
        return _show_boards(compare_boards(a, b), a, b)
    pair = compare(a, b, **choices)

    from bench.leaderboard.summaries import comparison_sections, comparison_words
    from bench.tables.sections import render_sections

    about = pair.ours
    title = f"{about['suite']}, split {about['split']}, protocol {about['protocol']}: A beside B"
    sections = comparison_sections(pair, scenes)
    words = comparison_words(pair)
    sys.stdout.write(render_sections(title, sections, format, words=words))
    return 0


def _show_boards(found: BoardDifference, a: str, b: str) -> int:
    number = "1 run" if found.runs == 1 else f"{found.runs} runs"
    click.echo(f"{number} and {found.values} values are in both.")
    for folder, runs in ((a, found.only_ours), (b, found.only_theirs)):
        for run in runs:
            click.echo(f"only in {folder}: {run}")
    for one in found.differences[:_MOST]:
        click.echo(f"differs: {one.run}: {one.what}: {one.ours} and {one.theirs}")
    if len(found.differences) > _MOST:
        click.echo(f"differs: and {len(found.differences) - _MOST} more")
    click.echo("The boards hold the same." if found.same else "The boards differ.")
    return 0 if found.same else 1
