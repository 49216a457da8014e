"""``bench leaderboard``: the rows of a board that may be compared."""

from __future__ import annotations

import sys
from typing import Any

import click

from bench.cli.options import board_options, format_option, names, where_option


@click.command()
@board_options
@click.option(
    "--metric",
    default="",
    metavar="NAME,NAME,...",
    callback=lambda context, parameter, text: names(text),
    help="Show only these metrics.  [default: all]",
)
@click.option("--sort", default="", metavar="NAME", help="Column to sort by, best on top.")
@where_option
@click.option("--baseline", default="", help="Row to compare with.  [default: the suite's]")
@click.option("--effects", is_flag=True, help="Show the main effect of each part of the systems.")
@click.option("--published", is_flag=True, help="Also show published results; never ranked.")
@click.option("--seeds", is_flag=True, help="Also show each seed of a system.")
@format_option
def command(seeds: bool, format: str, **choices: Any) -> None:
    """Show the rows of one suite, split and protocol, best first, with 95 % intervals.

    --metric, --sort and --where select what is shown; ranks, differences and p-values remain those
    of the whole board. As CSV, --effects and --published print their own rows instead of the
    leaderboard's.
    """
    from bench.commands.boards import view_board
    from bench.leaderboard.export import show
    from bench.tables.sections import render_sections

    view = view_board(**choices)
    if view.leaderboard is None:
        sys.stdout.write(render_sections("Published results", view.sections, format))
    else:
        show(view.leaderboard, format, view.sections, expand=seeds)
