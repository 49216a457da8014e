"""Statistics of a board: how sure a mean, a difference and an order are.

Scenes of one song are not independent, so songs, not scenes, are what is drawn, flipped and
counted everywhere here. Listeners are taken as given: the intervals say how the scores would vary
over other songs heard by these listeners.

Intervals, with G songs:

* G >= 6: bootstrap-t. Songs are drawn with replacement; each draw's mean is studentised by its own
  cluster-robust standard error, and the quantiles of that ratio stand in for Student's t. A
  percentile bootstrap covers far less than it says with few songs (80 % instead of 95 % with
  four).
* 2 <= G < 6: Student's t with G - 1 degrees of freedom and the cluster-robust standard error;
  there are too few different draws for a bootstrap to have tails.
* G = 1: no interval.

Sources: Efron (1981), Nonparametric standard errors and confidence intervals (bootstrap-t);
Cameron, Gelbach and Miller (2008), Bootstrap-based improvements for inference with clustered
errors, Review of Economics and Statistics 90(3) (clusters); Holm (1979), A simple sequentially
rejective multiple test procedure, Scandinavian Journal of Statistics 6(2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 9999
FEWEST_SONGS = 6
"""Songs from which on an interval is bootstrapped."""
PAIR = ["song", "scene", "listener"]
"""The index levels of scores that are compared pair by pair."""
_MOST_FLIPS = 14
"""Songs up to which all sign flips are counted, 2^14; beyond, RESAMPLES of them are drawn."""


@dataclass(frozen=True)
class Interval:
    """A mean and its interval (NaN where there is none), over `n` values of `songs` songs."""

    mean: float
    low: float
    high: float
    n: int
    songs: int


@dataclass(frozen=True)
class Comparison:
    """A paired difference, and the p-value of its being none."""

    difference: Interval
    p: float


def clustered_mean(scores: pd.Series, *, level: float = LEVEL) -> Interval:
    """The mean over all pairs, with a confidence interval clustered by song.

    Args:
        scores: values with an index level ``song``; nulls are left out.
        level: coverage of the interval.
    """
    values = scores.dropna()
    if values.empty:
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    sums, counts = _by_song(values)
    mean = float(sums.sum() / counts.sum())
    songs = len(sums)
    if songs < 2:
        return Interval(mean, np.nan, np.nan, len(values), songs)
    off = sums - mean * counts  # centred first: close values would cancel badly in the squares
    error = float(_standard_error(off, counts, np.ones((1, songs)))[0])
    below, above = _quantiles(off, counts, error, level)
    return Interval(mean, mean - above * error, mean - below * error, len(values), songs)


def paired(ours: pd.Series, theirs: pd.Series) -> pd.DataFrame:
    """Columns ``ours`` and ``theirs`` of the pairs that both have; both are indexed by PAIR."""
    return pd.concat({"ours": ours, "theirs": theirs}, axis=1, join="inner").dropna()


def paired_differences(ours: pd.Series, theirs: pd.Series) -> pd.Series:
    """``ours - theirs`` of the pairs that both have; both are indexed by PAIR."""
    both = paired(ours, theirs)
    return both["ours"] - both["theirs"]


def compare(ours: pd.Series, theirs: pd.Series, *, level: float = LEVEL) -> Comparison:
    """Compare two systems by (song, scene, listener)."""
    differences = paired_differences(ours, theirs)
    return Comparison(clustered_mean(differences, level=level), sign_flip_p(differences))


def sign_flip_p(differences: pd.Series) -> float:
    """Two-sided p-value of a paired permutation test: the signs of whole songs are flipped.

    All flips are counted with up to 14 songs; with more, 9,999 are drawn and the observed one is
    counted among them. With G songs p cannot be below ``2 / 2**G``. NaN without differences.
    """
    values = differences.dropna()
    if values.empty:
        return float("nan")
    sums, _ = _by_song(values)
    songs = len(sums)
    if songs <= _MOST_FLIPS:
        bits = np.arange(2**songs)[:, None] >> np.arange(songs)
        flips = 1.0 - 2.0 * (bits & 1)
        extra = 0
    else:
        flips = np.random.default_rng(songs).choice((-1.0, 1.0), size=(RESAMPLES, songs))
        extra = 1
    # The tolerance keeps flips that are equal but for rounding from counting as smaller.
    observed = abs(float(sums.sum())) - 1e-9 * float(np.abs(sums).sum())
    reached = int(np.count_nonzero(np.abs(flips @ sums) >= observed))
    return (reached + extra) / (len(flips) + extra)


def smallest_p(songs: int) -> float:
    """The smallest p-value that :func:`sign_flip_p` can give."""
    return 2.0 / 2**songs if songs <= _MOST_FLIPS else 1.0 / (RESAMPLES + 1)


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

    Two systems are told apart where the interval of their paired difference leaves out 0. The
    intervals are widened (Bonferroni) for the number of the others, so that a row's range holds
    its true rank with probability `level` or more.

    Args:
        systems: scores, each indexed by PAIR.
        level: coverage of each row's range.
    """
    others = len(systems) - 1
    best = [1] * len(systems)
    worst = [len(systems)] * len(systems)
    for one, two in combinations(range(len(systems)), 2):
        differences = paired_differences(systems[one], systems[two])
        interval = clustered_mean(differences, level=1.0 - (1.0 - level) / others)
        if interval.low > 0 or interval.high < 0:
            better, worse = (one, two) if interval.low > 0 else (two, one)
            best[worse] += 1
            worst[better] -= 1
    return list(zip(best, worst, strict=True))


def saturated(systems: Sequence[pd.Series], *, within: float = 0.01) -> pd.Index:
    """The pairs that do not discriminate: all systems score alike there, within `within`.

    Systems are scores indexed by PAIR; only pairs that all of them have are looked at.
    """
    table = pd.concat(systems, axis=1, join="inner").dropna()
    spread = table.max(axis=1) - table.min(axis=1)
    return table.index[spread <= within]


def _by_song(values: pd.Series) -> tuple[Array, Array]:
    """Sum and number of each song's values."""
    grouped = values.groupby(level="song", sort=True)
    return grouped.sum().to_numpy(np.float64), grouped.size().to_numpy().astype(np.float64)


def _standard_error(off: Array, counts: Array, draws: Array) -> Array:
    """Cluster-robust standard error of the mean of each draw, with the G / (G - 1) correction.

    With s_g the sum of song g, n_g its number of values and m the mean sum(s_g) / sum(n_g), its
    variance, linearised, is G / (G - 1) times sum((s_g - m * n_g)^2) / sum(n_g)^2.

    Args:
        off: ``s_g - c * n_g`` for a constant c, which the result does not depend on.
        counts: ``n_g``.
        draws: how often each song is drawn, ``(B, G)``.
    """
    songs = len(off)
    total = draws @ counts
    mean = (draws @ off) / total
    squares = draws @ off**2 - 2 * mean * (draws @ (off * counts)) + mean**2 * (draws @ counts**2)
    error: Array = np.sqrt(songs / (songs - 1) * np.maximum(squares, 0.0)) / total
    return error


def _quantiles(off: Array, counts: Array, error: float, level: float) -> tuple[float, float]:
    """The lower and upper quantile of (estimate - truth) / standard error."""
    tail = (1.0 - level) / 2.0
    songs = len(off)
    if songs < FEWEST_SONGS:
        from scipy.stats import t

        quantile = float(t.ppf(1.0 - tail, songs - 1))
        return -quantile, quantile
    draws = _draws(songs)
    errors = _standard_error(off, counts, draws)
    # A draw of one song alone, or of equal ones, has no spread to be studentised by.
    usable = errors > 1e-6 * error
    if not usable.any():
        return 0.0, 0.0
    ratios = (draws[usable] @ off) / (draws[usable] @ counts) / errors[usable]
    low, high = np.quantile(ratios, (tail, 1.0 - tail))
    return float(low), float(high)


@lru_cache(maxsize=8)
def _draws(songs: int) -> Array:
    """How often each song is in each resample, ``(RESAMPLES, songs)``; the same at every call."""
    rng = np.random.default_rng(songs)
    draws: Array = rng.multinomial(songs, np.full(songs, 1 / songs), RESAMPLES).astype(np.float64)
    return draws
