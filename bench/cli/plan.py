"""``bench plan``: what would run, and what of it is there; it runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import board_folder, run_options, spec_from


@click.command(short_help="Say what a run would do, and what of it is there already.")
@run_options
def command(out: Path | None, baselines: bool, **choices: Any) -> None:
    """Say what a run would do, and what of it the board has already. Runs nothing."""
    plugins, suite, spec = spec_from(**choices)

    from bench.execute import plan_runs
    from bench.spec import open_dataset

    dataset = open_dataset(spec, plugins)
    folder = board_folder(out, suite.name)
    scenes = dataset.scenes(spec.split)
    pairs = sum(len(scene.listeners) for scene in scenes)
    pairs = min(pairs, spec.limit) if spec.limit else pairs
    click.echo(f"suite {suite.name}, split {spec.split}, protocol {spec.protocol}: {pairs} pairs")
    click.echo(f"board {folder}")
    for run in plan_runs(spec, suite, plugins, dataset, baselines=baselines):
        done = _scored(folder, run.run_id)
        work = []
        if run.spec.trains:
            settings = run.spec.training
            trained = _epochs(folder, run.run_id)
            work.append(
                f"train {settings.epochs} epochs of {settings.segments} segments"
                f" on {run.spec.loss} ({trained} done)"
            )
        work.append(f"score {len(scenes)} scenes ({done})")
        click.echo(f"  {run.run_id}  {run.spec.label}: {'; '.join(work)}")


def _scored(folder: Path, run_id: str) -> str:
    scores = folder / "scores" / f"run_id={run_id}"
    if (scores / "scores.parquet").exists():
        return "all done"
    return f"{len(list(scores.glob('*.parquet')))} done"


def _epochs(folder: Path, run_id: str) -> int:
    logs = (folder / "training" / f"run_id={run_id}").glob("epoch-*.parquet")
    return sum(1 for path in logs if path.stem != "epoch-0000")
