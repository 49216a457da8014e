"""HAAQI light beside the exact HAAQI and pyclarity's: one ear, 5 s, one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest
import torch
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram

from bench.hearing.haaqi import haaqi
from bench.plugins.front_ends import load_predictor

pytestmark = [pytest.mark.benchmark(group="HAAQI of one ear, 5 s"), pytest.mark.timeout(600)]

RATE = 24_000
LEVELS = np.array([20.0, 20, 25, 35, 40, 45, 50, 50])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def signals() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    clean = 0.1 * rng.standard_normal(5 * RATE) * (1 + np.sin(np.arange(5 * RATE) / 900))
    return clean, np.clip(clean, -0.15, 0.15)


def pyclarity() -> float:
    clean, heard = signals()
    return float(compute_haaqi(heard, clean, RATE, RATE, Audiogram(levels=LEVELS), 2, 85.0))


def exact() -> float:
    clean, heard = signals()
    return haaqi(clean, heard, Audiogram(levels=LEVELS), RATE, 85.0)


def proxy(backward: bool) -> float:
    clean, heard = (torch.from_numpy(x[None]).float() for x in signals())
    audiogram, level1 = torch.from_numpy(LEVELS[None]).float(), torch.tensor([85.0])
    heard.requires_grad_(backward)
    score = predictor().score(heard, audiogram, level1, RATE, clean).sum()
    if backward:
        score.backward()
    return score.item()


predictor = cache(load_predictor)
JOBS: dict[str, Callable[[], float]] = {
    "pyclarity": pyclarity,
    "exact": exact,
    "proxy, forward": lambda: proxy(False),
    "proxy, forward and backward": lambda: proxy(True),
}


@pytest.mark.parametrize("job", JOBS)
def test_seconds(benchmark: Callable[[Callable[[], float]], float], job: str) -> None:
    score = benchmark(JOBS[job])
    assert 0.3 < score < 0.999
