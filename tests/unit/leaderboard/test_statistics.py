"""Statistics against scipy, slow re-computation, and synthetic boards whose truth is known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.leaderboard.clusters import Crossing
from bench.leaderboard.statistics import (
    PAIR,
    clustered_mean,
    compare,
    holm,
    intervals_of_each,
    paired_differences,
    rank_ranges,
    saturated,
    sign_flip_p,
    smallest_p,
    song_median,
    song_medians,
)


def series(values: np.ndarray, per_scene: int = 2, scenes: int = 2) -> pd.Series:
    """Values ``(songs, scenes * listeners)`` as scores indexed by song, scene and listener."""
    songs, each = values.shape
    assert each == per_scene * scenes
    index = [
        (f"song {g}", f"scene {g}-{s}", f"L{listener}")
        for g, s, listener in product(range(songs), range(scenes), range(per_scene))
    ]
    return pd.Series(values.ravel(), pd.MultiIndex.from_tuples(index, names=PAIR))


def board(
    rng: np.random.Generator, songs: int, spread: float = 0.1, noise: float = 0.07
) -> np.ndarray:
    """HAAQI-like scores ``(songs, 4)`` with song effects; their true mean is 0.6."""
    centre = rng.beta(6 / (spread * 10), 4 / (spread * 10), (songs, 1))
    return centre + noise * rng.standard_normal((songs, 4))


@pytest.mark.parametrize("songs", [3, 4, 5, 8, 12])
def test_few_songs_agree_with_scipys_t_interval_of_song_means(songs: int) -> None:
    values = board(np.random.default_rng(songs), songs)
    found = clustered_mean(series(values))
    expected = stats.ttest_1samp(values.mean(axis=1), 0.0)
    low, high = expected.confidence_interval(0.95)
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-10)
    assert (found.n, found.songs) == (4 * songs, songs)


@pytest.mark.parametrize("songs", [13, 20, 50])
def test_many_songs_have_the_wider_of_scipys_t_and_bootstrap_t(
    songs: int,
) -> None:
    values = board(np.random.default_rng(songs), songs)
    means = values.mean(axis=1)

    def studentised(sample: np.ndarray, axis: int) -> np.ndarray:
        error = sample.std(axis=axis, ddof=1) / np.sqrt(songs)
        return (sample.mean(axis=axis) - means.mean()) / error

    result = stats.bootstrap(
        (means,), studentised, n_resamples=40_000, method="percentile", rng=1, vectorized=True
    )
    low, high = np.quantile(result.bootstrap_distribution, [0.025, 0.975])
    error = means.std(ddof=1) / np.sqrt(songs)
    low, high = min(low, stats.t.ppf(0.025, songs - 1)), max(high, stats.t.ppf(0.975, songs - 1))
    found = clustered_mean(series(values))
    # Monte Carlo: 9,999 and 40,000 draws give a quantile near 2 to about 0.05.
    assert found.low == pytest.approx(means.mean() - high * error, abs=0.1 * error)
    assert found.high == pytest.approx(means.mean() - low * error, abs=0.1 * error)


def test_songs_of_unequal_size_against_a_plain_loop() -> None:
    rng = np.random.default_rng(5)
    sizes = [1, 5, 2, 8, 3, 4, 6, 2, 7, 4, 5, 3, 6, 4, 2, 5, 7, 3, 4, 6]
    groups = [rng.normal(rng.normal(), 0.5, size) for size in sizes]
    index = [(f"s{g}", f"c{g}", f"L{i}") for g, size in enumerate(sizes) for i in range(size)]
    scores = pd.Series(np.concatenate(groups), pd.MultiIndex.from_tuples(index, names=PAIR))

    def estimate(drawn: list[np.ndarray]) -> tuple[float, float]:
        total = sum(len(g) for g in drawn)
        mean = sum(g.sum() for g in drawn) / total
        squares = sum((g - mean).sum() ** 2 for g in drawn)
        return mean, np.sqrt(len(drawn) / (len(drawn) - 1) * squares) / total

    mean, error = estimate(groups)
    ratios = []
    for _ in range(4000):
        drawn = [groups[i] for i in rng.integers(0, len(groups), len(groups))]
        m, e = estimate(drawn)
        ratios.append((m - mean) / e)
    low, high = np.quantile(ratios, [0.025, 0.975])
    found = clustered_mean(scores)
    assert found.mean == pytest.approx(mean, rel=1e-12)
    # The interval reaches as far as this one, or as Student's t where that reaches further.
    assert found.low <= mean - high * error + 0.25 * error
    assert found.high >= mean - low * error - 0.25 * error
    reach = 1.2 * max(high, -low, stats.t.ppf(0.975, len(sizes) - 1)) * error
    assert mean - reach < found.low < found.high < mean + reach


def test_no_interval_from_one_song_and_no_mean_from_nothing() -> None:
    one = clustered_mean(series(np.full((1, 4), 0.5)))
    assert one.mean == 0.5
    assert np.isnan(one.low)
    assert np.isnan(one.high)
    none = clustered_mean(series(np.full((3, 4), np.nan)))
    assert np.isnan(none.mean)
    assert none.n == 0


@pytest.mark.parametrize("songs", [3, 10])
def test_equal_scores_have_an_interval_without_width(songs: int) -> None:
    found = clustered_mean(series(np.full((songs, 4), 0.25)))
    assert found.mean == found.low == found.high == 0.25


def test_nulls_are_left_out() -> None:
    values = board(np.random.default_rng(1), 8)
    values[3] = np.nan
    assert clustered_mean(series(values)).songs == 7
    assert clustered_mean(series(values)).n == 28


def test_the_same_scores_give_the_same_interval() -> None:
    scores = series(board(np.random.default_rng(1), 12))
    shuffled = scores.sample(frac=1.0, random_state=3)
    one, two = clustered_mean(scores), clustered_mean(shuffled)
    assert (one.low, one.high) == pytest.approx((two.low, two.high), rel=1e-12)


def test_scenes_of_a_song_count_as_one() -> None:
    rng = np.random.default_rng(7)
    songs = rng.normal(0.5, 0.1, (10, 1))
    few, many = series(songs + np.zeros((10, 4))), series(songs + np.zeros((10, 16)), 4, 4)
    assert clustered_mean(few).low == pytest.approx(clustered_mean(many).low, rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.floats(-100, 100), st.floats(0.01, 100))
def test_intervals_move_and_scale_with_the_scores(shift: float, scale: float) -> None:
    values = board(np.random.default_rng(2), 9)
    one, two = clustered_mean(series(values)), clustered_mean(series(values * scale + shift))
    expected = (one.low * scale + shift, one.high * scale + shift)
    assert (two.low, two.high) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("songs", [4, 7, 10])
def test_sign_flips_agree_with_scipys_exact_permutation_test(songs: int) -> None:
    rng = np.random.default_rng(songs)
    ours, theirs = board(rng, songs) + 0.03, board(rng, songs)
    means = (ours - theirs).mean(axis=1)
    expected = stats.permutation_test(
        (means, np.zeros(songs)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    found = compare(series(ours), series(theirs)).p
    assert found == pytest.approx(float(expected.pvalue), rel=1e-12)


def test_drawn_sign_flips_agree_with_scipys() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(0.02, 0.08, (30, 4))
    expected = stats.permutation_test(
        (values.mean(axis=1), np.zeros(30)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=4,
    )
    error = np.sqrt(expected.pvalue * (1 - expected.pvalue) / 9_999)
    assert sign_flip_p(series(values)) == pytest.approx(expected.pvalue, abs=4 * error)


def test_the_smallest_p_is_reached_by_a_difference_of_one_sign() -> None:
    for songs in (2, 5, 14):
        assert sign_flip_p(series(np.full((songs, 4), 0.3))) == smallest_p(songs)
    assert sign_flip_p(series(np.full((40, 4), 0.3))) == smallest_p(40)
    assert sign_flip_p(series(np.zeros((8, 4)))) == 1.0
    assert np.isnan(sign_flip_p(series(np.full((3, 4), np.nan))))


def test_holm_as_worked_by_hand() -> None:
    # 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1 made monotone.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    with_gap = holm([0.01, float("nan"), 0.02])
    assert with_gap[0] == 0.02
    assert np.isnan(with_gap[1])
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_and_keeps_their_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(c >= p for c, p in zip(corrected, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert all(np.diff(np.array(corrected)[order]) >= 0)


def test_only_pairs_that_both_have_are_compared() -> None:
    ours = series(board(np.random.default_rng(1), 4))
    theirs = (ours - 0.25).sample(frac=1.0, random_state=1).iloc[3:]
    theirs.iloc[0] = np.nan
    differences = paired_differences(ours, theirs)
    assert len(differences) == 12
    np.testing.assert_allclose(differences, 0.25)


def test_rank_ranges_of_systems_that_differ_and_of_some_that_do_not() -> None:
    rng = np.random.default_rng(0)
    base = board(rng, 20)
    jitter = [0.005 * rng.standard_normal(base.shape) for _ in range(4)]
    systems = [series(base + d + j) for d, j in zip((0.3, 0.0, 0.0, -0.2), jitter, strict=True)]
    assert rank_ranges(systems) == [(1, 1), (2, 3), (2, 3), (4, 4)]
    assert rank_ranges(systems[:1]) == [(1, 1)]
    assert rank_ranges([]) == []


def test_rank_ranges_are_by_95_per_cent_intervals_however_many_are_compared() -> None:
    """A difference of 2.5 standard errors of 12 songs: t is 2.20, and 2.82 if widened for three."""
    songs = 12
    spread = np.resize([1.0, -1.0], songs)
    error = spread.std(ddof=1) / np.sqrt(songs)
    base = np.zeros(songs)
    close = [base, base + 2.5 * error + spread]
    two = [series(values[:, None], 1, 1) for values in close]
    assert rank_ranges(two) == [(2, 2), (1, 1)]
    four = [*two, *(series(base[:, None] + far, 1, 1) for far in (100.0, -100.0))]
    assert rank_ranges(four) == [(3, 3), (2, 2), (1, 1), (4, 4)]
    # A difference of 2.1 is too small for 95 %.
    closer = [base, base + 2.1 * error + spread]
    assert rank_ranges([series(v[:, None], 1, 1) for v in closer]) == [(1, 2), (1, 2)]


def test_one_song_tells_no_systems_apart() -> None:
    one, two = series(np.full((1, 4), 0.9)), series(np.full((1, 4), 0.1))
    assert rank_ranges([one, two]) == [(1, 2), (1, 2)]


def test_saturated_pairs_are_those_where_all_score_alike() -> None:
    base = board(np.random.default_rng(0), 3)
    other = base + 0.2
    other[1] = base[1] + 0.0099
    other[2, 0] = base[2, 0] - 0.005
    found = saturated([series(base), series(other)])
    assert set(found.get_level_values("song")) == {"song 1", "song 2"}
    assert len(found) == 5


def simulate_coverage(songs: int, runs: int, seed: int) -> tuple[float, float, float]:
    """Shares of runs whose intervals hold the truth (mean; difference), and false positives."""
    rng = np.random.default_rng([seed, songs])
    covered = [0, 0]
    rejected = 0
    for _ in range(runs):
        values = board(rng, songs)
        interval = clustered_mean(series(values))
        covered[0] += interval.low <= 0.6 <= interval.high
        # Another system: no better on average, but its gain differs from song to song.
        other = values + rng.normal(0, 0.03, (songs, 1)) + rng.normal(0, 0.03, (songs, 4))
        result = compare(series(other), series(values))
        covered[1] += result.difference.low <= 0.0 <= result.difference.high
        rejected += result.p <= 0.05
    return covered[0] / runs, covered[1] / runs, rejected / runs


def attained_level(songs: int) -> float:
    """How often the permutation test can reject at 5 %: its p-values are multiples of the least."""
    step = smallest_p(songs)
    return int(0.05 / step + 1e-9) * step


def test_the_level_that_few_songs_attain() -> None:
    """2 / 2**G and its multiples: five songs cannot reject at all, seven come near to 5 %."""
    levels = {songs: attained_level(songs) for songs in (2, 5, 6, 7, 8, 14)}
    expected = {2: 0.0, 5: 0.0, 6: 0.03125, 7: 0.046875, 8: 0.046875}
    assert {songs: levels[songs] for songs in expected} == expected
    assert 0.0499 < levels[14] <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("songs", [4, 5, 6, 7, 8, 12, 20, 50])
def test_coverage_and_false_positives_are_as_promised(songs: int) -> None:
    """2,000 boards a size, of two scenes and two listeners a song.

    Songs vary as HAAQI does (beta, mean 0.6, standard deviation 0.15), pairs by 0.07 within
    them. A second system has the same mean, and a gain that varies by 0.03 from song to song and
    by 0.03 within. Coverage must be 95 +- 2 %. False positives are those of the permutation test
    at 5 %: 5 +- 1.5 % from seven songs on; with fewer its few p-values make it conservative, and
    the level that it can attain is what it must attain.
    """
    of_mean, of_difference, false_positives = simulate_coverage(songs, 2000, seed=1)
    assert of_mean == pytest.approx(0.95, abs=0.02)
    assert of_difference == pytest.approx(0.95, abs=0.02)
    assert false_positives == pytest.approx(attained_level(songs), abs=0.015)
    if songs >= 7:
        assert false_positives == pytest.approx(0.05, abs=0.015)


@pytest.mark.slow
def test_false_positives_of_a_whole_board_after_holm() -> None:
    """A board of five equal systems errs on any of its rows in no more than 5 % of boards."""
    rng = np.random.default_rng(12)
    wrong, runs, songs = 0, 1000, 12
    for _ in range(runs):
        base = board(rng, songs)
        others = [base + rng.normal(0, 0.03, (songs, 1)) for _ in range(4)]
        found = [sign_flip_p(paired_differences(series(o), series(base))) for o in others]
        wrong += min(holm(found)) <= 0.05
    assert wrong / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
@pytest.mark.parametrize("songs", [4, 12])
def test_of_equal_systems_one_pair_in_twenty_is_told_apart(songs: int) -> None:
    rng = np.random.default_rng([9, songs])
    wrong, runs = 0, 400
    for _ in range(runs):
        base = board(rng, songs)
        systems = [series(base + rng.normal(0, 0.03, (songs, 1))) for _ in range(4)]
        wrong += sum(best - 1 for best, _ in rank_ranges(systems))
    pairs = 6 * runs
    assert wrong / pairs == pytest.approx(0.05, abs=0.02)


def test_further_systems_change_nothing_between_two() -> None:
    """However many are added below: the first two stay told apart, and so do the next."""
    rng = np.random.default_rng(3)
    base = board(rng, 5)
    jitter = [0.01 * rng.standard_normal((5, 1)) for _ in range(42)]
    near = [series(base + more + noise) for more, noise in zip((0.06, 0.0), jitter, strict=False)]
    far = [series(base - 0.3 + noise) for noise in jitter[2:]]
    assert rank_ranges(near) == [(1, 1), (2, 2)]
    assert rank_ranges(near + far)[:2] == [(1, 1), (2, 2)]


def test_a_hundredth_apart_is_alike() -> None:
    one, two = series(np.zeros((2, 4))), series(np.resize([0.01, 0.0101], (2, 4)))
    assert len(saturated([one, two])) == 4
    assert len(saturated([one, two], within=0.02)) == 8


def test_equal_systems_share_their_ranks() -> None:
    """Their difference has an interval from 0 to 0."""
    one = series(board(np.random.default_rng(4), 5))
    assert rank_ranges([one, one.copy(), one - 0.3]) == [(1, 2), (1, 2), (3, 3)]


@pytest.mark.parametrize(("songs", "people"), [(2, 2), (6, 2), (16, 2), (6, 8)])
def test_systems_together_have_the_intervals_that_they_have_alone(songs: int, people: int) -> None:
    """Some lack pairs, one has none; with eight listeners the intervals are over both."""
    rng = np.random.default_rng(songs)
    scores = series(rng.uniform(size=(songs, 2 * people)), per_scene=people)
    values = scores.to_numpy()[:, None] + 0.1 * rng.standard_normal((len(scores), 5))
    values[[0, 3], 1] = values[:people, 2] = values[:, 4] = np.nan
    crossing = Crossing.of(scores.index)
    together = intervals_of_each(values, crossing, bounds=(0.0, 1.0))
    medians = song_medians(values, crossing)
    for column, (interval, median) in enumerate(zip(together, medians, strict=True)):
        own = pd.Series(values[:, column], scores.index)
        alone = clustered_mean(own, bounds=(0.0, 1.0))
        assert (interval.mean, interval.low, interval.high) == pytest.approx(
            (alone.mean, alone.low, alone.high), rel=1e-12, nan_ok=True
        )
        by_song = own.dropna().groupby("song").mean()
        assert (interval.n, interval.songs) == (own.count(), len(by_song))
        assert interval.two_way == alone.two_way == (people == 8 and interval.n > 0)
        if interval.n:
            assert interval.mean == pytest.approx(own.mean(), rel=1e-12)
        assert median == pytest.approx(by_song.median(), rel=1e-12, nan_ok=True)
        assert median == pytest.approx(song_median(own), rel=1e-12, nan_ok=True)
