"""The exact HAAQI beside pyclarity's, each on one thread, in one run.

``extra_info`` holds the ratio of pyclarity's time to ours. Compilation is done before the clock.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram

from bench.hearing.haaqi import HaaqiReference, haaqi

pytestmark = pytest.mark.benchmark

RATE = 24_000
LEVEL1 = 80.0
AUDIOGRAM = Audiogram(np.array([20.0, 20, 30, 40, 45, 50, 60, 60]))
SECONDS = (5, 10, 20, 60)


def signals(seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """A harmonic tone that beats, and the same clipped with noise."""
    rng = np.random.default_rng(0)
    t = np.arange(seconds * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * 110 * h * t) / h for h in range(1, 40))
    reference = 0.05 * (1 + np.sin(2 * np.pi * 3 * t)) * tones
    processed = np.clip(1.4 * reference, -0.1, 0.1) + 1e-3 * rng.standard_normal(t.size)
    return reference, processed


@lru_cache
def by_pyclarity(seconds: int) -> tuple[float, float]:
    """Score, and seconds that it took."""
    reference, processed = signals(seconds)
    started = time.perf_counter()
    score = compute_haaqi(processed, reference, RATE, RATE, AUDIOGRAM, 2, LEVEL1)
    return float(score), time.perf_counter() - started


def ratio(benchmark: Any, seconds: int, score: float) -> None:
    theirs, spent = by_pyclarity(seconds)
    assert score == pytest.approx(theirs, abs=1e-4)
    benchmark.extra_info["times as fast as pyclarity"] = spent / benchmark.stats.stats.median


@pytest.mark.parametrize("seconds", SECONDS)
def test_a_pair(benchmark: Any, seconds: int) -> None:
    reference, processed = signals(seconds)
    haaqi(reference, processed, AUDIOGRAM, RATE, LEVEL1)
    score = benchmark.pedantic(
        haaqi, (reference, processed, AUDIOGRAM, RATE, LEVEL1), rounds=3, warmup_rounds=1
    )
    ratio(benchmark, seconds, score)


@pytest.mark.parametrize("seconds", SECONDS)
def test_with_the_reference_kept(benchmark: Any, seconds: int) -> None:
    reference, processed = signals(seconds)
    prepared = HaaqiReference(reference, AUDIOGRAM, RATE, LEVEL1)
    score = benchmark.pedantic(prepared.score, (processed,), rounds=3, warmup_rounds=1)
    ratio(benchmark, seconds, score)


@pytest.mark.parametrize("kept", [False, True])
def test_the_recipes_noise(benchmark: Any, kept: bool) -> None:
    """Beside the fixed table of noise, in one run."""
    reference, processed = signals(10)
    prepared = HaaqiReference(reference, AUDIOGRAM, RATE, LEVEL1)
    exact = HaaqiReference(reference, AUDIOGRAM, RATE, LEVEL1)

    def score(recipe: bool) -> float:
        draws = np.random.RandomState(1) if recipe else None
        if kept:
            return (exact if recipe else prepared).evaluate(processed, draws=draws).score
        return haaqi(reference, processed, AUDIOGRAM, RATE, LEVEL1, draws=draws)

    times = []
    for recipe in (False, True) * 3:
        started = time.perf_counter()
        score(recipe)
        times.append(time.perf_counter() - started)
    benchmark.extra_info["times as long as the table"] = min(times[1::2]) / min(times[::2])
    assert benchmark.pedantic(score, (True,), rounds=1) == pytest.approx(score(False), abs=1e-4)


def score_ears(count: int) -> float:
    """Score `count` ears in this process."""
    reference, processed = signals(10)
    return sum(haaqi(reference, processed, AUDIOGRAM, RATE, LEVEL1) for _ in range(count))


def test_two_processes(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight ears in two processes, beside the same in one; a thread each."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(score_ears, [1, 1]))
        started = time.perf_counter()
        pool.submit(score_ears, 8).result()
        alone = time.perf_counter() - started
        total = benchmark.pedantic(lambda: sum(pool.map(score_ears, [4, 4])), rounds=3)
    assert total == pytest.approx(score_ears(8), abs=1e-9)
    benchmark.extra_info["times as fast as one process"] = alone / benchmark.stats.stats.median
