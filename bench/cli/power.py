"""``bench power``: how many songs and listeners it takes to detect a difference."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bench.cli.options import board_options, format_option, names
from bench.errors import BenchError
from bench.spec.defaults import DEFAULT_LISTENERS, DEFAULT_POWER


@click.command()
@board_options
@click.option("--baseline", default="", help="Row to compare with.  [default: the suite's]")
@click.option("--detect", default=0.01, show_default=True, help="The true difference.")
@click.option(
    "--power",
    "share",
    default=DEFAULT_POWER,
    show_default=True,
    help="The share of studies that should detect it.",
)
@click.option(
    "--listeners",
    default=",".join(map(str, DEFAULT_LISTENERS)),
    show_default=True,
    help="Numbers of listeners to plan for.",
)
@format_option
def command(out: Path | None, listeners: str, format: str, **choices: Any) -> None:
    """Compute how many songs and listeners it takes to detect a difference.

    The spread over songs, listeners and pairs is that of the rows' differences to the baseline.
    """
    from bench.commands.boards import power
    from bench.tables.sections import render_sections

    try:
        numbers = [int(text) for text in names(listeners)]
    except ValueError:
        raise BenchError(f"'{listeners}' is not a list of numbers", where="--listeners") from None
    section = power(out, listeners=numbers, **choices)
    sys.stdout.write(render_sections("", [section], format))
