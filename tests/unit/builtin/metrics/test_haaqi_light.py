"""The proxy as a metric."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from clarity.utils.audiogram import Audiogram, Listener
from torch import Tensor

from bench.builtin.metrics.haaqi_light import HaaqiLightMetric

RATE = 32_000


def music(seed: int) -> Tensor:
    """Two ears of noise in bursts, float64, RMS about 0.1."""
    generator = torch.Generator().manual_seed(seed)
    bursts = (torch.rand(2, 20, generator=generator) ** 2).repeat_interleave(RATE // 10, -1)
    return 0.2 * bursts.double() * torch.randn(2, 2 * RATE, generator=generator).double()


def rendering(output: Tensor, reference: Tensor) -> SimpleNamespace:
    ear = Audiogram(levels=np.full(8, 20.0))
    return SimpleNamespace(
        listener=Listener(ear, ear, "L1"),
        remix_reference=reference,
        output=output,
        output_reference=reference,
        output_rate=RATE,
        sample_rate=RATE,
    )


def test_each_ear_is_scored_by_itself() -> None:
    clean = music(0)
    output = torch.stack([clean[0], music(1)[1]])
    scores = HaaqiLightMetric().score(rendering(output, clean))
    assert scores["left"] > 0.95
    assert scores["right"] < 0.4
    assert scores["mean"] == pytest.approx((scores["left"] + scores["right"]) / 2)


def test_the_level_is_that_of_the_reference_before_the_prescription() -> None:
    clean = music(0)
    output = clean.clamp(-0.1, 0.1)
    score = HaaqiLightMetric().score
    quiet = rendering(output / 8, clean / 8)
    assert score(quiet)["mean"] == pytest.approx(score(rendering(output, clean))["mean"], abs=2e-3)


def test_an_ear_is_calibrated_as_the_recipe_calibrates_haaqi() -> None:
    """``level1 = 65 - 20 log10(rms)`` of each ear's reference before the prescription."""
    found = []

    def score(output: Tensor, audiograms: Tensor, level1: Tensor, *others: object) -> float:
        found.append(float(level1))
        return 0.5

    metric = HaaqiLightMetric()
    metric.predictor = SimpleNamespace(score=score)  # type: ignore[assignment]
    clean = music(0)
    clean[1] /= 4
    metric.score(rendering(clean, clean))
    rms = np.sqrt(np.mean(np.square(clean.numpy()), axis=1))
    assert found == pytest.approx(65 - 20 * np.log10(rms), abs=1e-4)


def test_a_silent_reference_has_no_score() -> None:
    clean = music(0)
    clean[1] = 0
    with pytest.raises(ValueError, match="silent"):
        HaaqiLightMetric().score(rendering(clean, clean))
