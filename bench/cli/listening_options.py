"""Options of the commands that make something to hear, and what they are turned into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench.cli.options import existing_board, out_option

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.listening.render import Heard
    from bench.runs.restore import StoredRun

F = TypeVar("F", bound=Callable[..., Any])


def listening_options(function: F) -> F:
    """The options that say what is heard."""
    options = [
        click.option("--suite", default="demo", show_default=True, help="Name, or a TOML file."),
        click.option("--split", default="", help="Split.  [default: the suite's]"),
        click.option("--protocol", default="", help="Reference protocol.  [default: the suite's]"),
        click.option(
            "--scenes",
            default="",
            metavar="ID,ID,...",
            help="Scenes.  [default: the one on which the systems differ most]",
        ),
        click.option(
            "--listeners",
            default="",
            metavar="ID,ID,...",
            help="Listeners.  [default: the first of each scene]",
        ),
        click.option(
            "--run",
            "runs",
            multiple=True,
            metavar="RUN",
            help="Id or label of a run; may be repeated.  [default: all of the board]",
        ),
        click.option(
            "--seconds",
            type=click.FloatRange(min=1.0, max=60.0),
            default=10.0,
            show_default=True,
            help="Length of the excerpt, from the middle of the scene.",
        ),
        click.option(
            "-o",
            "--option",
            "option",
            multiple=True,
            metavar="SECTION.NAME=VALUE",
            help="What a board does not keep: dataset.root=PATH, separator.weights=PATH.",
        ),
        out_option,
    ]
    for option in reversed(options):
        function = option(function)
    return function


def chosen_pairs(
    *,
    suite: str,
    split: str,
    protocol: str,
    scenes: str,
    listeners: str,
    runs: tuple[str, ...],
    seconds: float,
    option: tuple[str, ...],
    out: Path | None,
    ways: Sequence[str],
) -> tuple[Board, list[StoredRun], list[Heard]]:
    """The board, the chosen runs, and every chosen pair rendered.

    Raises:
        BenchError: something in the choices is wrong.
    """
    from bench.listening.selection import choose, choose_runs, render_all
    from bench.options import parse_options
    from bench.plugins import installed
    from bench.runtime.console import ConsoleProgress

    plugins = installed()
    board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    own = parse_options(option)
    found = choose_runs(board, runs, loaded, split, protocol, plugins, own)
    chosen = choose(board, found, _names(scenes), _names(listeners), plugins)
    progress = ConsoleProgress()
    heard = render_all(chosen, plugins, seconds=seconds, ways=ways, progress=progress)
    return board, found, heard


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
