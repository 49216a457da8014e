"""The differentiable HAAQI beside pyclarity's score, which has no gradient, in one run.

The ratios are read from the table; every benchmark checks what it computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram
from torch import Tensor

from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi
from bench.hearing.haaqi.parameters import AUDIOGRAM_FREQUENCIES, SAMPLE_RATE

pytestmark = pytest.mark.benchmark

LEVELS = [20.0, 20.0, 25.0, 35.0, 45.0, 50.0]
LEVEL1 = 85.0


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def signals(seconds: float) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2, round(seconds * SAMPLE_RATE)))
    time = np.arange(noise.shape[1]) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * 110 * h * time) / h for h in range(1, 30))
    reference = 0.05 * (1 + np.sin(2 * np.pi * 5 * time)) * tones + 0.001 * noise[0]
    processed = reference + 0.02 * noise[1]
    return torch.tensor(reference).float()[None], torch.tensor(processed).float()[None]


def by_pyclarity(reference: Tensor, processed: Tensor) -> float:
    audiogram = Audiogram(np.array(LEVELS), np.array(AUDIOGRAM_FREQUENCIES))
    x, y = (signal[0].double().numpy() for signal in (reference, processed))
    return float(compute_haaqi(y, x, SAMPLE_RATE, SAMPLE_RATE, audiogram, 2, LEVEL1))


def prepare(reference: Tensor) -> DifferentiableHaaqi:
    return DifferentiableHaaqi(reference, [LEVELS], SAMPLE_RATE, LEVEL1)


def value_and_gradient(prepared: DifferentiableHaaqi, processed: Tensor) -> tuple[float, Tensor]:
    leaf = processed.clone().requires_grad_()
    score = prepared.score(leaf)
    score.sum().backward()
    assert leaf.grad is not None
    return float(score.detach()), leaf.grad


@pytest.mark.parametrize("seconds", [5, 10])
@pytest.mark.parametrize("who", ["pyclarity-value", "bench-pair", "bench-reference-kept"])
def test_value_and_gradient_of_an_ear(benchmark: Any, who: str, seconds: int) -> None:
    benchmark.group = f"HAAQI of an ear, {seconds} s"
    reference, processed = signals(seconds)
    expected = by_pyclarity(*signals(1))
    prepared = prepare(signals(1)[0])
    value, gradient = value_and_gradient(prepared, signals(1)[1])  # compiles
    assert value == pytest.approx(expected, abs=1e-4)
    assert gradient.any()
    if who == "pyclarity-value":
        benchmark.pedantic(by_pyclarity, (reference, processed), rounds=2)
    elif who == "bench-pair":
        benchmark(lambda: value_and_gradient(prepare(reference), processed))
    else:
        prepared = prepare(reference)
        benchmark(value_and_gradient, prepared, processed)
