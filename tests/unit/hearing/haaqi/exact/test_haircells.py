"""The inner hair cells' kernel beside pyclarity's functions, one after another."""

from __future__ import annotations

import numpy as np
import pytest
from clarity.evaluator.haspi import eb
from numpy.typing import NDArray

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.exact.haircells import (
    BLOCK,
    HOP,
    hair_cells,
    haircell_coefficients,
    smoothed,
)
from bench.hearing.simd.vector import LANES, aligned
from tests.helpers.haircells import GROUP, LEVEL1, LOSS, PAD, Floats, channels, hair_cells_of

SAMPLES = 10 * BLOCK
HOPS = parameters.segments(SAMPLES, parameters.ENVELOPE_WINDOW)


def run(
    source: tuple[Floats, Floats],
    first: NDArray[np.int64],
    *,
    lag: int = 0,
    noise: Floats | None = None,
    noise_start: int = 0,
    gain: float = 0.0,
) -> tuple[Floats, Floats]:
    """Motion ``(8, samples)`` and smoothed envelope ``(8, hops)`` of the kernel."""
    padded = tuple(aligned(SAMPLES + 2 * PAD) for _ in source)
    for rows, channel in zip(padded, source, strict=True):
        rows[PAD : PAD + SAMPLES] = channel.T
    shifts = np.stack([PAD - first, PAD - first + lag])
    rows = haircell_coefficients(parameters.cochlea(LOSS), LEVEL1)[GROUP]
    state, out = np.zeros((2, LANES)), aligned(SAMPLES)
    smooth = np.zeros((2, HOPS, LANES))
    noise = np.zeros(1024) if noise is None else noise
    for start in range(0, SAMPLES, BLOCK):
        hair_cells(
            padded, shifts, first, start, rows, state, noise, noise_start, gain, out, start, smooth
        )
    return out.T, smoothed(smooth).T


@pytest.fixture(scope="module")
def source() -> tuple[Floats, Floats]:
    return channels(SAMPLES, seed=1)


def test_levels_are_above_the_threshold_of_the_synapse() -> None:
    cochlea = parameters.cochlea(LOSS)
    *_, attenuation = eb.loss_parameters(LOSS, eb.center_frequency(32))
    rows = haircell_coefficients(cochlea, LEVEL1)
    np.testing.assert_allclose(rows.ravel(), LEVEL1 - attenuation, rtol=1e-12)


def test_decibels_adaptation_motion_and_smoothing(source: tuple[Floats, Floats]) -> None:
    level, motion = hair_cells_of(*source)
    assert (level == 0).mean() > 0.05  # some of it is not heard
    found_motion, found_level = run(source, np.zeros(LANES, dtype=np.int64))
    np.testing.assert_allclose(found_level, eb.env_smooth(level, 8, 24_000), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found_motion, motion, rtol=0, atol=1e-9 * np.abs(motion).max())


def test_channels_are_delayed(source: tuple[Floats, Floats]) -> None:
    first = np.array([0, 3, 17, 192, 193, 250, 400, 1])
    delayed = [
        np.stack([np.concatenate([np.zeros(d), x[: SAMPLES - d]]) for x, d in zip(rows, first)])  # noqa: B905
        for rows in hair_cells_of(*source)
    ]
    motion, level = run(source, first)
    np.testing.assert_allclose(level, eb.env_smooth(delayed[0], 8, 24_000), rtol=0, atol=1e-9)
    peak = np.abs(delayed[1]).max()
    np.testing.assert_allclose(motion, delayed[1], rtol=0, atol=1e-9 * peak)


def test_envelope_and_motion_are_aligned_apart(source: tuple[Floats, Floats]) -> None:
    """The motion may be read at another lag than the envelope, as it has one of its own."""
    envelope, motion = source
    early = np.roll(motion, -5, axis=1)
    early[:, -5:] = 0.0  # what lies behind the end is silence
    expected = run((envelope, early), np.zeros(LANES, dtype=np.int64))
    found = run(source, np.zeros(LANES, dtype=np.int64), lag=5)
    for ours, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_noise_is_added_where_a_channel_has_begun(source: tuple[Floats, Floats]) -> None:
    first = np.array([0, 3, 17, 192, 193, 250, 400, 1])
    table = np.random.default_rng(2).standard_normal(1024)
    start, gain = 48, 0.25
    quiet, _ = run(source, first)
    noisy, _ = run(source, first, noise=table, noise_start=start, gain=gain)
    # The table is read round and round, eight numbers a sample, whether or not they count.
    expected = gain * np.resize(np.roll(table, -start), (SAMPLES, LANES)).T
    expected[np.arange(SAMPLES) < first[:, None]] = 0.0
    np.testing.assert_allclose(noisy - quiet, expected, rtol=0, atol=1e-12 * np.abs(noisy).max())


def test_segments_are_half_a_window_apart() -> None:
    assert (HOP, BLOCK) == (96, 192)
    assert eb.env_smooth(np.zeros((1, SAMPLES)), 8, 24_000).shape == (1, HOPS)
