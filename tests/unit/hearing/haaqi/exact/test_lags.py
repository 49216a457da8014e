"""Lags beside a correlation in double precision."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import correlate

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.exact import lags
from bench.hearing.simd.vector import LANES, aligned

Floats = NDArray[np.float64]


def padded(rng: np.random.Generator, samples: int, pad: int, smooth: int) -> Floats:
    array = aligned(samples + 2 * pad)
    noise = rng.standard_normal((samples + smooth, LANES))
    sums = np.cumsum(noise, axis=0)
    array[pad : pad + samples] = (sums[smooth:] - sums[:-smooth]) / smooth
    return array


@given(
    samples=st.sampled_from([384, 2399, 2400, 2401, 5000, 30_000]),
    smooth=st.sampled_from([1, 8, 300]),
    offset=st.sampled_from([0.0, 1.0, 100.0]),
    delay=st.integers(-2600, 2600),
    period=st.sampled_from([0, 24, 101]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_lags_are_those_of_a_correlation_in_float64(
    samples: int, smooth: int, offset: float, delay: int, period: int, seed: int
) -> None:
    """From noise to flat envelopes and tones, for which thousands of lags are nearly as good."""
    rng = np.random.default_rng(seed)
    pad = parameters.MAX_LAG + lags.SLACK
    inside = slice(pad, pad + samples)
    arrays = [padded(rng, samples, pad, smooth) for _ in range(4)]
    tone = np.sin(2 * np.pi * np.arange(samples) / period)[:, None] if period else 0.0
    for array in arrays:
        array[inside] += offset + tone
    for reference, processed in zip(arrays[:2], arrays[2:], strict=True):
        processed[inside] += 0.5 * np.roll(reference[inside], delay, axis=0)
    window = lags.Window(0, samples, pad, tuple(arrays[:2]), tuple(arrays[2:]))
    found = lags.LagSearch().lags(lambda: [window], samples)
    for part in range(2):
        for k in range(LANES):
            x, y = arrays[part][inside, k], arrays[2 + part][inside, k]
            widest = min(parameters.MAX_LAG, samples)
            full = correlate(x, y, "full", method="fft")[samples - widest : samples + widest]
            best, chosen = full.max(), full[widest - 1 - found[part, k]]
            # Equal, or as good as the transform of the peer can tell.
            assert chosen >= best - 1e-13 * np.linalg.norm(x) * np.linalg.norm(y)
