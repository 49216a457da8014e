"""What climbs HAAQI-Net's gradient pleases HAAQI-Net and not HAAQI: the seed paper's finding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from clarity.utils.audiogram import Audiogram

from bench.hearing.haaqi import HaaqiReference
from bench.plugins.front_ends import load_predictor
from bench.pretraining.predictors.labels import RATE, Shard


@pytest.mark.slow
def test_steps_along_its_gradient_raise_the_prediction_and_not_the_truth(shard: Shard) -> None:
    net, rows = load_predictor("spectral"), slice(0, 2)
    audiogram = torch.from_numpy(shard.audiogram[rows]).float()
    level1 = torch.from_numpy(shard.level1[rows]).float()
    signal = torch.from_numpy(shard.processed[rows]).float().requires_grad_()

    def truth() -> float:
        reference = HaaqiReference(
            shard.reference[0].astype(float),
            Audiogram(levels=shard.audiogram[0]),
            RATE,
            float(shard.level1[0]),
            equalisation=2,
        )
        return float(np.mean([reference.score(row.double().numpy()) for row in signal.detach()]))

    optimiser = torch.optim.Adam([signal], 2e-3)
    predicted, true = [], [truth()]
    for _ in range(20):
        score = net.score(signal, audiogram, level1, RATE).mean()
        predicted.append(float(score.detach()))
        optimiser.zero_grad()
        torch.autograd.backward(-score)
        optimiser.step()
    true.append(truth())
    assert predicted[-1] - predicted[0] > 0.05
    assert true[1] - true[0] < 0.2 * (predicted[-1] - predicted[0])
