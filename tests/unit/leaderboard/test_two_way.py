"""Intervals over songs and listeners: against the formulas worked by hand, and by brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.leaderboard.clusters import Crossing, by_cell, by_song
from bench.leaderboard.flips import flip_p
from bench.leaderboard.intervals import over_songs, over_songs_and_listeners
from bench.leaderboard.simulation import crossed, excerpts, independent, official_eval
from bench.leaderboard.statistics import (
    PAIR,
    Spread,
    clustered_mean,
    compare,
    compared_with_none,
    interval_of,
    over_units,
    p_of,
    rank_ranges,
    song_median,
)


def scores(values: np.ndarray, crossing: Crossing) -> pd.Series:
    """Values as scores of a board; each is a scene of its own."""
    assert crossing.listener is not None
    pairs = zip(crossing.song, crossing.listener, strict=True)
    index = [(f"song {s}", f"scene {i}", f"L{h}") for i, (s, h) in enumerate(pairs)]
    return pd.Series(values, pd.MultiIndex.from_tuples(index, names=PAIR))


def drawn(crossing: Crossing, song: float, listener: float, rest: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    assert crossing.listener is not None
    values = song * rng.standard_normal(crossing.song.max() + 1)[crossing.song]
    values += listener * rng.standard_normal(crossing.listener.max() + 1)[crossing.listener]
    return values + rest * rng.standard_normal(len(values))


def mean_squares(table: np.ndarray) -> tuple[float, float, float]:
    """The textbook's two-way analysis of variance: mean squares of rows, columns and the rest."""
    rows, columns = table.shape
    a, b = table.mean(axis=1), table.mean(axis=0)
    rest = table - a[:, None] - b + table.mean()
    of_rows = columns * a.var(ddof=1)
    of_columns = rows * b.var(ddof=1)
    return of_rows, of_columns, (rest**2).sum() / ((rows - 1) * (columns - 1))


@pytest.mark.parametrize(("songs", "listeners"), [(5, 7), (12, 20), (50, 8)])
def test_where_all_hear_all_it_is_the_analysis_of_variance(songs: int, listeners: int) -> None:
    crossing = crossed(songs, listeners)
    values = drawn(crossing, 0.05, 0.04, 0.03, seed=songs)
    table = values.reshape(songs, listeners)
    of_songs, of_listeners, rest = mean_squares(table)
    assert min(of_songs, of_listeners) > rest  # nothing is below 0, so that nothing is cut
    found = over_songs_and_listeners(by_cell(values, crossing))
    components = ((of_songs - rest) / listeners, (of_listeners - rest) / songs, rest)
    assert found.components == pytest.approx(components, rel=1e-9)
    variance = (of_songs + of_listeners - rest) / (songs * listeners)
    assert found.variance == pytest.approx(variance, rel=1e-9)
    parts = np.array([of_songs, of_listeners, rest]) / (songs * listeners)
    degrees = np.array([songs - 1, listeners - 1, (songs - 1) * (listeners - 1)])
    freedom = variance**2 / (parts**2 / degrees).sum()
    assert found.freedom == pytest.approx(freedom, rel=1e-9)
    reach = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    interval = interval_of(values, crossing)
    expected = (values.mean() - reach, values.mean() + reach)
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-9)
    assert found.p() == pytest.approx(
        2 * stats.t.sf(abs(values.mean()) / np.sqrt(variance), freedom), rel=1e-9
    )
    assert interval.two_way


def cameron_gelbach_miller(values: np.ndarray, crossing: Crossing) -> float:
    """V_song + V_listener - V_both of a mean, as the paper has it: all pairs that share either."""
    assert crossing.listener is not None
    off = values - values.mean()
    same_song = crossing.song[:, None] == crossing.song
    same_listener = crossing.listener[:, None] == crossing.listener
    return float(off @ (same_song | same_listener) @ off) / len(off) ** 2


def test_on_many_songs_and_listeners_it_is_cameron_gelbach_and_millers() -> None:
    """Its correction is for few clusters, and is halved where there are twice as many."""
    gaps = []
    for size in (30, 60, 120):
        crossing = excerpts(size, size, 5 * size, 3, seed=3)
        values = drawn(crossing, 0.035, 0.02, 0.02, size)
        found = over_songs_and_listeners(by_cell(values, crossing)).variance
        gaps.append(found / cameron_gelbach_miller(values, crossing) - 1)
    assert gaps[0] > 0.0
    assert np.divide(gaps[1:], gaps[:-1]) == pytest.approx([0.5, 0.5], abs=0.1)


def test_the_correction_is_exact_under_the_working_model() -> None:
    """By brute force: on an unbalanced design the mean of V is the variance of the mean."""
    crossing = excerpts(7, 8, 20, 3, seed=5, spread=0.4)
    song, listener, rest = 0.05, 0.04, 0.03
    assert crossing.listener is not None
    boards = [drawn(crossing, song, listener, rest, seed) for seed in range(4000)]
    estimates = [over_songs_and_listeners(by_cell(b, crossing)).variance for b in boards]
    shares = [np.bincount(c) / len(crossing.song) for c in (crossing.song, crossing.listener)]
    truth = song**2 * (shares[0] ** 2).sum() + listener**2 * (shares[1] ** 2).sum()
    truth += rest**2 / len(crossing.song)
    assert np.var([b.mean() for b in boards]) == pytest.approx(truth, rel=0.08)
    # Components below 0 are cut, which can only raise it.
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert truth - 3 * error < np.mean(estimates) < 1.1 * truth
    uncorrected = np.mean([cameron_gelbach_miller(b, crossing) for b in boards[:100]])
    assert uncorrected < 0.85 * truth


def test_over_songs_alone_unequal_sizes_are_corrected_too() -> None:
    sizes = np.array([1, 2, 3, 9, 4, 12])
    song = np.repeat(np.arange(6), sizes)
    crossing = Crossing(song, np.arange(len(song)))
    rng = np.random.default_rng(2)
    found = []
    for _ in range(6000):
        values = 0.05 * rng.standard_normal(6)[song] + 0.02 * rng.standard_normal(len(song))
        found.append(over_songs(by_song(values, crossing)).variance)
    share = sizes / sizes.sum()
    truth = 0.05**2 * (share**2).sum() + 0.02**2 / sizes.sum()
    assert np.mean(found) == pytest.approx(truth, rel=0.05)
    assert over_songs(by_song(values, crossing)).freedom == pytest.approx(1 / (share**2).sum() - 1)


def test_no_variance_is_below_zero() -> None:
    """Listeners that cancel within each song make V_song less than chance does, V_listener more."""
    table = np.tile([1.0, -1.0, 2.0, -2.0, 3.0, -3.0], (8, 1))
    table[::2] *= -1.0
    crossing = crossed(8, 6)
    found = over_songs_and_listeners(by_cell(table.ravel(), crossing))
    assert found.variance > 0.0
    assert min(found.components) == 0.0
    flat = over_songs_and_listeners(by_cell(np.full(48, 0.25), crossing))
    assert flat.variance == pytest.approx(0.0, abs=1e-30)


def test_p_is_the_largest_of_both_flips_and_students_t() -> None:
    crossing = crossed(10, 9)
    values = drawn(crossing, 0.03, 0.03, 0.02, seed=4) + 0.03
    table = values.reshape(10, 9)
    flips = []
    for sums in (table.sum(axis=1), table.sum(axis=0)):
        signs = np.array(list(product((-1, 1), repeat=len(sums))))
        reached = np.abs(signs @ sums) >= abs(sums.sum()) - 1e-12
        flips.append(reached.mean())
    estimate = over_songs_and_listeners(by_cell(values, crossing))
    assert p_of(values, crossing) == pytest.approx(max(*flips, estimate.p()), rel=1e-12)
    assert estimate.p() > max(flips)  # each flip alone sees its own half of the variance


def test_listeners_are_clusters_where_they_recur_enough() -> None:
    few = interval_of(drawn(crossed(10, 5), 0.03, 0.02, 0.01, 1), crossed(10, 5))
    assert (few.two_way, few.for_these_listeners, few.listeners) == (False, True, 5)
    own = interval_of(drawn(independent(10), 0.03, 0.0, 0.01, 1), independent(10))
    assert (own.two_way, own.for_these_listeners, own.listeners) == (False, False, 40)
    enough = interval_of(drawn(crossed(10, 6), 0.03, 0.02, 0.01, 1), crossed(10, 6))
    assert (enough.two_way, enough.for_these_listeners) == (True, False)
    seldom = excerpts(30, 60, 30, 2)
    once = interval_of(drawn(seldom, 0.03, 0.02, 0.01, 1), seldom)
    assert (once.two_way, once.for_these_listeners) == (False, True)


def test_an_interval_ends_where_the_metric_does() -> None:
    values = np.array([0.99, 0.97, 0.6, 0.98, 0.99])
    index = pd.MultiIndex.from_tuples([(f"s{i}", f"c{i}", f"L{i}") for i in range(5)], names=PAIR)
    free = clustered_mean(pd.Series(values, index))
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert (free.low, free.high) == pytest.approx(tuple(expected), rel=1e-9)
    assert free.high > 1.0
    cut = clustered_mean(pd.Series(values, index), bounds=(0.0, 1.0))
    assert (cut.low, cut.high) == (free.low, 1.0)
    apart = pd.Series([1.0, 0.1, 0.9, 0.0, 1.0], index)
    difference = compare(apart, pd.Series(0.0, index), bounds=(0.0, 1.0)).difference
    assert difference.high == 1.0
    assert difference.low > -1.0
    reverse = compare(pd.Series(0.0, index), apart, bounds=(0.0, 1.0)).difference
    assert (reverse.low, reverse.high) == (-1.0, -difference.low)


def test_two_songs_and_two_seeds_have_a_mean_and_no_interval() -> None:
    found = interval_of(np.array([0.1, 0.9]), Crossing(np.arange(2), np.arange(2)))
    assert found.mean == pytest.approx(0.5)
    assert np.isnan([found.low, found.high]).all()
    assert not found.for_these_listeners
    assert np.isnan(over_units([0.5, 0.6]).low)
    three = over_units([0.5, 0.6, 0.58])
    expected = stats.ttest_1samp([0.5, 0.6, 0.58], 0).confidence_interval()
    assert (three.low, three.high) == pytest.approx(tuple(expected), rel=1e-9)


def test_the_spread_and_d_z_of_a_difference() -> None:
    crossing = crossed(12, 8)
    values = drawn(crossing, 0.05, 0.03, 0.02, seed=9) + 0.04
    of_songs, of_listeners, rest = mean_squares(values.reshape(12, 8))
    song, listener = (of_songs - rest) / 8, (of_listeners - rest) / 12
    effect = values.mean() / np.sqrt(song + listener + rest)
    expected = Spread(np.sqrt(song), np.sqrt(listener), np.sqrt(rest), effect)
    found = compared_with_none(scores(values, crossing)).spread
    assert found is not None
    for name in ("song", "listener", "rest", "effect"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9)


def test_where_listeners_hardly_recur_they_have_no_spread_of_their_own() -> None:
    crossing = Crossing(np.repeat(np.arange(4), 2), np.array([0, 1, 2, 3, 4, 5, 6, 0]))
    found = compared_with_none(scores(drawn(crossing, 0.1, 0.05, 0.05, 1), crossing)).spread
    assert found is not None
    assert np.isnan(found.listener)
    assert found.song > 0.0


def test_the_median_is_over_songs() -> None:
    crossing = Crossing(np.array([0, 0, 0, 1, 2]), np.array([0, 1, 2, 0, 1]))
    assert song_median(scores(np.array([9.0, 9.0, 9.0, -80.0, 7.0]), crossing)) == 7.0


def test_shuffled_scores_give_the_same_numbers() -> None:
    crossing = excerpts(9, 10, 40, 4, seed=1)
    series = scores(drawn(crossing, 0.03, 0.02, 0.01, 2), crossing)
    one, two = (compared_with_none(s) for s in (series, series.sample(frac=1.0, random_state=1)))
    assert (one.p, one.difference.low) == pytest.approx((two.p, two.difference.low), rel=1e-9)


def test_flips_of_many_clusters_are_the_same_at_every_call() -> None:
    totals = np.random.default_rng(1).normal(0.1, 1.0, 30)
    assert flip_p(totals) == flip_p(totals)


def test_systems_whose_difference_is_one_of_listeners_share_ranks() -> None:
    """All of the difference lies with some listeners: other songs would show it, others not."""
    crossing = crossed(40, 7)
    rng = np.random.default_rng(3)
    heard = np.array([0.1, 0.08, -0.02, 0.0, 0.01, -0.05, 0.09])
    base = rng.normal(0.5, 0.05, 280)
    other = base + heard[crossing.listener] + rng.normal(0, 0.002, 280)
    assert rank_ranges([scores(base, crossing), scores(other, crossing)]) == [(1, 2), (1, 2)]


def test_a_board_of_the_official_evaluation_is_quick() -> None:
    """19,200 pairs a system and six of them: no loop runs over pairs."""
    import time

    crossing = official_eval()
    base = drawn(crossing, 0.1, 0.05, 0.02, 1)
    systems = [scores(base + drawn(crossing, 0.03, 0.01, 0.01, s), crossing) for s in range(6)]
    start = time.perf_counter()
    rank_ranges(systems)
    assert time.perf_counter() - start < 10.0
