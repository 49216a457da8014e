"""Training of HAAQI-Net's head on the spectral front end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.hearing.haaqi_net.spectral import load_spectral
from bench.pretraining.predictors.band_labels import BandLabels, shard_path
from bench.pretraining.predictors.train_head import RECORD, WEIGHTS, Settings, train_head


def learnable(song: int) -> BandLabels:
    """The more treble, the better."""
    rng = np.random.default_rng(song)
    treble = rng.uniform(0, 60, 24)
    bands = np.full((24, 24, 128), 40.0) + rng.normal(0, 2, (24, 24, 128))
    bands[:, :, 64:] = treble[:, None, None]
    return BandLabels(
        bands.astype(np.float16),
        np.full((24, 8), 30.0),
        0.2 + treble / 100,
        np.array(["noise", "clean"] * 12),
    )


@pytest.mark.slow
def test_the_head_learns_and_its_figures_are_of_songs_held_out(tmp_path: Path) -> None:
    shards = {}
    for song in range(8):
        shards[song] = shard_path(tmp_path, song)
        np.savez(shards[song], **vars(learnable(song)))
    lines: list[str] = []
    settings = Settings(seconds=60.0, epochs=12, batch=16)
    record = train_head(tmp_path / "out", shards, settings, "cpu", lines.append)
    assert record["labels"] == {"test": 24, "valid": 24, "train": 144}
    assert record["test"]["lcc"] > 0.9
    assert record["test"]["mse"] < 0.4 * record["test"]["mse of a constant"]
    assert len(lines) == record["epochs"] == 12
    assert json.loads((tmp_path / "out" / RECORD).read_text()) == record
    kept = load_spectral(tmp_path / "out" / WEIGHTS)
    held_out = learnable(0)
    scores = kept.band_scores(
        torch.from_numpy(held_out.bands).float(), torch.from_numpy(held_out.audiogram).float()
    ).mean(-1)
    error = float(np.mean((scores.numpy() - held_out.haaqi) ** 2))
    assert error == pytest.approx(record["test"]["mse"], rel=0.05)


def test_the_training_ends_with_its_time(tmp_path: Path) -> None:
    shards = {}
    for song in range(4):
        shards[song] = shard_path(tmp_path, song)
        np.savez(shards[song], **vars(learnable(song)))
    settings = Settings(seconds=0.5, epochs=10_000, batch=4)
    record = train_head(tmp_path / "out", shards, settings, "cpu", lambda line: None)
    assert record["epochs"] < 500
    assert (tmp_path / "out" / WEIGHTS).is_file()
