"""HAAQI's last page: arrays and tensors agree with pyclarity, and no slope is infinite.

Golden values are pyclarity's own functions on the same segments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from clarity.evaluator.haspi import eb
from clarity.utils.audiogram import Audiogram
from torch import Tensor

from bench.hearing.haaqi import haaqi, index, parameters
from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi

SEGMENTS = 200


def segments(seed: int, *, quiet: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Levels of a reference and of a processed signal, dB SL; the first `quiet` are not heard."""
    generator = np.random.default_rng(seed)
    reference = generator.uniform(0, 60, (SEGMENTS, 32))
    reference[:quiet] /= 60
    processed = np.maximum(reference + 6 * generator.standard_normal((SEGMENTS, 32)), 0)
    return reference, processed


def tiles(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Normalised covariances, and mean squares of a reference of which some tiles are silent."""
    generator = np.random.default_rng(seed)
    power = generator.uniform(0, 40, (SEGMENTS, 32)) ** 2 / 2
    power[:, ::5] /= 1000
    power[::7] /= 1000
    return generator.uniform(0, 1, (SEGMENTS, 32)), power


def both(*arrays: np.ndarray) -> list[tuple[Any, ...]]:
    return [arrays, tuple(map(torch.from_numpy, arrays))]


def test_segments_that_are_heard_are_pyclaritys() -> None:
    levels = np.random.default_rng(1).uniform(0, 5, (SEGMENTS, 32))
    mean = 20 * np.log10(np.sum(10 ** (levels / 20), axis=1) / 32)
    expected = mean > 2.5  # melcor9 and ave_covary2
    assert 0.2 < expected.mean() < 0.9
    for (given,) in both(levels):
        assert index.heard(given).tolist() == expected.tolist()
    batch = torch.from_numpy(levels.T[None])
    assert index.heard(batch)[0].tolist() == expected.tolist()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_cepstral_correlation_is_pyclaritys(seed: int) -> None:
    reference, processed = segments(seed)
    _, _, expected, _ = eb.melcor9(reference.T, processed.T, 2.5, 0.0, 8)
    modulations: list[Callable[[Any], Any]] = [index.modulations, index.tensor_modulations]
    for (x, y), of in zip(both(reference, processed), modulations, strict=True):
        heard = index.heard(x)
        assert int(heard.sum()) == SEGMENTS - 20
        found = index.cepstral_correlation(of(x[heard]), of(y[heard]))
        assert float(found) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_covariance_by_synchrony_is_pyclaritys(seed: int) -> None:
    covariance, power = tiles(seed)
    # bm_covary, which goes before, doubles mean squares.
    _, expected = eb.ave_covary2(covariance.T, 2 * power.T, 2.5)
    for given in both(covariance, power):
        assert float(index.sync_covariance(*given)) == pytest.approx(expected[4], abs=1e-12)


@pytest.mark.parametrize("change", [0.0, 1.0, 10.0, 40.0])
def test_spectral_differences_are_pyclaritys(change: float) -> None:
    generator = np.random.default_rng(3)
    reference = generator.uniform(0, 60, 32)
    processed = np.maximum(reference + change * generator.standard_normal(32), 0)
    # The sums of haaqi_v1.
    loud, norm, _ = eb.spectrum_diff(reference, processed)
    expected = [np.clip(1 - loud[1] / 2.5, 0, 1), np.clip(1 - norm[1] / 25, 0, 1)]
    assert list(index.spectral_differences(reference, processed)) == pytest.approx(expected)
    found = index.tensor_spectral_differences(*both(reference, processed)[1])
    assert [value.item() for value in found] == pytest.approx(expected)


def test_equal_spectra_have_no_slope_and_others_the_true_one() -> None:
    level = torch.linspace(10, 60, 32, dtype=torch.float64, requires_grad=True)
    loud, norm = index.tensor_spectral_differences(level.detach(), level)
    (slope,) = torch.autograd.grad(loud + norm, level)
    assert (loud.item(), norm.item()) == (1, 1)
    assert slope.tolist() == [0] * 32
    other = torch.linspace(60, 10, 32, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda y: index.tensor_spectral_differences(other, y), (level,))


def test_tensors_of_the_nonlinear_part_have_the_true_slope() -> None:
    reference, processed = segments(4)
    x = index.tensor_modulations(torch.from_numpy(reference[20:32]))
    y = torch.from_numpy(processed[20:32]).requires_grad_()

    def correlation(y: Tensor) -> Tensor:
        return index.cepstral_correlation(x, index.tensor_modulations(y))

    assert torch.autograd.gradcheck(correlation, (y,))
    covariance, power = (torch.from_numpy(values[:9]) for values in tiles(4))
    covariance.requires_grad_()
    assert torch.autograd.gradcheck(lambda c: index.sync_covariance(c, power), (covariance,))


def test_silence_has_no_covariance_and_a_finite_slope() -> None:
    power = torch.tensor([4.0, 0.0], dtype=torch.float64, requires_grad=True)
    covariance = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    found = index.normalised_covariance(covariance, torch.ones_like(power), power)
    assert found.tolist() == [0.5, 0.0]
    found.sum().backward()
    assert covariance.grad is not None
    assert power.grad is not None
    assert covariance.grad.tolist() == [0.5, 0.0]
    assert power.grad.tolist() == [-0.0625, 0.0]
    flat = torch.zeros(4, 5, 100, dtype=torch.float64, requires_grad=True)
    correlation = index.cepstral_correlation(torch.ones_like(flat), flat)
    correlation.backward()
    assert correlation.item() == 0
    assert flat.grad is not None
    assert torch.count_nonzero(flat.grad) == 0


@pytest.mark.parametrize("heard", [0, 1])
def test_one_segment_or_none_has_no_synchrony(heard: int) -> None:
    power = np.zeros((5, 32))
    power[:heard] = 100.0
    for given in both(np.full((5, 32), 0.5), power):
        assert float(index.sync_covariance(*given)) == 0
    power[:2] = 100.0
    for given in both(np.full((5, 32), 0.5), power):
        assert float(index.sync_covariance(*given)) == pytest.approx(0.5)


def test_a_reference_below_threshold_has_the_exact_score() -> None:
    """No segment of it is heard, so that there are no modulations to compare."""
    generator = np.random.default_rng(5)
    reference = 0.002 * generator.standard_normal(12_000)  # 11 dB SPL
    processed = reference + 0.002 * generator.standard_normal(12_000)
    levels = np.full(6, 80.0)
    frequencies = np.array(parameters.AUDIOGRAM_FREQUENCIES)
    expected = haaqi(reference, processed, Audiogram(levels, frequencies), 24_000)
    model = DifferentiableHaaqi(torch.from_numpy(reference[None]), levels[None], 24_000)
    leaf = torch.from_numpy(processed[None]).requires_grad_()
    score = model.score(leaf)
    score.sum().backward()
    assert score.item() == pytest.approx(expected, abs=1e-5)
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
