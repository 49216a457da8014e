"""The loss haaqi: what it compares at each place, against pyclarity, and its borders."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier

import numpy as np
import pytest
import soxr
import torch
from clarity.enhancer.nalr import NALR
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram
from torch import Tensor

from bench.api import AUDIOGRAM_FREQUENCIES, SAMPLE_RATE, LossInput
from bench.builtin.losses.haaqi import HaaqiLoss
from bench.errors import BenchError

LOSS = np.array([[20.0, 20, 25, 35, 40, 45, 50, 60], [35, 35, 40, 50, 55, 60, 65, 70]])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tones(*shape: int, seed: int = 0) -> Tensor:
    """Harmonic tones with tremolo over noise, ``(*shape, samples)`` of 0.25 s."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(0.25 * SAMPLE_RATE)) / SAMPLE_RATE
    out = 1e-3 * rng.standard_normal((*shape, time.size))
    for signal in out.reshape(-1, time.size):
        for harmonic in range(1, 10):
            pitch = harmonic * rng.uniform(110, 440)
            tremolo = 1 + 0.8 * np.sin(2 * np.pi * rng.uniform(4, 30) * time)
            signal += 0.05 / harmonic * tremolo * np.sin(2 * np.pi * pitch * time)
    return torch.from_numpy(out).float()


def calibration(remix: Tensor) -> Tensor:
    return 65 - 20 * torch.log10(remix.square().mean(-1).sqrt())


def batch(estimate: Tensor, reference: Tensor, level1: Tensor, place: str) -> LossInput:
    audiograms = torch.from_numpy(LOSS).float().expand(len(estimate), 2, 8)
    return LossInput(estimate, reference, audiograms, level1, SAMPLE_RATE, place)


def official(estimate: Tensor, reference: Tensor, level1: Tensor, *, amplify: bool) -> float:
    """pyclarity's HAAQI, mean of both ears ``(2, samples)``, as the official scorer calls it."""
    scores = []
    for ear in range(2):
        audiogram = Audiogram(levels=LOSS[ear], frequencies=np.array(AUDIOGRAM_FREQUENCIES))
        signals = [x[ear].double().numpy() for x in (estimate, reference)]
        if amplify:
            enhancer = NALR(220, SAMPLE_RATE)
            fir, _ = enhancer.build(audiogram)
            signals = [enhancer.apply(fir, x) for x in signals]
        processed, clean = (soxr.resample(x, SAMPLE_RATE, 24_000) for x in signals)
        scores.append(
            compute_haaqi(processed, clean, 24_000, 24_000, audiogram, 2, float(level1[ear]))
        )
    return float(np.mean(scores))


@pytest.mark.parametrize("place", ["output", "remix"])
def test_is_one_minus_the_official_mean(place: str) -> None:
    reference = tones(1, 2)
    estimate = reference + 0.3 * tones(1, 2, seed=7)
    level1 = calibration(reference)
    value = HaaqiLoss()(batch(estimate, reference, level1, place))
    expected = official(estimate[0], reference[0], level1[0], amplify=place == "remix")
    assert float(value) == pytest.approx(1 - expected, abs=1e-4)


def test_averages_items_ears_and_stems() -> None:
    reference = tones(2, 2, 2)
    estimate = reference + 0.2 * tones(2, 2, 2, seed=7)
    level1 = calibration(reference.sum(1))
    whole = HaaqiLoss()(batch(estimate, reference, level1, "stems"))
    parts = [
        HaaqiLoss()(batch(estimate[i, None, s], reference[i, None, s], level1[i, None], "remix"))
        for i in range(2)
        for s in range(2)
    ]
    assert float(whole) == pytest.approx(float(torch.stack(parts).mean()), abs=1e-6)


@pytest.mark.parametrize("place", ["output", "remix"])
def test_the_reference_is_the_best_estimate(place: str) -> None:
    reference = tones(1, 2)
    level1 = calibration(reference)
    best = float(HaaqiLoss()(batch(reference, reference, level1, place)))
    # Not 0.001: alignment for dispersion costs a short excerpt some of its start.
    assert best < 0.03
    smoother = torch.nn.functional.avg_pool1d(reference, 3, stride=1, padding=1)
    for worse in (1.4 * reference, smoother, reference + 0.1 * tones(1, 2, seed=7)):
        assert float(HaaqiLoss()(batch(worse, reference, level1, place))) > best + 0.001


def test_the_gradient_is_downhill() -> None:
    reference = tones(1, 2)
    estimate = (reference + 0.3 * tones(1, 2, seed=7)).requires_grad_()
    level1 = calibration(reference)
    before = HaaqiLoss()(batch(estimate, reference, level1, "output"))
    (gradient,) = torch.autograd.grad(before, estimate)
    assert torch.isfinite(gradient).all()
    assert (gradient.abs().amax(-1) > 0).all()
    step = 0.02 * gradient / gradient.norm()
    after = HaaqiLoss()(batch(estimate.detach() - step, reference, level1, "output"))
    predicted = float((gradient * step).sum())
    assert float(before.detach() - after) == pytest.approx(predicted, rel=0.2)


def test_silent_estimates_have_a_finite_value_and_no_gradient() -> None:
    reference = tones(1, 2)
    estimate = torch.zeros_like(reference, requires_grad=True)
    value = HaaqiLoss()(batch(estimate, reference, calibration(reference), "output"))
    (gradient,) = torch.autograd.grad(value, estimate)
    assert 0.8 < float(value.detach()) <= 1
    assert not gradient.any()


def test_silent_references_are_left_out() -> None:
    reference = tones(1, 4, 2)
    level1 = calibration(reference.sum(1))
    reference[:, 1] = 0
    estimate = (reference + 0.2 * tones(1, 4, 2, seed=7)).requires_grad_()
    value = HaaqiLoss()(batch(estimate, reference, level1, "stems"))
    (gradient,) = torch.autograd.grad(value, estimate)
    assert not gradient[:, 1].any()
    kept = [0, 2, 3]
    alone = HaaqiLoss()(batch(estimate.detach()[:, kept], reference[:, kept], level1, "stems"))
    assert float(value.detach()) == pytest.approx(float(alone), abs=1e-6)


def test_is_zero_where_every_reference_is_silent() -> None:
    reference = torch.zeros(1, 2, 8000)
    estimate = (0.1 * tones(1, 2)[..., :8000]).requires_grad_()
    infinite = torch.full((1, 2), float("inf"))
    value = HaaqiLoss()(batch(estimate, reference, infinite, "output"))
    (gradient,) = torch.autograd.grad(value, estimate)
    assert float(value.detach()) == 0
    assert not gradient.any()


def test_a_diverged_estimate_is_an_error() -> None:
    reference = tones(1, 2)
    estimate = reference.clone()
    estimate[0, 1, 100] = float("nan")
    with pytest.raises(BenchError, match="NaN"):
        HaaqiLoss()(batch(estimate, reference, calibration(reference), "output"))


def test_ears_side_by_side_have_the_scores_of_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = tones(2, 2)
    reference[1, 0] = 0.0  # an ear without a score
    found = []
    for at_once in (1, 3):
        # Its own operations on one thread, as their sums would differ in the last bit.
        monkeypatch.setattr(torch, "get_num_threads", lambda count=at_once: count)
        estimate = (0.7 * reference + 0.01 * tones(2, 2, seed=1)).requires_grad_()
        loss = HaaqiLoss()(batch(estimate, reference, calibration(tones(2, 2)), "output"))
        loss.backward()
        assert estimate.grad is not None
        found.append((loss.detach(), estimate.grad))
        with torch.no_grad():
            value = HaaqiLoss()(batch(estimate, reference, calibration(tones(2, 2)), "output"))
        assert not value.requires_grad
        assert torch.equal(value, loss.detach())
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


def test_ears_are_scored_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other to have begun, so that one after the other would never end."""
    begun = Barrier(2, timeout=30)

    class Model:
        def __init__(self, *given: object) -> None:
            begun.wait()

        def score(self, processed: Tensor) -> Tensor:
            return processed.mean(-1)

    monkeypatch.setattr("bench.builtin.losses.haaqi.DifferentiableHaaqi", Model)
    torch.set_num_threads(2)
    signal = tones(1, 2)
    assert float(HaaqiLoss()(batch(signal, signal, calibration(signal), "output"))) > 0.9
