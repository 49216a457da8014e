"""``bench ablate``: many runs, and what each part of them brought."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.matrix import _VARIED, _resolved, _say_skipped, plan_ablation
from bench.cli.options import board_folder, format_option, out_option
from bench.cli.outcome import say_outcome

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.runs.execute import Outcome
    from bench.runs.plan import PlannedRun
    from bench.spec.suite import Suite


def _ablation_options(function: Any) -> Any:
    options = [click.option(f"--{name}", default=None, help=text) for name, text in _VARIED.items()]
    for option in reversed(options):
        function = option(function)
    return function


@click.command(short_help="Run every combination of lists and a grid; say what each part brought.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@_ablation_options
@click.option(
    "--grid",
    multiple=True,
    metavar="NAME=VALUES",
    help="Values of {NAME} in the loss, or of an option, as training.learning_rate=1e-4,1e-3.",
)
@click.option("--seeds", type=int, default=None, help="Trainings of each, with seeds 0, 1, ...")
@click.option("--epochs", type=int, default=None, help="Epochs of training.")
@click.option("--limit", type=int, default=None, help="Score only so many pairs, spread evenly.")
@click.option(
    "-o",
    "--option",
    multiple=True,
    metavar="SECTION.NAME=VALUE",
    help="An option of every run that has it, as separator.weights=PATH.",
)
@click.option("--baselines/--no-baselines", default=True, help="Score the suite's baselines too.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be done; run nothing.")
@click.option("--calibrate", is_flag=True, help="With --plan: measure what scoring costs here.")
@click.option("--workers", type=int, default=0, help="Scoring processes.  [default: one a core]")
@click.option("--report/--no-report", default=True, help="Write a report beside the board.")
@out_option
@format_option
def command(
    file: Path | None,
    baselines: bool,
    only_plan: bool,
    calibrate: bool,
    workers: int,
    report: bool,
    out: Path | None,
    format: str,
    **given: Any,
) -> int:
    """Run every combination of parts and show what each of them brought.

    Lists are written a,b,c. FILE, in TOML, may say what the options say; options come first.
    Combinations that make no sense are skipped, with the reason. What the board has already is
    not done again, an interrupted ablation goes on where it stopped, and a run that fails stops
    no other.

    \b
    bench ablate --separator hdemucs,hdemucs-ft --gains fixed,cnn,cnn-residual \\
        --loss "mse + {alpha}*haaqi-net" --grid alpha=0,1,10 --seeds 3
    """
    if only_plan or calibrate:
        plan_ablation(file, given, out, baselines, workers, calibrate)
        return 0
    plugins, suite, matrix, dataset, runs = _resolved(file, given, baselines)

    from bench.ablation.execute import execute_all
    from bench.board.store import Board
    from bench.runtime.console import ConsoleProgress

    for failure in plugins.failures:
        click.echo(f"warning: {failure}", err=True)
    _say_skipped(matrix)
    board = Board(board_folder(out, suite.name))
    outcome = execute_all(
        runs, board, plugins, dataset, workers=workers, progress=ConsoleProgress()
    )
    _show_results(runs, outcome, board, suite, format, report)
    return 0 if outcome.ok else 1


def _show_results(
    runs: list[PlannedRun],
    outcome: Outcome,
    board: Board,
    suite: Suite,
    format: str,
    report: bool,
) -> None:
    from bench.leaderboard.effects import main_effects
    from bench.leaderboard.export import show
    from bench.leaderboard.summaries import effects_section
    from bench.leaderboard.table import leaderboard

    spec = runs[0].spec
    table = leaderboard(board, suite.name, spec.split, spec.protocol, baseline=suite.baseline)
    effects = [effects_section(main_effects(board, table))]
    show(table, format, [] if format == "csv" else effects)
    say_outcome(runs, outcome, board, report)
