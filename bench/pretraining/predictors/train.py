"""Training of HAAQI light's scorer on true HAAQI labels.

The cochlea and the comparison have nothing to learn, so the features of all labels are computed
once. The loss is the published one: squared error of the utterance's score plus that of the frames'
scores. The weights of the epoch with the least error on the validation songs are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from bench.hearing.haaqi_light.comparison import Features
from bench.hearing.haaqi_light.model import HaaqiLight, save_haaqi_light
from bench.pretraining.predictors.labels import LABELS_A_SONG, RATE, Shard, load_shard
from bench.runtime.seeds import derive

_CHUNK: Final = 12


@dataclass(frozen=True)
class Settings:
    """Settings of the training; `rate` is Adam's, falling to 0 along a cosine."""

    epochs: int = 30
    batch: int = 64
    rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True)
class Table:
    """Labels with their features, ready for the scorer; half precision, first dimension labels."""

    frames: Tensor
    summary: Tensor
    estimate: Tensor
    audiogram: Tensor
    haaqi: Tensor

    def features(self, rows: Tensor) -> Features:
        """The features of some rows."""
        return Features(
            self.frames[rows].float(), self.summary[rows].float(), self.estimate[rows].float()
        )


def tabulate(shard: Shard, model: HaaqiLight) -> Table:
    """Compute the features of a song's labels."""
    parts: list[Features] = []
    with torch.inference_mode():
        for start in range(0, len(shard.haaqi), _CHUNK):
            rows = slice(start, start + _CHUNK)
            parts.append(
                model.features(
                    torch.from_numpy(shard.processed[rows]).float(),
                    torch.from_numpy(shard.audiogram[rows]).float(),
                    torch.from_numpy(shard.level1[rows]).float(),
                    RATE,
                    torch.from_numpy(shard.reference[shard.group[rows]]).float(),
                )
            )
    return Table(
        frames=torch.cat([part.frames.half() for part in parts]),
        summary=torch.cat([part.summary.half() for part in parts]),
        estimate=torch.cat([part.estimate for part in parts]),
        audiogram=torch.from_numpy(shard.audiogram).float(),
        haaqi=torch.from_numpy(shard.haaqi).float(),
    )


def load_table(shards: Iterable[Path], songs: int, model: HaaqiLight) -> Table:
    """The table of so many songs, from their shards, each of LABELS_A_SONG labels."""
    # Made in one piece: pieces would leave as much memory again in holes between them.
    columns: dict[str, Tensor] = {}
    for song, path in enumerate(shards):
        rows = slice(song * LABELS_A_SONG, (song + 1) * LABELS_A_SONG)
        for name, values in vars(tabulate(load_shard(path), model)).items():
            if name not in columns:
                columns[name] = values.new_empty(songs * LABELS_A_SONG, *values.shape[1:])
            columns[name][rows] = values
    return Table(**columns)


def predict(model: HaaqiLight, table: Table, batch: int = 64) -> Tensor:
    """Predicted HAAQI of every label."""
    with torch.inference_mode():
        return torch.cat(
            [
                model.frame_scores(table.features(rows), table.audiogram[rows]).mean(-1)
                for rows in torch.split(torch.arange(len(table.haaqi)), batch)
            ]
        )


def fit(
    model: HaaqiLight,
    train: Table,
    valid: Table,
    settings: Settings,
    out: Path,
    report: Callable[[int, float, float], None],
) -> float:
    """Train the scorer and write the best epoch's weights to `out`.

    Args:
        model: its scorer is trained in place.
        train: labels to learn from.
        valid: labels of other songs, which choose the epoch.
        settings: of the training.
        out: a safetensors file.
        report: called after each epoch with its number, training and validation squared error.

    Returns:
        The least validation squared error.
    """
    scorer = model.scorer.requires_grad_(True)
    optimiser = torch.optim.AdamW(scorer.parameters(), settings.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
    best = float("inf")
    for epoch in range(settings.epochs):
        generator = torch.Generator().manual_seed(derive(settings.seed, "proxy epoch", epoch))
        order = torch.randperm(len(train.haaqi), generator=generator)
        scorer.train()
        total = 0.0
        for rows in torch.split(order, settings.batch):
            truth = train.haaqi[rows]
            scores = model.frame_scores(train.features(rows), train.audiogram[rows])
            utterance = (scores.mean(-1) - truth).square().mean()
            loss = utterance + (scores - truth[:, None]).square().mean()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(scorer.parameters(), 1.0)
            optimiser.step()
            total += utterance.item() * len(rows)
        schedule.step()
        scorer.eval()
        error = (predict(model, valid) - valid.haaqi).square().mean().item()
        report(epoch + 1, total / len(order), error)
        if error < best:
            best = error
            save_haaqi_light(model, out)
    return best
