"""Training of HAAQI light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.hearing.haaqi_light.model import FrameScorer, HaaqiLight, load_haaqi_light
from bench.plugins.front_ends import load_predictor
from bench.pretraining.predictors import evaluate, labels
from bench.pretraining.predictors.labels import Shard, shard_path
from bench.pretraining.predictors.train import Settings, Table, fit, predict, tabulate
from tests.helpers.command_line import Bench


def learnable(count: int, seed: int) -> Table:
    """Features whose formula is off by half a logit, one way or the other by the audiogram."""
    scorer = FrameScorer()
    generator = torch.Generator().manual_seed(seed)
    context = scorer.context[0].in_features - 8
    frames = scorer.body[0].in_channels - scorer.config["channels"]
    estimate = 0.1 + 0.8 * torch.rand(count, generator=generator)
    audiogram = 100 * torch.randint(0, 2, (count, 1), generator=generator).expand(-1, 8).float()
    truth = torch.sigmoid(torch.logit(estimate) + (audiogram[:, 0] / 100 - 0.5))
    return Table(
        frames=torch.randn(count, frames, 16, generator=generator).half(),
        summary=torch.randn(count, context, generator=generator).half(),
        estimate=estimate,
        audiogram=audiogram,
        haaqi=truth,
    )


def test_training_learns_and_keeps_the_best_epoch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = HaaqiLight(FrameScorer(channels=16, layers=2, heads=2))
    train, valid = learnable(256, 1), learnable(64, 2)
    train, valid = (
        Table(t.frames, t.summary, t.estimate, t.audiogram, t.haaqi) for t in (train, valid)
    )
    before = float((predict(model, valid) - valid.haaqi).square().mean())
    errors: list[float] = []
    out = tmp_path / "net.safetensors"
    best = fit(
        model, train, valid, Settings(6, 16, 3e-3), out, lambda _, __, error: errors.append(error)
    )
    assert best == min(errors)
    assert best < 0.3 * before
    kept = predict(load_haaqi_light(str(out)), valid)
    assert float((kept - valid.haaqi).square().mean()) == pytest.approx(best, rel=0.05)


def test_the_table_holds_what_the_model_would_say(shard: Shard) -> None:
    model = load_haaqi_light()
    table = tabulate(shard, model)
    direct = evaluate.predict_shard(load_predictor(), shard).predicted
    np.testing.assert_allclose(predict(model, table), direct, atol=2e-3)


@pytest.mark.slow
def test_train_writes_weights_that_load_and_are_the_same_again(
    bench: Bench, tmp_path: Path, shard: Shard, capsys: pytest.CaptureFixture[str]
) -> None:
    """On labels of one ear, repeated until they are a song's."""
    times = labels.LABELS_A_SONG // len(shard.haaqi)
    columns = {
        name: values if name == "reference" else np.concatenate([values] * times)
        for name, values in vars(shard).items()
    }
    for split, songs in (("train", 2), ("valid", 1)):
        for song in range(songs):
            with shard_path(tmp_path, split, song).open("wb") as file:
                np.savez(file, **columns)
    out = tmp_path / "net.safetensors"
    arguments = ["train", str(out), "--labels", str(tmp_path), "--songs", "2", "--valid-songs", "1"]
    weights = []
    for _ in range(2):
        assert bench("proxy", *arguments, "--epochs", "1") == 0
        assert "epoch 1: squared error" in capsys.readouterr().out
        weights.append(load_haaqi_light(str(out)).state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    bundled = load_haaqi_light().state_dict()
    assert any(not torch.equal(value, bundled[name]) for name, value in weights[0].items())
