"""``bench run``: the main job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bench.cli.options import board_folder, format_option, run_options, spec_from
from bench.cli.outcome import say_outcome


@click.command(short_help="Train a system, score it beside the baselines, show the leaderboard.")
@run_options
@format_option
@click.option("--workers", type=int, default=0, help="Scoring processes.  [default: one a core]")
@click.option("--fresh", is_flag=True, help="Do it anew, whatever the board has of it.")
@click.option("--profile", is_flag=True, help="Keep and show the seconds of each stage of scoring.")
@click.option("--report/--no-report", default=True, help="Write a report beside the board.")
def command(
    out: Path | None,
    baselines: bool,
    format: str,
    workers: int,
    fresh: bool,
    profile: bool,
    report: bool,
    **choices: Any,
) -> int:
    """Train a system, score it beside the baselines, and show the leaderboard.

    What the board has already is not done again; an interrupted run goes on where it stopped.
    """
    plugins, suite, spec = spec_from(**choices)

    from bench.board.store import Board
    from bench.leaderboard.export import show
    from bench.leaderboard.table import leaderboard
    from bench.runs.execute import execute
    from bench.runs.plan import plan_runs
    from bench.runtime.console import ConsoleProgress
    from bench.spec.resolve import open_dataset

    for failure in plugins.failures:
        click.echo(f"warning: {failure}", err=True)
    dataset = open_dataset(spec, plugins)
    board = Board(board_folder(out, suite.name))
    runs = plan_runs(spec, suite, plugins, dataset, baselines=baselines)
    outcome = execute(
        runs, board, plugins, dataset,
        workers=workers, fresh=fresh, profile=profile, progress=ConsoleProgress(),
    )  # fmt: skip
    table = leaderboard(board, suite.name, spec.split, spec.protocol, baseline=suite.baseline)
    show(table, format)
    if profile:
        from bench.cli.profile import show_profile

        show_profile(board, runs)
    say_outcome(runs, outcome, board, report)
    sys.stdout.flush()
    return 0 if outcome.ok else 1
