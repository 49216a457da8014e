"""Figures of HAAQI light."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from clarity.utils.audiogram import Audiogram

from bench.api import Predictor
from bench.hearing.audiograms import standard_audiograms
from bench.hearing.haaqi import HaaqiReference
from bench.plugins.front_ends import load_predictor
from bench.pretraining.predictors import evaluate, labels
from bench.pretraining.predictors.labels import RATE, Shard, shard_path
from tests.helpers.command_line import Bench


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


def test_evaluate_prints_the_figures(
    bench: Bench, tmp_path: Path, shard: Shard, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("test songs", "test listeners", "test degradations"):
        with shard_path(tmp_path, split, 0).open("wb") as file:
            np.savez(file, **vars(shard))
    arguments = ["evaluate", "--songs", "1", "--labels", str(tmp_path), "--format", "json"]
    plot = tmp_path / "calibration.png"
    assert bench("proxy", *arguments, "--plot", plot) == 0
    sections = json.loads(capsys.readouterr().out)
    rows = {row["set"]: row for row in sections["Predicted against true HAAQI"]}
    assert rows["all synthesised"]["n"] == 18
    assert rows["the paper's own: HAAQI-Net"]["lcc"] == 0.9368
    assert plot.stat().st_size > 1000
    assert bench("proxy", *arguments[:-2]) == 0
    assert "By hearing loss of the ear" in capsys.readouterr().out


def gains_to(stems: torch.Tensor, decibels: torch.Tensor) -> torch.Tensor:
    """Stems ``(4, n)`` changed and summed at a constant level: ``(1, n)``."""
    remix = (10 ** (decibels / 20) @ stems)[None]
    return 0.1 * remix / remix.square().mean().sqrt()


@pytest.mark.slow
@pytest.mark.parametrize(("song", "listener"), [(0, "N1"), (1, "N2"), (2, "S1")])
def test_following_the_proxy_raises_the_truth(song: int, listener: str) -> None:
    """Gradient steps on the gains of four stems, from wrong ones, by the proxy alone."""
    rng = np.random.default_rng(song)
    at_mic, _ = labels.at_microphones(f"ascent {song}", rng)
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
