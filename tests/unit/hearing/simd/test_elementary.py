"""Elementary functions of vectors beside numpy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from bench.hearing.simd import elementary
from bench.hearing.simd.vector import LANES, aligned, load, store

Floats = NDArray[np.float64]


def applied(function: Any, values: Floats) -> Floats:
    @njit
    def every(source, target):  # type: ignore[no-untyped-def]
        for i in range(source.shape[0]):
            store(target, i * LANES, function(load(source, i * LANES)))

    source = aligned(-(-values.size // LANES))
    source.ravel()[: values.size] = values
    source.ravel()[values.size :] = 1
    target = aligned(source.shape[0])
    every(source, target)
    return np.array(target.ravel()[: values.size])


def test_elementary_functions() -> None:
    wide = np.exp(np.linspace(-600, 600, 4001))
    assert applied(elementary.sqrt, wide[:3000]) == pytest.approx(np.sqrt(wide[:3000]), rel=2e-16)
    assert applied(elementary.reciprocal, wide) == pytest.approx(1 / wide, rel=5e-16)
    assert applied(elementary.log2, wide) == pytest.approx(np.log2(wide), rel=1e-15, abs=1e-14)
    exponents = np.linspace(-900, 900, 7001)
    assert applied(elementary.exp2, exponents) == pytest.approx(np.exp2(exponents), rel=3e-14)
    near_one = 1 + np.linspace(-1e-6, 1e-6, 101)
    assert applied(elementary.log2, near_one) == pytest.approx(np.log2(near_one), rel=1e-9)


def test_elementary_functions_of_zero() -> None:
    zero = np.zeros(8)
    assert applied(elementary.sqrt, zero).tolist() == [0] * 8
    assert applied(elementary.log2, zero).tolist() == [-1023] * 8
