"""The parameters of a cochlea beside pyclarity's."""

from __future__ import annotations

import numpy as np
import pytest
from clarity.evaluator.haspi import eb
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.hearing.haaqi import parameters

CENTRES = eb.center_frequency(32)


def test_centre_frequencies() -> None:
    assert np.array_equal(parameters.centre_frequencies(), CENTRES)


@given(st.lists(st.floats(-10, 120), min_size=6, max_size=6))
@settings(max_examples=50, deadline=None)
def test_the_cochlea(levels: list[float]) -> None:
    expected = eb.loss_parameters(np.array(levels), CENTRES)
    ear = parameters.cochlea(levels)
    found = (ear.ohc_attenuation, ear.bandwidth, ear.knee, ear.ratio, ear.ihc_attenuation)
    # Not one bit may differ in the bandwidths: see gammatone_polynomials.
    assert np.array_equal(found[1], expected[1])
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-14, abs=1e-14)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_group_delays(seed: int) -> None:
    bandwidth = np.random.default_rng(seed).uniform(1, 4, 32)
    delayed = eb.group_delay_compensate(np.ones((32, 900)), bandwidth, CENTRES, 24_000.0)
    assert np.array_equal((delayed == 0).sum(axis=1), parameters.group_delays(bandwidth))


def test_the_adaptation() -> None:
    envelope = 40 * np.abs(np.sin(np.arange(3000) / 70))
    expected, _ = eb.inner_hair_cell_adaptation(envelope, envelope, 2.0, 24_000.0)
    b1, a11, a12, b2, a21, a22 = parameters.adaptation()
    v1 = v2 = 0.0
    for v0, target in zip(envelope, expected, strict=True):
        v1, v2 = b1 * v0 + a11 * v1 + a12 * v2, b2 * v0 + a21 * v1 + a22 * v2
        assert max(2 * (v0 - v1), 0) == pytest.approx(target, abs=1e-11)
