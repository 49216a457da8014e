"""Parts of the exact HAAQI beside the parts of pyclarity that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clarity.evaluator.haspi import eb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray
from scipy.signal import correlate

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.exact import alignment, lags
from bench.hearing.haaqi.exact import gammatone as filterbank
from bench.hearing.haaqi.exact.resampling import to_model_rate
from bench.hearing.simd import elementary
from bench.hearing.simd.vector import LANES, aligned, load, store

Floats = NDArray[np.float64]

CENTRES = eb.center_frequency(32)


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


@pytest.mark.parametrize("channel", [0, 7, 20, 31])
def test_the_filter_banks_and_the_compression(channel: int) -> None:
    signal = 0.1 * np.random.default_rng(channel).standard_normal(9600)
    ear = parameters.cochlea([20, 30, 40, 50, 60, 70])
    bandwidth = 1.1 * ear.bandwidth
    wide = parameters.control_bandwidth()
    centre = CENTRES[channel]
    control, _, envelope, motion = eb.gammatone_basilar_membrane(
        signal, wide[channel], signal, bandwidth[channel], 24_000.0, centre
    )
    loss = ear.ohc_attenuation[channel], ear.knee[channel], ear.ratio[channel]
    expected = eb.env_compress_basilar_membrane(envelope, motion, control, *loss, 24_000.0, 65.0)
    rows = filterbank.cochlea_coefficients(ear, bandwidth, 65.0)
    group, lane = divmod(channel, LANES)
    found = aligned(signal.size), aligned(signal.size)
    state = filterbank.initial_state()
    for start, stop in ((0, 5000), (5000, 9600)):
        filterbank.cochlea_block(signal, start, stop, rows[group], state, *found, start)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours[:, lane] == pytest.approx(theirs, abs=1e-12 * np.abs(theirs).max())


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


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])
def test_resampling(rate: int) -> None:
    signal = np.random.default_rng(rate).standard_normal(rate // 10)
    expected, _ = eb.resample_24khz(signal, rate)
    assert to_model_rate(signal, rate) == pytest.approx(expected, abs=1e-12)


def test_silence_is_resampled_to_silence() -> None:
    assert np.array_equal(to_model_rate(np.zeros(4410), 44_100), np.zeros(2406))
    assert to_model_rate(np.zeros(4410), 44_100).size == to_model_rate(np.ones(4410), 44_100).size
