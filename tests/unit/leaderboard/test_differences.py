"""All paired differences at once are those of two systems alone."""

from __future__ import annotations

import numpy as np
import pytest

from bench.leaderboard.clusters import Crossing
from bench.leaderboard.differences import differences_of_all
from bench.leaderboard.statistics import interval_of

LEVEL = 0.99


@pytest.mark.parametrize(
    ("songs", "listeners"), [(8, 12), (20, 3), (8, 3), (2, 12)], ids=["both", "many", "few", "none"]
)
@pytest.mark.parametrize("holes", [False, True], ids=["whole", "with holes"])
def test_each_is_the_interval_of_its_two_systems(songs: int, listeners: int, holes: bool) -> None:
    rng = np.random.default_rng(songs)
    song, listener = (part.ravel() for part in np.mgrid[:songs, :listeners])
    crossing = Crossing(song, listener)
    quality = np.linspace(0.0, 0.3, 6)
    common = rng.standard_normal(songs)[song] + rng.standard_normal(listeners)[listener]
    values = quality + common[:, None] + 0.1 * rng.standard_normal((len(song), 6))
    if holes:
        values[:listeners, 2] = np.nan
        values[-3:, 4:] = np.nan
    found = {
        (one, two): (low, high)
        for one, two, low, high in differences_of_all(values, crossing, level=LEVEL)
    }
    told = 0
    for one in range(6):
        for two in range(one + 1, 6):
            sign = 1 if (one, two) in found else -1
            difference = sign * (values[:, one] - values[:, two])
            both = ~np.isnan(difference)
            alone = interval_of(difference[both], crossing.where(both), level=LEVEL)
            key = (one, two) if sign == 1 else (two, one)
            if key not in found:
                assert np.isnan(alone.low)
                continue
            low, high = found[key]
            outside = low > 0 or high < 0
            told += outside
            assert outside == (alone.low > 0 or alone.high < 0)
            if outside or songs < 13:
                assert (low, high) == pytest.approx((alone.low, alone.high), rel=1e-12, abs=1e-14)
    assert bool(told) == (songs > 2)
