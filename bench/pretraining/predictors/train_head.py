"""Trains the bundled HAAQI-Net: ``python -m bench.pretraining.predictors.train_head FOLDER``.

The published head on the spectral front end (:mod:`bench.hearing.haaqi_net.spectral`) learns true
HAAQI from the processed signal alone, as published: squared error of the utterance's score plus
that of the frames', Adam at 1e-3, here falling to 0 along a cosine. It does what the given minutes
allow: for most of them it makes labels, then it trains on those that there are, and writes
``haaqi_net.safetensors`` and ``record.json`` into FOLDER after every epoch that is the best so far
on the validation songs. Labels are kept: the same command makes more of them and trains anew.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import torch
from torch import Tensor

from bench.hearing.haaqi_net.spectral import (
    SpectralFrontEnd,
    SpectralHaaqiNet,
    load_spectral,
    save_spectral,
)
from bench.pretraining.predictors.band_labels import (
    SPLITS,
    BandLabels,
    load_band_labels,
    make_band_labels,
    split_of,
)
from bench.pretraining.predictors.evaluate import (
    AVERAGED,
    PAPER,
    Predictions,
    by_degradation,
    by_hearing_loss,
    figures,
)
from bench.runtime.files import write_json
from bench.runtime.machine import processor
from bench.runtime.seeds import derive

WEIGHTS: Final = "haaqi_net.safetensors"
RECORD: Final = "record.json"
_WARM_UP: Final = 50
_SHAKE: Final = 2.0
"""dB; the audiogram is changed by so much (standard deviation) while training, each time anew."""


@dataclass(frozen=True)
class Settings:
    """Settings of the training.

    Attributes:
        seconds: how long.
        epochs: how many at most.
        batch: labels a step.
        rate: Adam's, the highest; it falls to 0 along a cosine of the time.
        seed: of the first weights and the order.
    """

    seconds: float
    epochs: int = 60
    batch: int = 64
    rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True)
class Table:
    """Labels on a device.

    Attributes:
        bands: dB SPL, ``(n, frames, 128)`` in half precision.
        audiogram: dB HL, ``(n, 8)``.
        haaqi: ``(n,)``.
    """

    bands: Tensor
    audiogram: Tensor
    haaqi: Tensor

    @staticmethod
    def of(labels: BandLabels, device: str) -> Table:
        """The labels as tensors."""
        return Table(
            torch.from_numpy(labels.bands).to(device),
            torch.from_numpy(labels.audiogram).float().to(device),
            torch.from_numpy(labels.haaqi).float().to(device),
        )


def build_model(seed: int) -> SpectralHaaqiNet:
    """The model before its training."""
    torch.manual_seed(derive(seed, "haaqi-net head"))
    model = SpectralHaaqiNet(SpectralFrontEnd())
    with torch.no_grad():
        for name, weight in model.blstm.named_parameters():
            if "weight_ih" in name:
                # The audiogram comes in dB HL, the other inputs near 1.
                weight[:, -8:] *= 0.02
    return model


def predict(model: SpectralHaaqiNet, table: Table, batch: int = 128) -> Tensor:
    """Predicted HAAQI of every label, on the processor."""
    model.eval()
    with torch.inference_mode():
        rows = zip(
            torch.split(table.bands, batch), torch.split(table.audiogram, batch), strict=True
        )
        return torch.cat([model.band_scores(b.float(), a).mean(-1) for b, a in rows]).cpu()


def fit(
    model: SpectralHaaqiNet, train: Table, valid: Table, settings: Settings
) -> Iterator[tuple[int, float, float]]:
    """Train in place.

    Yields:
        After each epoch its number, and the squared error of the utterances in training and
        validation. The last epoch ends with the time.
    """
    optimiser = torch.optim.Adam(model.parameters(), settings.rate)
    truth = valid.haaqi.cpu()
    started, step = time.monotonic(), 0
    for epoch in range(settings.epochs):
        generator = torch.Generator().manual_seed(derive(settings.seed, "head epoch", epoch))
        order = torch.randperm(len(train.haaqi), generator=generator).to(train.haaqi.device)
        total, seen = torch.zeros((), device=train.haaqi.device), 0
        model.train()
        for rows in torch.split(order, settings.batch):
            done = max((time.monotonic() - started) / settings.seconds, epoch / settings.epochs)
            if done >= 1:
                break
            step += 1
            warm = min(1.0, step / _WARM_UP)
            for group in optimiser.param_groups:
                group["lr"] = settings.rate * warm * 0.5 * (1 + math.cos(math.pi * done))
            wanted, heard = train.haaqi[rows], train.audiogram[rows]
            heard = heard + _SHAKE * torch.randn_like(heard)
            scores = model.band_scores(train.bands[rows].float(), heard)
            utterance = (scores.mean(-1) - wanted).square().mean()
            loss = utterance + (scores - wanted[:, None]).square().mean()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            total += utterance.detach() * len(rows)
            seen += len(rows)
        if not seen:
            return
        error = (predict(model, valid) - truth).square().mean().item()
        yield epoch + 1, total.item() / seen, error


def judge(model: SpectralHaaqiNet, labels: BandLabels, device: str) -> dict[str, Any]:
    """Figures of the model on some labels, as a whole, by degradation and by hearing loss."""
    predictions = Predictions(
        truth=labels.haaqi,
        predicted=predict(model, Table.of(labels, device)).double().numpy(),
        average=labels.audiogram[:, AVERAGED].mean(-1),
        kind=labels.kind,
    )
    return {
        **figures(predictions),
        "mse of a constant": float(np.var(labels.haaqi)),
        "by degradation": by_degradation(predictions),
        "by hearing loss": by_hearing_loss(predictions),
    }


def train_head(
    folder: Path,
    shards: dict[int, Path],
    settings: Settings,
    device: str,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Train on the shards and write the best epoch's weights and the record into `folder`.

    Args:
        folder: made if it is not there.
        shards: by song; the split of each is :func:`split_of`'s.
        settings: of the training.
        device: torch's name of it.
        report: called with a line of text after each epoch.

    Returns:
        The record: figures on songs held out, beside the paper's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    splits = {
        split: load_band_labels([path for song, path in shards.items() if split_of(song) == split])
        for split in SPLITS
    }
    train, valid = (Table.of(splits[split], device) for split in ("train", "valid"))
    model = build_model(settings.seed).to(device)
    record: dict[str, Any] = {
        "songs": len(shards),
        "labels": {split: len(labels.haaqi) for split, labels in splits.items()},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "batch": settings.batch,
        "seed": settings.seed,
        "device": torch.cuda.get_device_name() if device == "cuda" else processor(),
    }
    weights = folder / WEIGHTS
    best, started = float("inf"), time.monotonic()
    for epoch, training, validation in fit(model, train, valid, settings):
        spent = time.monotonic() - started
        report(
            f"epoch {epoch}: squared error {training:.5f}, valid {validation:.5f}, {spent:.0f} s"
        )
        record["epochs"] = epoch
        if validation < best:
            best = validation
            record |= {"best epoch": epoch, "valid mse": best}
            save_spectral(model, weights)
            write_json(folder / RECORD, record)
    kept = load_spectral(weights).to(device)
    record["seconds of training"] = round(time.monotonic() - started)
    record["test"] = judge(kept, splits["test"], device)
    record["published"] = list(PAPER)
    write_json(folder / RECORD, record)
    return record


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--labels",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder of the labels.  [default: FOLDER/labels]",
)
@click.option("--minutes", default=6.0, show_default=True, help="In all.")
@click.option(
    "--share", default=0.75, show_default=True, help="Share of the minutes for the labels."
)
@click.option("--workers", default=0, show_default=True, help="Processes; 0 for one per core.")
@click.option("--songs", default=4000, show_default=True, help="Maximum number of labelled songs.")
@click.option("--epochs", default=60, show_default=True, help="Maximum number of epochs.")
@click.option("--batch", default=64, show_default=True, help="Labels per step.")
@click.option(
    "--seed", default=0, show_default=True, help="Seed of the initial weights and of the order."
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda or auto.")
def main(
    folder: Path,
    labels: Path | None,
    minutes: float,
    share: float,
    workers: int,
    songs: int,
    epochs: int,
    batch: int,
    seed: int,
    device: str,
) -> None:
    """Make labels, train, and write weights and record into FOLDER, in the given minutes."""
    started = time.monotonic()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    # For the processes that are started: each has one core.
    os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

    def say(text: str) -> None:
        click.echo(f"{time.monotonic() - started:5.0f} s  {text}")

    def count(done: int, spent: float) -> None:
        if done % 8 == 0:
            say(f"{done} songs")

    shards = make_band_labels(
        labels or folder / "labels", songs, workers, 60 * minutes * share, count
    )
    say(f"labels of {len(shards)} songs")
    # What loading, the test and the writing take is left.
    left = 60 * minutes * 0.96 - (time.monotonic() - started)
    settings = Settings(max(20.0, left - 5), epochs, batch, seed=seed)
    record = train_head(folder, shards, settings, device, say)
    test = record["test"]
    say(
        f"{folder / WEIGHTS}: LCC {test['lcc']:.4f}, SRCC {test['srcc']:.4f}, "
        f"MSE {test['mse']:.4f} on {test['n']} labels of songs held out"
    )


if __name__ == "__main__":
    main()
