"""Predictors of HAAQI against true HAAQI: ``bench proxy train`` and ``bench proxy evaluate``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.commands.checks import checked
from bench.plugins.front_ends import BUNDLED, HAAQI_LIGHT
from bench.runtime.progress import NO_PROGRESS, Progress

Sections = Mapping[str, Sequence[Mapping[str, Any]]]


@checked
def train_proxy(
    out: Path | str,
    *,
    labels: Path | str,
    songs: int = 60,
    valid_songs: int = 10,
    epochs: int = 12,
    seed: int = 0,
    workers: int = 1,
    report: Callable[[int, float, float], None] | None = None,
    progress: Progress = NO_PROGRESS,
) -> float:
    """Train HAAQI light on true HAAQI labels: ``bench proxy train``.

    First computes 36 labels per song, or reuses those in `labels`.

    Args:
        out: file of weights to write.
        labels: folder of labels; kept and resumed.
        songs: to train on.
        valid_songs: other songs, which choose the best epoch.
        epochs: of training.
        seed: of the initial weights.
        workers: processes that make labels.
        report: called after each epoch with its number, and the squared errors of training and
            validation.
        progress: notified of progress.

    Returns:
        The least squared error in validation.
    """
    import torch

    from bench.hearing.haaqi_light.model import HaaqiLight
    from bench.pretraining.predictors.labels import make_labels
    from bench.pretraining.predictors.train import Settings, fit, load_table
    from bench.runtime.seeds import seeded

    counts = {"train": songs, "valid": valid_songs}
    shards = {
        split: make_labels(Path(labels), split, count, workers, progress)
        for split, count in counts.items()
    }
    with seeded(seed):
        model = HaaqiLight()
    tables = {}
    for split, paths in shards.items():
        with progress.stage(f"features, {split}", len(paths)) as step:
            shown = _told(paths, step)
            tables[split] = load_table(shown, len(paths), model)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    settings = Settings(epochs, seed=seed)
    told = report or (lambda epoch, training, validation: None)
    with torch.enable_grad():
        return fit(model, tables["train"], tables["valid"], settings, Path(out), told)


@checked
def evaluate_proxy(
    *,
    weights: str = BUNDLED,
    front_end: str = HAAQI_LIGHT,
    songs: int = 3,
    labels: Path | str | None = None,
    real: Path | str | None = None,
    plot: Path | str | None = None,
    workers: int = 1,
    progress: Progress = NO_PROGRESS,
) -> Sections:
    """Compare predicted with true HAAQI on unseen material: ``bench proxy evaluate``.

    Args:
        weights: "bundled", or a path.
        front_end: name of the predictor's plugin.
        songs: of each test set.
        labels: folder that keeps the test labels; recomputed if None.
        real: root of a Cadenza dataset to test on too.
        plot: image of prediction against truth to write.
        workers: processes that make labels.
        progress: notified of progress.

    Returns:
        Rows of figures by title.
    """
    from bench.plugins.front_ends import load_predictor
    from bench.pretraining.predictors import evaluate
    from bench.pretraining.predictors.labels import load_shard, make_labels
    from bench.pretraining.predictors.real import real_shards

    predictor = load_predictor(front_end, weights)
    sets = {}
    with _folder(labels) as folder:
        for split in ("test songs", "test listeners", "test degradations"):
            paths = make_labels(folder, split, songs, workers, progress)
            shards = [load_shard(path) for path in paths]
            parts = [evaluate.predict_shard(predictor, shard) for shard in shards]
            sets[split] = evaluate.Predictions.join(parts)
        timed = evaluate.speed(predictor, shards[0])
    synthesised = evaluate.Predictions.join(sets.values())
    if real is not None:
        parts = [evaluate.predict_shard(predictor, shard) for shard in real_shards(Path(real))]
        sets["real music"] = evaluate.Predictions.join(parts)
    every = evaluate.Predictions.join(sets.values())
    rows: list[dict[str, Any]] = [{"set": n, **evaluate.figures(p)} for n, p in sets.items()]
    rows.append({"set": "all synthesised", **evaluate.figures(synthesised)})
    if plot is not None:
        evaluate.plot_calibration(sets, Path(plot))
    goal = {"set": "the goal for these", **evaluate.GOAL}
    return {
        "Predicted against true HAAQI": [*rows, goal, *evaluate.PAPER],
        "By hearing loss of the ear": evaluate.by_hearing_loss(every),
        "By degradation": evaluate.by_degradation(every),
        "Calibration": evaluate.calibration(every),
        "Speed, one ear of 4 s": timed,
    }


def _told(paths: Sequence[Path], step: Callable[[str, int], None]) -> Iterator[Path]:
    for path in paths:
        yield path
        step(path.name, 1)


@contextmanager
def _folder(given: Path | str | None) -> Iterator[Path]:
    """The folder given, or one that lasts as long as the block."""
    if given is not None:
        yield Path(given)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
