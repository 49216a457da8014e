"""The alignment of output and reference beside pyclarity's."""

from __future__ import annotations

import numpy as np
from clarity.evaluator.haspi import eb
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.hearing.haaqi.exact import alignment


@given(
    samples=st.integers(400, 4000),
    delay=st.integers(-500, 500),
    tone=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=50, deadline=None)
def test_the_bulk_alignment(samples: int, delay: int, tone: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = np.sin(np.arange(samples) / 9) if tone else rng.standard_normal(samples)
    reference[: samples // 9] *= 1e-4
    processed = -0.3 * np.roll(reference, delay) + 0.01 * rng.standard_normal(samples)
    expected = eb.input_align(reference, processed)
    moved = alignment.shifted(processed, alignment.BulkAligner(reference).delay(processed))
    start, stop = alignment.audible_span(reference)
    assert np.array_equal(reference[start:stop], expected[0])
    assert np.array_equal(moved[start:stop], expected[1])
