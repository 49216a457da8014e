"""Statistics of a board: the certainty of means, differences and ranks.

Scenes of one song are not independent, so songs rather than scenes are drawn, flipped and counted
everywhere here. Where the same listeners hear many songs they are clusters too, and the intervals
cover the variation over other songs *and* other listeners; with fewer than FEWEST_LISTENERS of
them, they are taken as given, and the board says so.

Intervals are computed in :mod:`bench.leaderboard.intervals`, p-values in
:mod:`bench.leaderboard.flips`.

Sources beside theirs: Holm (1979), A simple sequentially rejective multiple test procedure,
Scandinavian Journal of Statistics 6(2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from bench.board.pairs import PAIR as PAIR
from bench.leaderboard.clusters import (
    Array,
    Crossing,
    alike,
    by_cell,
    by_listener,
    by_song,
    cells_of_each,
    sums_of_each,
)
from bench.leaderboard.differences import SONGS_A_LISTENER, differences_of_all, recurrence
from bench.leaderboard.flips import flip_p
from bench.leaderboard.flips import smallest_p as smallest_p
from bench.leaderboard.intervals import (
    FEWEST_SONGS,
    bounded,
    means_over_both,
    over_songs,
    over_songs_alone,
    over_songs_and_listeners,
)

LEVEL: Final = 0.95
Bounds = tuple[float, float] | None
"""Least and greatest value that a metric can have; None where it has none."""


@dataclass(frozen=True)
class Interval:
    """A mean and its interval (NaN where there is none), over `n` values of `songs` songs.

    Attributes:
        mean: the mean.
        low: lower end.
        high: upper end.
        n: values.
        songs: number of songs.
        listeners: number of listeners; 0 if unknown.
        recur: whether listeners hear more than one song.
        two_way: whether the interval is over songs and listeners, not songs alone.
    """

    mean: float
    low: float
    high: float
    n: int
    songs: int
    listeners: int = 0
    recur: bool = False
    two_way: bool = False

    @property
    def for_these_listeners(self) -> bool:
        """Whether it holds for the listeners of the board only, and not for others."""
        return self.recur and not self.two_way and not math.isnan(self.low)


@dataclass(frozen=True)
class Spread:
    """The components of the variance of a paired difference.

    Attributes:
        song: standard deviation between songs.
        listener: between listeners; NaN where each hears one song.
        rest: residual.
        effect: d_z, the mean difference over the standard deviation of single differences.
    """

    song: float
    listener: float
    rest: float
    effect: float


@dataclass(frozen=True)
class Comparison:
    """A paired difference, its p-value against 0, and the components of its variance."""

    difference: Interval
    p: float
    spread: Spread | None = None


_NOTHING: Final = Interval(math.nan, math.nan, math.nan, 0, 0)


def clustered_mean(scores: pd.Series, *, level: float = LEVEL, bounds: Bounds = None) -> Interval:
    """The mean over all pairs, with a confidence interval clustered by song, and by listener.

    Args:
        scores: values with an index level ``song``, and perhaps ``listener``; nulls are left out.
        level: coverage of the interval.
        bounds: smallest and largest possible value, at which the interval ends.
    """
    values, crossing = _known(scores)
    return interval_of(values, crossing, level=level, bounds=bounds)


def interval_of(
    values: Array, crossing: Crossing, *, level: float = LEVEL, bounds: Bounds = None
) -> Interval:
    """The same for values without nulls, ``(n,)``, and whose they are."""
    return _intervals(values[:, None], crossing, level, bounds)[0]


def intervals_of_each(
    values: Array, crossing: Crossing, *, level: float = LEVEL, bounds: Bounds = None
) -> list[Interval]:
    """The same for each column of ``(n, B)``, NaN where there is no value."""
    found: list[Interval] = [_NOTHING] * values.shape[1]
    for there, columns in alike(values):
        own = _intervals(values[there][:, columns], crossing.where(there), level, bounds)
        for column, interval in zip(columns, own, strict=True):
            found[column] = interval
    return found


def _intervals(values: Array, crossing: Crossing, level: float, bounds: Bounds) -> list[Interval]:
    """The intervals of the columns of ``(n, B)``, none of which lacks a value."""
    n, columns = values.shape
    if not n:
        return [_NOTHING] * columns
    total, count = sums_of_each(values, crossing.song)
    means = total.sum(axis=1) / n
    songs = len(count)
    listeners, recur, enough = recurrence(crossing)
    two_way = enough and songs >= FEWEST_SONGS
    if songs < FEWEST_SONGS:
        ends = [(math.nan, math.nan)] * columns
    elif two_way:
        cells, numbers = cells_of_each(values, crossing)
        lows, highs = means_over_both(numbers, cells).t_intervals(level)
        ends = list(zip(lows.tolist(), highs.tolist(), strict=True))
    else:
        squares = np.square(values - means).sum(axis=0)
        ends = over_songs_alone(total, count, squares, level)
    return [
        Interval(mean, *bounded(*end, bounds), n, songs, listeners, recur, two_way)
        for mean, end in zip(means.tolist(), ends, strict=True)
    ]


def paired(ours: pd.Series, theirs: pd.Series) -> pd.DataFrame:
    """Columns ``ours`` and ``theirs`` of the pairs that both have; both are indexed by PAIR."""
    return pd.concat({"ours": ours, "theirs": theirs}, axis=1, join="inner").dropna()


def paired_differences(ours: pd.Series, theirs: pd.Series) -> pd.Series:
    """``ours - theirs`` of the pairs that both have; both are indexed by PAIR."""
    if ours.index is theirs.index:  # of one board: nothing needs to be matched
        return (ours - theirs).dropna()
    both = paired(ours, theirs)
    return both["ours"] - both["theirs"]


def compare(
    ours: pd.Series, theirs: pd.Series, *, level: float = LEVEL, bounds: Bounds = None
) -> Comparison:
    """Compare two systems by (song, scene, listener); `bounds` are those of their scores."""
    return compared_with_none(paired_differences(ours, theirs), level=level, bounds=bounds)


def compared_with_none(
    differences: pd.Series, *, level: float = LEVEL, bounds: Bounds = None
) -> Comparison:
    """The mean of paired differences, their p-value and their spread; `bounds` as in `compare`."""
    values, crossing = _known(differences)
    interval = interval_of(values, crossing, level=level, bounds=_reach(bounds))
    return Comparison(interval, p_of(values, crossing), spread_of(values, crossing))


def difference_of(
    ours: pd.Series, theirs: pd.Series, *, level: float = LEVEL, bounds: Bounds = None
) -> Interval:
    """The mean difference alone; `bounds` as in `compare`."""
    values, crossing = _known(paired_differences(ours, theirs))
    return interval_of(values, crossing, level=level, bounds=_reach(bounds))


def sign_flip_p(differences: pd.Series) -> float:
    """Two-sided p-value of a paired permutation test: the signs of whole clusters are flipped.

    Songs are flipped and, where listeners are clusters too, listeners: see
    :mod:`bench.leaderboard.flips`. All flips are counted with up to 14 clusters; with more, 9,999
    are drawn and the observed one is counted among them. With G songs p cannot be below
    ``2 / 2**G``. NaN without differences.
    """
    return p_of(*_known(differences))


def p_of(values: Array, crossing: Crossing) -> float:
    """The same for differences without nulls, ``(n,)``, and whose they are."""
    if not len(values):
        return math.nan
    sums = by_song(values, crossing)
    p = flip_p(sums.total)
    if len(sums.count) < FEWEST_SONGS or not recurrence(crossing)[2]:
        return p
    both = over_songs_and_listeners(by_cell(values, crossing))
    return max(p, flip_p(by_listener(values, crossing).total), both.p())


def spread_of(values: Array, crossing: Crossing) -> Spread | None:
    """Standard deviations by song, listener and rest; None below FEWEST_SONGS songs."""
    if not len(values) or len(by_song(values, crossing).count) < FEWEST_SONGS:
        return None
    estimate = over_songs(by_song(values, crossing))
    if crossing.listener is not None:
        # Between few listeners the spread is badly known, and still worth telling; where they hear
        # hardly more than one song each, it cannot be told from that of songs.
        cells = by_cell(values, crossing)
        if cells.count.shape[1] > 1 and cells.songs_a_listener >= SONGS_A_LISTENER:
            estimate = over_songs_and_listeners(cells)
    total = math.sqrt(float(np.nansum(estimate.components)))
    effect = estimate.mean / total if total > 0.0 else math.nan
    song, listener, rest = (math.sqrt(part) for part in estimate.components)
    return Spread(song, listener, rest, effect)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction; NaN stays and does not count.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, 0.005])]
        [0.03, 0.06, 0.06, 0.02]
    """
    corrected = list(p_values)
    order = sorted((i for i, p in enumerate(p_values) if not np.isnan(p)), key=p_values.__getitem__)
    largest = 0.0
    for position, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - position) * p_values[index]))
        corrected[index] = largest
    return corrected


def rank_ranges(systems: Sequence[pd.Series], *, level: float = LEVEL) -> list[tuple[int, int]]:
    """For each system the ranks that it may have, 1 being the greatest mean.

    Two systems are distinguished if the interval of their paired difference excludes 0: the rule
    of a single comparison, so that further systems change nothing between two. The price is that
    of many comparisons: of pairs of equal systems, one in twenty is distinguished.

    Args:
        systems: scores, each indexed by PAIR.
        level: coverage of each interval.
    """
    best = [1] * len(systems)
    worst = [len(systems)] * len(systems)
    if len(systems) < 2:
        return list(zip(best, worst, strict=True))
    table = pd.concat(systems, axis=1)
    values, crossing = table.to_numpy(np.float64), Crossing.of(table.index)
    for one, two, low, high in differences_of_all(values, crossing, level=level):
        if low > 0 or high < 0:
            better, worse = (one, two) if low > 0 else (two, one)
            best[worse] += 1
            worst[better] -= 1
    return list(zip(best, worst, strict=True))


def saturated(systems: Sequence[pd.Series], *, within: float = 0.01) -> pd.Index:
    """The pairs that do not discriminate: all systems score alike there, within `within`.

    Systems are scores indexed by PAIR; only pairs that all of them have are considered.
    """
    table = pd.concat(systems, axis=1, join="inner").dropna()
    spread = table.max(axis=1) - table.min(axis=1)
    return table.index[spread <= within]


def song_median(scores: pd.Series) -> float:
    """The median over songs of each song's mean; NaN without values."""
    values = scores.to_numpy(np.float64)[:, None]
    return song_medians(values, Crossing.of(scores.index))[0]


def song_medians(values: Array, crossing: Crossing) -> list[float]:
    """The same for each column of ``(n, B)``, NaN where there is no value."""
    found = [math.nan] * values.shape[1]
    for there, columns in alike(values):
        if there.any():
            total, count = sums_of_each(values[there][:, columns], crossing.song[there])
            medians = np.median(total / count, axis=1).tolist()
            for column, median in zip(columns, medians, strict=True):
                found[column] = median
    return found


def over_units(values: Sequence[float], *, level: float = LEVEL, bounds: Bounds = None) -> Interval:
    """The mean of independent values, such as one per seed, with Student's t interval.

    There is no interval for fewer than three values, as for two songs.
    """
    single = Crossing(np.arange(len(values)), None)
    return interval_of(np.asarray(values, np.float64), single, level=level, bounds=bounds)


def _reach(bounds: Bounds) -> Bounds:
    """Least and greatest difference of two scores within bounds."""
    return None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])


def _known(scores: pd.Series) -> tuple[Array, Crossing]:
    """Values without nulls, and whose they are."""
    values = scores.to_numpy(np.float64)
    there = ~np.isnan(values)
    return values[there], Crossing.of(scores.index).where(there)
