"""``bench ablate``: many runs, and what each part of them brought."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import board_folder, format_option, out_option
from bench.cli.outcome import say_outcome
from bench.cli.plan import calibrate_runs, costs, epochs_done, is_scored
from bench.data.jobs import cores

if TYPE_CHECKING:
    from bench.ablation.design import Ablation
    from bench.ablation.matrix import Matrix
    from bench.api import Dataset
    from bench.execute import Outcome, PlannedRun
    from bench.leaderboard.store import Board
    from bench.plugins import Plugins
    from bench.suites import Suite

_VARIED = {
    "separator": "Separators, as hdemucs,hdemucs-ft.",
    "gains": "Gain strategies, as fixed,cnn.",
    "prescription": "Prescriptions.  [default: the suite's]",
    "loss": "Losses, as 'mse + {alpha}*haaqi-net'.  [default: the suite's]",
    "suite": "Name, or a TOML file.  [default: demo]",
    "protocol": "Reference: challenge or shared-gains.  [default: the suite's]",
    "split": "Split to score.  [default: the suite's]",
}


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
    from bench.cli.progress import ConsoleShow
    from bench.leaderboard.store import Board

    for failure in plugins.failures:
        click.echo(f"warning: {failure}", err=True)
    _say_skipped(matrix)
    board = Board(board_folder(out, suite.name))
    outcome = execute_all(runs, board, plugins, dataset, workers=workers, show=ConsoleShow())
    _show_results(runs, outcome, board, suite, format, report)
    return 0 if outcome.ok else 1


def plan_ablation(
    file: Path | None,
    given: dict[str, Any],
    out: Path | None,
    baselines: bool,
    workers: int,
    calibrate: bool,
) -> None:
    """Show the matrix of an ablation, what of it is there, and what is to come; run nothing."""
    plugins, suite, matrix, dataset, runs = _resolved(file, given, baselines)
    if calibrate:
        calibrate_runs(runs, dataset, plugins)
    folder = board_folder(out, suite.name)
    _show_plan(runs, matrix, folder, dataset, workers or cores())


def _resolved(
    file: Path | None, given: dict[str, Any], baselines: bool
) -> tuple[Plugins, Suite, Matrix, Dataset, list[PlannedRun]]:
    from bench.ablation.matrix import expand, plan_matrix
    from bench.plugins import installed
    from bench.spec import open_dataset
    from bench.suites import load_suite

    ablation = _ablation(file, given)
    plugins, suite = installed(), load_suite(ablation.suite)
    matrix = expand(ablation, plugins, suite)
    dataset = open_dataset(max(matrix.specs, key=lambda spec: spec.trains), plugins)
    runs = plan_matrix(matrix, suite, plugins, dataset, baselines=baselines)
    return plugins, suite, matrix, dataset, runs


def _ablation(file: Path | None, given: dict[str, Any]) -> Ablation:
    from bench.ablation.design import parse_ablation, parse_assignments, read_ablation

    values = {key: given[key] for key in (*_VARIED, "seeds", "limit") if given[key] is not None}
    options = parse_assignments(given["option"], "-o")
    if given["epochs"] is not None:
        options.setdefault("training.epochs", str(given["epochs"]))
    values |= {"options": options, "grid": parse_assignments(given["grid"], "--grid")}
    return parse_ablation(values, read_ablation(file) if file else None, where="bench ablate")


def _show_plan(
    runs: list[PlannedRun], matrix: Matrix, folder: Path, dataset: Dataset, workers: int
) -> None:
    first = runs[0].spec
    click.echo(f"suite {first.suite}, split {first.split}, protocol {first.protocol}")
    click.echo(f"board {folder}")
    left = [run for run in runs if not is_scored(folder, run.run_id)]
    others, there = sum(run.is_baseline for run in runs), len(runs) - len(left)
    click.echo(f"{len(runs)} runs, {others} of them baselines; {there} are there already")
    scenes = dataset.scenes(first.split)
    pairs = sum(len(scene.listeners) for scene in scenes)
    pairs = min(pairs, first.limit or pairs)
    trained = [run for run in left if run.spec.trains]
    epochs = sum(run.spec.training.epochs - epochs_done(folder, run.run_id) for run in trained)
    click.echo(
        f"to do: {len(trained)} trainings, {epochs} epochs in all; {len(left) * pairs} scores of "
        f"(scene, listener) pairs, {pairs} a run"
    )
    click.echo(costs(runs, scenes, folder, workers))
    for run in runs:
        state = "there" if is_scored(folder, run.run_id) else "to do"
        if run.spec.trains:
            settings = run.spec.training
            work = f"{settings.epochs} epochs of {settings.segments} segments on {run.spec.loss}"
            state += f": train {work} ({epochs_done(folder, run.run_id)} done), score"
        click.echo(f"  {run.run_id}  {run.spec.label}: {state}")
    _say_skipped(matrix, err=False)


def _say_skipped(matrix: Matrix, err: bool = True) -> None:
    for one in matrix.skipped:
        several = "combination" if one.count == 1 else "combinations"
        click.echo(f"skipped {one.count} {several} of {one.name}: {one.reason}", err=err)


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
