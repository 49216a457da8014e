"""Degradations of training material."""

from __future__ import annotations

import numpy as np
import pytest

from bench.pretraining.predictors import audiograms as listeners
from bench.pretraining.predictors import degradations


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
