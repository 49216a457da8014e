"""``bench listener``: a listener's audiogram."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click

from bench.cli.options import FILE, chosen_listener, listener_options
from bench.hearing import EARS

_WIDTH = 8
"""Characters per octave."""


@click.group()
def command() -> None:
    """Show a listener's audiogram and the NAL-R gain for it."""


@command.command("show")
@listener_options
@click.option(
    "-O",
    "--output",
    type=FILE,
    default=None,
    help="Draw the audiogram and the gain curve into a .png, .svg or .pdf file.",
)
@click.option(
    "--format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Output format.",
)
def show_command(
    listener: Path | None,
    listener_id: str,
    audiogram: str,
    audiogram_right: str,
    output: Path | None,
    format: str,
) -> None:
    """Show the audiogram, the grade of hearing loss, and the gain that NAL-R prescribes.

    bench listener show --audiogram N3 -O n3.png
    """
    who = chosen_listener(listener, listener_id, audiogram, audiogram_right)

    from bench.commands.songs import describe_listener, draw_listener

    facts = describe_listener(who)
    if format == "json":
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo(_text(facts))
    if output is not None:
        click.echo(f"Picture: {draw_listener(who, output)}", err=True)


def _text(facts: dict[str, Any]) -> str:
    lines = [click.style(f"{facts['listener']}: hearing loss {facts['group']}", bold=True)]
    for ear in EARS:
        own = facts[ear]
        average = own["pure_tone_average_db_hl"]
        lines += [
            "",
            f"{ear} ear, {average:.1f} dB HL on average (0.5, 1, 2, 4 kHz)",
            _row("Hz", own["frequencies_hz"]),
            _row("dB HL", own["levels_db_hl"]),
            _row("NAL-R gain dB", own["nalr_gain_db"], ".1f"),
        ]
    return "\n".join([*lines, "", *_chart(facts)])


def _row(name: str, values: list[float], form: str = "g") -> str:
    return f"  {name:<14}" + "".join(f"{format(value, form):>7}" for value in values)


def _chart(facts: dict[str, Any]) -> list[str]:
    """The audiogram in characters: dB HL downwards in steps of 5, an octave to 8 columns."""
    marks: dict[tuple[int, int], str] = {}
    for ear, mark in zip(EARS, "XO", strict=True):
        own = facts[ear]
        for frequency, level in zip(own["frequencies_hz"], own["levels_db_hl"], strict=True):
            place = round(level / 5), _column(frequency)
            marks[place] = mark if marks.get(place, mark) == mark else "*"
    first = min(-1, *(row for row, _ in marks))
    last = max(24, *(row for row, _ in marks))
    width = 1 + max(_column(8000), *(column for _, column in marks))
    lines = []
    for row in range(first, last + 1):
        cells = [
            marks.get((row, column)) or ("·" if row % 4 == 0 else " ") for column in range(width)
        ]
        label = f"{5 * row:>6}" if row % 2 == 0 else " " * 6
        lines.append(f"{label} |{''.join(map(_painted, cells))}".rstrip())
    scale = [" "] * (width + 3)
    for frequency in (125, 250, 500, 1000, 2000, 4000, 8000):
        name = f"{frequency // 1000}k" if frequency >= 1000 else str(frequency)
        start = _column(frequency)
        scale[start : start + len(name)] = name
    return [
        " dB HL",
        *lines,
        " " * 8 + "".join(scale).rstrip() + " Hz",
        f"        {_painted('X')} left   {_painted('O')} right   * both",
    ]


def _column(frequency: float) -> int:
    return max(0, round(_WIDTH * math.log2(frequency / 125)))


def _painted(mark: str) -> str:
    colors = {"X": "blue", "O": "red"}
    return click.style(mark, fg=colors[mark], bold=True) if mark in colors else mark
