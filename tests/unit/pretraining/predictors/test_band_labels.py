"""Labels for the head that hears the processed signal alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.hearing.haaqi_net.spectral import SpectralFrontEnd
from bench.pretraining.predictors import band_labels
from bench.pretraining.predictors.band_labels import (
    LEAST,
    BandLabels,
    load_band_labels,
    make_band_labels,
    make_song_labels,
    split_of,
    to_bands,
)
from bench.pretraining.predictors.labels import Shard


def fake(song: int) -> BandLabels:
    bands = np.full((2, 8, 128), song, dtype=np.float16)
    return BandLabels(bands, np.zeros((2, 8)), np.full(2, song / 100), np.array(["noise", "clean"]))


def test_bands_are_of_the_processed_signal_at_its_level(shard: Shard) -> None:
    bands = to_bands(shard, SpectralFrontEnd()).bands.astype(float)
    power = 10 * np.log10((10 ** (bands / 10) - 1).sum(-1).mean(-1))
    signal = shard.processed.astype(float)
    level = 10 * np.log10(np.mean(signal**2, axis=-1)) + shard.level1
    # Less what lies above 8 kHz, and the bass that a window of 25 ms smears below 20 Hz.
    assert np.all((level - power > 0) & (level - power < 2))
    np.testing.assert_allclose(np.diff(power), np.diff(level), atol=0.1)


def test_labels_are_the_same_wherever_they_are_made() -> None:
    one, same = (make_song_labels(3, limit=1) for _ in range(2))
    np.testing.assert_array_equal(one.bands, same.bands)
    np.testing.assert_array_equal(one.haaqi, same.haaqi)
    assert one.bands.shape == (6, 401, 128)
    assert np.isfinite(one.bands).all()
    assert ((one.haaqi >= 0) & (one.haaqi <= 1)).all()
    assert one.haaqi.std() > 0


def test_shards_are_kept_and_made_for_as_long_as_the_time_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def make(song: int) -> BandLabels:
        made.append(song)
        return fake(song)

    monkeypatch.setattr(band_labels, "make_song_labels", make)
    monkeypatch.setattr(band_labels, "_compile", lambda: None)
    first = make_band_labels(tmp_path, 20, 1, seconds=0.0)
    assert list(first) == made == list(range(LEAST))
    assert {split_of(song) for song in first} == {"train", "valid", "test"}
    every = make_band_labels(tmp_path, 20, 1, seconds=60.0)
    assert list(every) == made == list(range(20))
    assert make_band_labels(tmp_path, 20, 1, seconds=0.0) == every
    labels = load_band_labels(list(every.values()))
    np.testing.assert_array_equal(labels.haaqi, np.repeat(np.arange(20) / 100, 2))
    torch.testing.assert_close(
        torch.from_numpy(labels.bands[:, 0, 0]).float()[::2], torch.arange(20.0)
    )
