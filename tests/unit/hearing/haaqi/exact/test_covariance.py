"""The covariance kernel beside pyclarity's ``bm_covary`` of the same hair cells."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from clarity.evaluator.haspi import eb

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.exact.covariance import scratch, tiles
from bench.hearing.haaqi.exact.haircells import BLOCK, HOP, haircell_coefficients, smoothed
from bench.hearing.simd.vector import LANES, aligned
from tests.helpers.haircells import GROUP, LEVEL1, LOSS, PAD, Floats, channels, hair_cells_of

SAMPLES = 12 * BLOCK + 100
TILES = parameters.segments(SAMPLES, parameters.COVARIANCE_WINDOW)
HOPS = parameters.segments(SAMPLES, parameters.ENVELOPE_WINDOW)
BLOCKS = max(TILES, -(-HOPS * HOP // BLOCK))
ROWS = haircell_coefficients(parameters.cochlea(LOSS), LEVEL1)[GROUP]
FIRST = np.zeros(LANES, dtype=np.int64)

Signals = tuple[tuple[Floats, Floats], tuple[Floats, Floats]]
"""Envelope and motion of a reference and of a processed signal."""


@dataclass
class Side:
    """One signal's channels, as the kernel wants them."""

    channels: tuple[Floats, Floats]
    state: Floats = field(default_factory=lambda: np.zeros((2, LANES)))
    smooth: Floats = field(default_factory=lambda: np.zeros((2, HOPS, LANES)))

    def arguments(self) -> tuple[object, ...]:
        padded = tuple(aligned(SAMPLES + 2 * PAD + BLOCK) for _ in self.channels)
        for rows, channel in zip(padded, self.channels, strict=True):
            rows[PAD : PAD + SAMPLES] = channel.T
        shifts = np.full((2, LANES), PAD)
        return padded, shifts, ROWS, self.state, np.zeros(1024), 0, self.smooth


def covariances(
    reference: Side, processed: Side, *, motion: Floats | None = None, step: int = BLOCKS
) -> Floats:
    """Powers and covariance ``(3, tiles, 8)``; `motion` is the reference's where it is known."""
    x = aligned(2 * BLOCK, np.float32) if motion is None else motion
    fresh = motion is None or not motion.any()
    out = np.zeros((3, TILES, LANES))
    sides = reference.arguments(), processed.arguments()
    heard, room = aligned(2 * BLOCK), scratch()
    for start in range(0, BLOCKS, step):
        blocks = start, min(start + step, BLOCKS)
        tiles(blocks, FIRST, *sides, 0.0, x, fresh, heard, room, out)
    return out


@pytest.fixture(scope="module")
def signals() -> Signals:
    """A reference, and the same with noise and a delay of its own in each channel."""
    envelope, motion = channels(SAMPLES, seed=1)
    other, noise = channels(SAMPLES, seed=9)
    late = np.stack([np.roll(row, 4 * k - 10) for k, row in enumerate(motion)])
    return (envelope, motion), (0.8 * envelope + 0.2 * other, 0.6 * late + 0.3 * noise)


@pytest.fixture(scope="module")
def found(signals: Signals) -> Floats:
    reference, processed = signals
    return covariances(Side(reference), Side(processed))


def test_powers_and_covariances(signals: Signals, found: Floats) -> None:
    motions = [hair_cells_of(*one)[1] for one in signals]
    normalised, *powers = eb.bm_covary(*motions, 16, 24_000)
    assert normalised.shape == (LANES, TILES)
    for ours, doubled in zip(found, powers, strict=False):
        # bm_covary doubles the powers; ours of the reference are of float32.
        np.testing.assert_allclose(2 * ours.T, doubled, rtol=1e-5, atol=1e-7 * doubled.max())
    audible = np.sqrt(powers[0]) > parameters.SILENCE_THRESHOLD
    assert 0.3 < audible.mean() < 1
    assert audible[:, 0].any()
    assert audible[:, -1].any()
    ratio = found[2].T / np.sqrt(found[0].T * found[1].T)
    assert np.ptp(normalised[audible]) > 0.5
    np.testing.assert_allclose(np.minimum(ratio, 1)[audible], normalised[audible], atol=1e-5)


def test_tiles_that_have_no_weight_are_not_computed(found: Floats) -> None:
    # Where all eight channels are below the threshold; its square is halved, as powers are.
    silent = (found[0] <= parameters.SILENCE_THRESHOLD**2 / 2).all(axis=1)
    assert (found[2][~silent] > 0).any(axis=1).all()
    quiet, motion = channels(SAMPLES, seed=1)
    nothing = covariances(Side((1e-6 * quiet, 1e-6 * motion)), Side((quiet, motion)))
    assert not nothing[2].any()
    assert nothing[1].any()


def test_equal_signals_covary_fully(
    signals: Signals,
) -> None:
    reference, _ = signals
    powers, others, covariance = covariances(Side(reference), Side(reference))
    np.testing.assert_allclose(powers, others, rtol=1e-5, atol=1e-7 * powers.max())
    audible = 2 * powers > parameters.SILENCE_THRESHOLD**2
    assert (covariance / powers)[audible].min() > 1 - 1e-5


@pytest.mark.parametrize("step", [1, 2, 5])
def test_ranges_of_blocks_give_what_all_at_once_give(
    signals: Signals, found: Floats, step: int
) -> None:
    reference, processed = signals
    sides = Side(reference), Side(processed)
    np.testing.assert_array_equal(covariances(*sides, step=step), found)


def test_the_references_motion_may_be_kept(signals: Signals, found: Floats) -> None:
    reference, processed = signals
    motion = aligned(BLOCKS * BLOCK, np.float32)
    once = covariances(Side(reference), Side(processed), motion=motion)
    np.testing.assert_array_equal(once, found)
    assert motion.any()
    # The reference's channels are not looked at again.
    nothing = Side((np.zeros((LANES, SAMPLES)), np.zeros((LANES, SAMPLES))))
    again = covariances(nothing, Side(processed), motion=motion)
    np.testing.assert_array_equal(again, found)


def test_envelopes_are_smoothed_on_the_way(
    signals: Signals,
) -> None:
    sides = [Side(one) for one in signals]
    covariances(*sides)
    for side in sides:
        level, _ = hair_cells_of(*side.channels)
        expected = eb.env_smooth(level, 8, 24_000)
        np.testing.assert_allclose(smoothed(side.smooth).T, expected, rtol=0, atol=1e-9)
