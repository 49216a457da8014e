"""Labels, training and figures of HAAQI light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram

from bench.errors import BenchError
from bench.pretraining.predictors import degradations, labels
from bench.pretraining.predictors.labels import RATE, Shard, load_shard, make_shard, shard_path


def test_a_label_is_drawn_from_its_name(shard: Shard) -> None:
    again = make_shard("test degradations", 0, limit=1)
    for name, value in vars(shard).items():
        np.testing.assert_array_equal(value, vars(again)[name], err_msg=name)
    assert set(shard.kind) <= set(degradations.UNSEEN)


def test_a_label_is_haaqi_of_what_is_kept(shard: Shard) -> None:
    np.random.seed(0)  # noqa: NPY002  pyclarity draws from the legacy generator
    truth = compute_haaqi(
        shard.processed[0].astype(float),
        shard.reference[0].astype(float),
        RATE,
        RATE,
        Audiogram(levels=shard.audiogram[0]),
        2,
        shard.level1[0],
    )
    # The kept signals are in half precision.
    assert shard.haaqi[0] == pytest.approx(truth, abs=2e-3)


def test_labels_are_kept_and_resumed(
    tmp_path: Path, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def fake(split: str, song: int) -> Shard:
        made.append(song)
        if song == 2 and made.count(2) == 1:
            raise KeyboardInterrupt
        return shard

    monkeypatch.setattr(labels, "make_shard", fake)
    with pytest.raises(KeyboardInterrupt):
        list(labels.make_labels(tmp_path, "valid", 4))
    assert made == [0, 1, 2]
    paths = list(labels.make_labels(tmp_path, "valid", 4))
    assert made == [0, 1, 2, 2, 3]
    assert sorted(paths) == [shard_path(tmp_path, "valid", song) for song in range(4)]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    np.testing.assert_array_equal(load_shard(paths[0]).haaqi, shard.haaqi)
    with pytest.raises(BenchError, match="no split"):
        list(labels.make_labels(tmp_path, "eval", 1))
