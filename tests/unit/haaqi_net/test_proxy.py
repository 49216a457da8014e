"""Labels, training and figures of the light HAAQI-Net."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram
from click.testing import CliRunner

from bench.api import Predictor
from bench.cli.proxy import command
from bench.errors import BenchError
from bench.hearing.audiograms import standard_audiograms
from bench.hearing.haaqi import HaaqiReference
from bench.hearing.haaqi_net.light import FrameScorer, LightHaaqiNet, load_light
from bench.plugins.front_ends import load_predictor
from bench.pretraining.haaqi_net import audiograms as listeners
from bench.pretraining.haaqi_net import degradations, evaluate, labels
from bench.pretraining.haaqi_net.labels import RATE, Shard, load_shard, make_shard, shard_path
from bench.pretraining.haaqi_net.train import Settings, Table, fit, predict, tabulate


@pytest.fixture(scope="module")
def shard() -> Shard:
    """Six labels of one ear."""
    return make_shard("test degradations", 0, limit=1)


def material(seed: int = 0) -> degradations.Material:
    rng = np.random.default_rng(seed)
    stems = 0.1 * rng.standard_normal((4, 2, 20_000))
    return degradations.Material(stems, stems.sum(0), np.array([1.0, 0.5, 2.0, 1.0]), 44_100)


@pytest.mark.parametrize("kind", [*degradations.SEEN, *degradations.UNSEEN])
def test_every_degradation_gives_a_remix_that_its_seed_decides(kind: str) -> None:
    first, again, other = (
        degradations.degrade(kind, material(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (2, 20_000)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    if kind != "clean":
        assert not np.array_equal(first, other)


def test_what_is_kept_for_testing_is_never_trained_on() -> None:
    rng = np.random.default_rng(0)
    trained = {degradations.draw_degradation(rng) for _ in range(500)}
    tested = {degradations.draw_degradation(rng, unseen=True) for _ in range(100)}
    assert trained == set(degradations.SEEN)
    assert tested == set(degradations.UNSEEN)
    assert not trained & tested
    assert not set(listeners.SEEN) & set(listeners.UNSEEN)


@pytest.mark.parametrize("unseen", [False, True])
def test_audiograms_are_plausible(unseen: bool) -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([listeners.draw_audiogram(rng, unseen) for _ in range(300)])
    assert drawn.shape == (300, 8)
    assert (drawn >= -10).all()
    assert (drawn <= 110).all()
    assert (drawn % 5 == 0).all()
    assert len(np.unique(drawn, axis=0)) > 280
    # From about normal to severe.
    average = drawn[:, [1, 2, 3, 5]].mean(-1)
    assert average.min() < 20
    assert average.max() > (45 if unseen else 80)


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
    model = LightHaaqiNet(FrameScorer(channels=16, layers=2, heads=2))
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
    kept = predict(load_light(str(out)), valid)
    assert float((kept - valid.haaqi).square().mean()) == pytest.approx(best, rel=0.05)


def test_the_table_holds_what_the_model_would_say(shard: Shard) -> None:
    model = load_light()
    table = tabulate(shard, model)
    direct = evaluate.predict_shard(load_predictor(), shard).predicted
    np.testing.assert_allclose(predict(model, table), direct, atol=2e-3)


def test_figures_are_those_of_their_definitions() -> None:
    truth, predicted = np.array([0.1, 0.4, 0.5, 0.9]), np.array([0.2, 0.3, 0.6, 0.9])
    row = evaluate.figures(evaluate.Predictions(truth, predicted, np.zeros(4), np.array(["a"] * 4)))
    assert row["n"] == 4
    # By hand: covariance 0.09375 - over both deviations; ranks are the same.
    deviation = np.sqrt(((truth - 0.475) ** 2).sum() * ((predicted - 0.5) ** 2).sum())
    assert row["lcc"] == pytest.approx(((truth - 0.475) * (predicted - 0.5)).sum() / deviation)
    assert row["srcc"] == pytest.approx(1.0)
    assert row["mse"] == pytest.approx(0.0075)
    assert row["bias"] == pytest.approx(0.025)


def test_predictions_are_sorted_into_groups() -> None:
    predictions = evaluate.Predictions(
        truth=np.array([0.1, 0.2, 0.3, 0.4]),
        predicted=np.array([0.15, 0.25, 0.35, 1.0]),
        average=np.array([19.9, 20.0, 79.0, 95.0]),
        kind=np.array(["noise", "codec", "noise", "noise"]),
    )
    grades = evaluate.by_hearing_loss(predictions)
    assert [row["hearing loss"].split(",")[0] for row in grades] == [
        "normal", "mild", "severe", "profound",
    ]  # fmt: skip
    assert [(r["degradation"], r["n"]) for r in evaluate.by_degradation(predictions)] == [
        ("codec", 1), ("noise", 3),
    ]  # fmt: skip
    last = evaluate.calibration(predictions)[-1]
    assert last["predicted"] == "0.9 to 1.0"
    assert last["mean truth"] == pytest.approx(0.4)


def test_train_writes_weights_that_load_and_are_the_same_again(
    tmp_path: Path, shard: Shard
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
        result = CliRunner().invoke(command, [*arguments, "--epochs", "1"])
        assert result.exit_code == 0, result.output
        assert "epoch 1: squared error" in result.stdout
        weights.append(load_light(str(out)).state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    bundled = load_light().state_dict()
    assert any(not torch.equal(value, bundled[name]) for name, value in weights[0].items())


def test_evaluate_prints_the_figures(tmp_path: Path, shard: Shard) -> None:
    for split in ("test songs", "test listeners", "test degradations"):
        with shard_path(tmp_path, split, 0).open("wb") as file:
            np.savez(file, **vars(shard))
    arguments = ["evaluate", "--songs", "1", "--labels", str(tmp_path), "--format", "json"]
    plot = tmp_path / "calibration.png"
    result = CliRunner().invoke(command, [*arguments, "--plot", str(plot)])
    assert result.exit_code == 0, result.output
    sections = json.loads(result.stdout)
    rows = {row["set"]: row for row in sections["Predicted against true HAAQI"]}
    assert rows["all synthesised"]["n"] == 18
    assert rows["the paper's own: HAAQI-Net"]["lcc"] == 0.9368
    assert plot.stat().st_size > 1000
    text = CliRunner().invoke(command, arguments[:-2]).stdout
    assert "By hearing loss of the ear" in text


def gains_to(stems: torch.Tensor, decibels: torch.Tensor) -> torch.Tensor:
    """Stems ``(4, n)`` changed and summed at a constant level: ``(1, n)``."""
    remix = (10 ** (decibels / 20) @ stems)[None]
    return 0.1 * remix / remix.square().mean().sqrt()


@pytest.mark.slow
@pytest.mark.parametrize(("song", "listener"), [(0, "N1"), (1, "N2"), (2, "S1")])
def test_following_the_proxy_raises_the_truth(song: int, listener: str) -> None:
    """Gradient steps on the gains of four stems, from wrong ones, by the proxy alone."""
    rng = np.random.default_rng(song)
    at_mic, _ = labels._at_microphones(f"ascent {song}", rng)
    stems = torch.from_numpy(at_mic[:, 0, 44_100 : 44_100 * 5]).float()
    levels = standard_audiograms()[listener]
    level1, audiogram = torch.tensor([85.0]), torch.tensor([levels])
    exact = HaaqiReference(
        gains_to(stems, torch.zeros(4))[0].double().numpy(),
        Audiogram(levels=np.array(levels)),
        44_100,
        85.0,
    )
    predictor: Predictor = load_predictor()
    gains = torch.tensor(rng.choice([-9.0, -6.0, 6.0, 9.0], 4), dtype=torch.float32)
    gains.requires_grad_()
    optimiser = torch.optim.Adam([gains], 1.0)

    def truth() -> float:
        return exact.score(gains_to(stems, gains.detach())[0].double().numpy())

    before = truth()
    for _ in range(25):
        score = predictor.score(
            gains_to(stems, gains),
            audiogram,
            level1,
            44_100,
            gains_to(stems, torch.zeros(4)),
        )
        optimiser.zero_grad()
        (-score.sum()).backward()
        optimiser.step()
    assert before < 0.9
    assert truth() > before + 0.5 * (0.999 - before)


@pytest.mark.slow
def test_samples_free_to_move_do_not_fool_the_proxy(shard: Shard) -> None:
    """Gradient steps on every sample: what the proxy gains, the truth must gain in good part."""
    predictor = load_predictor()
    worst = int(np.argmin(shard.haaqi))
    reference = shard.reference[shard.group[worst]].astype(float)
    exact = HaaqiReference(
        reference, Audiogram(levels=shard.audiogram[worst]), RATE, float(shard.level1[worst])
    )
    clean = torch.from_numpy(reference[None]).float()
    signal = torch.from_numpy(shard.processed[worst][None]).float().requires_grad_()
    audiogram = torch.from_numpy(shard.audiogram[worst][None]).float()
    level1 = torch.tensor([shard.level1[worst]]).float()
    optimiser = torch.optim.Adam([signal], 2e-3)
    proxy: list[float] = []
    before = exact.score(signal[0].detach().double().numpy())
    for _ in range(30):
        score = predictor.score(signal, audiogram, level1, RATE, clean).sum()
        proxy.append(score.item())
        optimiser.zero_grad()
        (-score).backward()
        optimiser.step()
    gained = exact.score(signal[0].detach().double().numpy()) - before
    assert proxy[-1] > proxy[0] + 0.1
    assert gained > 0.2 * (proxy[-1] - proxy[0])
