"""The matrix of an ablation as the commands `ablate` and `plan` show it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.board.layout import epochs_done, is_scored
from bench.cli.costs import calibrate_runs, costs
from bench.cli.options import board_folder
from bench.runtime.machine import cores

if TYPE_CHECKING:
    from bench.ablation.design import Ablation
    from bench.ablation.matrix import Matrix
    from bench.api import Dataset
    from bench.plugins import Plugins
    from bench.runs.plan import PlannedRun
    from bench.spec.suite import Suite


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
    from bench.spec.resolve import open_dataset
    from bench.spec.suite import load_suite

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


_VARIED = {
    "separator": "Separators, as hdemucs,hdemucs-ft.",
    "gains": "Gain strategies, as fixed,cnn.",
    "prescription": "Prescriptions.  [default: the suite's]",
    "loss": "Losses, as 'mse + {alpha}*haaqi-net'.  [default: the suite's]",
    "suite": "Name, or a TOML file.  [default: demo]",
    "protocol": "Reference: challenge or shared-gains.  [default: the suite's]",
    "split": "Split to score.  [default: the suite's]",
}
