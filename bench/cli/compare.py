"""``bench compare``: two runs of a board in full."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli.options import existing_board, format_option, out_option


@click.command(short_help="Show two runs in full: by metric, part, ear and hearing loss.")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--suite", default="demo", show_default=True, help="Name, or a TOML file.")
@click.option("--split", default="", help="Split.  [default: the suite's]")
@click.option("--protocol", default="", help="Reference protocol.  [default: the suite's]")
@click.option(
    "--scenes",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Scenes to list that speak most for A, and as many for B.",
)
@out_option
@format_option
def command(
    a: str,
    b: str,
    suite: str,
    split: str,
    protocol: str,
    scenes: int,
    out: Path | None,
    format: str,
) -> None:
    """Show how run A differs from run B: A minus B, paired, with intervals and p-values.

    A and B are run ids or labels, as "hdemucs-ft + cnn".
    """
    from bench.leaderboard.comparison import compare_runs, find_run
    from bench.leaderboard.summaries import comparison_sections, comparison_words
    from bench.tables.sections import render_sections

    board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    ours, theirs = (find_run(board, name, loaded.name, split, protocol) for name in (a, b))
    pair = compare_runs(ours, theirs, board)
    title = f"{ours['suite']}, split {ours['split']}, protocol {ours['protocol']}: A beside B"
    words = comparison_words(pair)
    sections = comparison_sections(pair, scenes)
    sys.stdout.write(render_sections(title, sections, format, words=words))
