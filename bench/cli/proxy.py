"""``bench proxy``: HAAQI-Net against true HAAQI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bench.cli.options import format_option

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(short_help="Train and evaluate HAAQI-Net, the differentiable predictor of HAAQI.")
def command() -> None:
    """Train and evaluate HAAQI-Net, the differentiable predictor of HAAQI."""


@command.command("train")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--labels", type=_FOLDER, required=True, help="Folder of labels; kept and resumed.")
@click.option("--songs", type=click.IntRange(min=1), default=60, show_default=True, help="Songs.")
@click.option(
    "--valid-songs",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Other songs, which choose the best epoch.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=12, show_default=True, help="Epochs.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first weights.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
def train_command(
    out: Path, labels: Path, songs: int, valid_songs: int, epochs: int, seed: int, jobs: int
) -> None:
    """Train the light HAAQI-Net on true HAAQI labels and write its weights to OUT.

    36 labels a song are made first, or taken from --labels as far as they are there.
    """
    import torch

    from bench.hearing.haaqi_net.light import LightHaaqiNet
    from bench.pretraining.haaqi_net.labels import make_labels
    from bench.pretraining.haaqi_net.train import Settings, fit, load_table
    from bench.runtime.console import ConsoleProgress

    counts = {"train": songs, "valid": valid_songs}
    shards = {
        split: make_labels(labels, split, count, jobs, ConsoleProgress())
        for split, count in counts.items()
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LightHaaqiNet()
    tables = {
        split: load_table(_shown(f"features, {split}", paths), len(paths), model)
        for split, paths in shards.items()
    }

    def report(epoch: int, training: float, validation: float) -> None:
        click.echo(f"epoch {epoch}: squared error {training:.6f}, validation {validation:.6f}")

    out.parent.mkdir(parents=True, exist_ok=True)
    best = fit(model, tables["train"], tables["valid"], Settings(epochs, seed=seed), out, report)
    click.echo(f"{out}: validation squared error {best:.6f}")


@command.command("evaluate")
@click.option("--weights", default="bundled", show_default=True, help="'bundled' or a path.")
@click.option("--front-end", default="light", show_default=True, help="'light', or a plugin's.")
@click.option("--songs", type=click.IntRange(min=1), default=3, show_default=True, help="A set.")
@click.option("--labels", type=_FOLDER, default=None, help="Keep the test labels in this folder.")
@click.option("--real", type=_FOLDER, default=None, help="Also on this Cadenza dataset.")
@click.option("--plot", type=click.Path(path_type=Path), default=None, help="Calibration image.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@format_option
def evaluate_command(
    weights: str,
    front_end: str,
    songs: int,
    labels: Path | None,
    real: Path | None,
    plot: Path | None,
    jobs: int,
    format: str,
) -> None:
    """Compare predicted with true HAAQI on songs, ears and degradations never trained on.

    The test labels are made anew by the exact HAAQI (36 a song), unless --labels has them.
    """
    from bench.cli.tables import echo_sections
    from bench.plugins.front_ends import load_predictor
    from bench.pretraining.haaqi_net import evaluate
    from bench.pretraining.haaqi_net.labels import load_shard, make_labels
    from bench.pretraining.haaqi_net.real import real_shards
    from bench.runtime.console import ConsoleProgress

    predictor = load_predictor(front_end, weights)
    sets = {}
    with _folder(labels) as folder:
        for split in ("test songs", "test listeners", "test degradations"):
            shards = [
                load_shard(path)
                for path in make_labels(folder, split, songs, jobs, ConsoleProgress())
            ]
            parts = [evaluate.predict_shard(predictor, shard) for shard in shards]
            sets[split] = evaluate.Predictions.join(parts)
        timed = evaluate.speed(predictor, shards[0])
    if real is not None:
        parts = [evaluate.predict_shard(predictor, shard) for shard in real_shards(real)]
        sets["real music"] = evaluate.Predictions.join(parts)
    synthetic = evaluate.Predictions.join(p for name, p in sets.items() if name != "real music")
    goal = {"set": "the goal for these", **evaluate.GOAL}
    every = evaluate.Predictions.join(sets.values())
    rows: list[dict[str, Any]] = [{"set": n, **evaluate.figures(p)} for n, p in sets.items()]
    rows.append({"set": "all synthesised", **evaluate.figures(synthetic)})
    echo_sections(
        {
            "Predicted against true HAAQI": [*rows, goal, *evaluate.PAPER],
            "By hearing loss of the ear": evaluate.by_hearing_loss(every),
            "By degradation": evaluate.by_degradation(every),
            "Calibration": evaluate.calibration(every),
            "Speed, one ear of 4 s": timed,
        },
        format,
    )
    if plot is not None:
        evaluate.plot_calibration(sets, plot)
        click.echo(f"{plot}: prediction against truth", err=True)


def _shown(title: str, paths: Sequence[Path]) -> Iterator[Path]:
    """The paths, one after the other, and how far that is."""
    from bench.runtime.console import ConsoleProgress

    with ConsoleProgress().stage(title, len(paths)) as step:
        for path in paths:
            yield path
            step(path.name, 1)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The folder given, or one that lasts as long as the block."""
    import tempfile

    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
