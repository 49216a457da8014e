"""The recipe's threshold noise is numpy's, number by number."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import BenchError
from bench.hearing.haaqi.exact import noise as noises
from bench.hearing.haaqi.exact.noise import RecipeNoise
from bench.hearing.haaqi.parameters import CHANNELS
from bench.hearing.simd.vector import LANES

RandomState = np.random.RandomState


def fresh() -> RandomState:
    return RandomState(65_127_330)


def amid_a_word_of_four() -> RandomState:
    generator = RandomState(3)
    generator.randint(0, 2**31)
    return generator


def with_one_held_back() -> RandomState:
    generator = RandomState(3)
    generator.standard_normal(7)
    return generator


GENERATORS = [fresh, amid_a_word_of_four, with_one_held_back]
FIRST = np.array([0, 3, 7, 10, 400, 1, 1200, 4])


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("samples", [384, 3001])
def test_every_channel_is_numpys(generator: object, samples: int) -> None:
    expected = generator().standard_normal((2, CHANNELS, samples))  # type: ignore[operator]
    noise = RecipeNoise(generator(), samples)  # type: ignore[operator]
    rows = 3500
    for number in range(2):
        for group in range(CHANNELS // LANES):
            drawn = noise.group(number, group, FIRST, 4096)
            drawn.draw(1000)
            drawn.draw(rows)
            for lane, first in enumerate(FIRST):
                wanted = np.zeros(rows)
                kept = max(samples - first, 0)
                wanted[first : first + kept] = expected[number, group * LANES + lane, :kept]
                found = drawn.table[:rows, lane]
                np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7)


def test_a_long_signal_goes_round_the_table() -> None:
    samples, rows = 5000, 2048
    expected = fresh().standard_normal((CHANNELS, samples))
    drawn = RecipeNoise(fresh(), samples).group(0, 1, np.zeros(LANES, int), rows)
    for stop in (rows, 2 * rows, samples):
        drawn.draw(stop)
        last = np.arange(max(stop - rows, 0), stop)
        found = drawn.table[last % rows].T
        np.testing.assert_allclose(found, expected[LANES : 2 * LANES, last], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("segments", [0, 1, 2, 301])
def test_the_generator_is_left_where_pyclarity_leaves_it(generator: object, segments: int) -> None:
    ours, theirs = generator(), generator()  # type: ignore[operator]
    RecipeNoise(ours, 777).finish(ours, segments)
    theirs.standard_normal((2, CHANNELS, 777))
    if segments > 1:  # below that melcor9 draws nothing
        theirs.standard_normal((2, CHANNELS, segments))
    assert np.array_equal(ours.standard_normal(9), theirs.standard_normal(9))
    assert ours.randint(0, 2**31) == theirs.randint(0, 2**31)


def test_another_kind_of_generator_is_refused() -> None:
    with pytest.raises(BenchError, match="legacy generator"):
        RecipeNoise(RandomState(np.random.PCG64(1)), 400)


def test_noise_is_known_by_where_it_starts() -> None:
    noise = RecipeNoise(fresh(), 400)
    assert noise.starts_as(fresh())
    other = fresh()
    other.standard_normal()
    assert not noise.starts_as(other)
    assert noises.PART < 4096
