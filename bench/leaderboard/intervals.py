"""Confidence intervals of a mean whose values share songs, and perhaps listeners.

Over songs alone, the variance of the mean is the cluster-robust one; where listeners are shared by
many songs, listeners are clusters too, and it is the two-way cluster-robust one,

    V = V_song + V_listener - V_(song x listener),

each V being the sum of squares of that clustering's sums of residuals over n^2. With few clusters
these are too small. As CR2 does, they are corrected by what they would be expected to be under a
working model: value = mean + song + listener + rest, all random, whose variances are solved for
from the very same sums of squares (and are never below 0). The correction is exact under that model
and goes to none as songs and listeners grow, whatever the model.

The quantile is Student's t. A clustering has as many degrees of freedom as it has effective
clusters, 1 / sum(share of the values^2), minus 1; Satterthwaite's formula joins those of the three
V's. (The smaller of the two clusterings' alone, which is often used, covers 99 % and more where
there are few listeners who add little.)

With MANY_SONGS songs and more, one-way intervals are stretched to those of a bootstrap-t where
these reach further: t is exact for a symmetric spread and heals ties and heavy tails, which a
bootstrap-t does not; a bootstrap-t heals skew, which t does not.

Sources: Cameron, Gelbach and Miller (2011), Robust inference with multiway clustering, Journal of
Business and Economic Statistics 29(2); Bell and McCaffrey (2002), Bias reduction in standard errors
for linear regression with multi-stage samples, Survey Methodology 28(2); Imbens and Kolesar (2016),
Robust standard errors in small samples, Review of Economics and Statistics 98(4) (a working model
with random effects); Carter, Schnepel and Steigerwald (2017), Asymptotic behavior of a t-test
robust to cluster heterogeneity, Review of Economics and Statistics 99(4) (effective clusters);
Satterthwaite (1946), An approximate distribution of estimates of variance components, Biometrics
Bulletin 2(6); Efron (1981), Nonparametric standard errors and confidence intervals, Canadian
Journal of Statistics 9(2) (bootstrap-t).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.leaderboard.clusters import Array, Cells, Sums

RESAMPLES: Final = 9999
MANY_SONGS: Final = 13
"""Songs from which on a one-way interval is a bootstrap-t's too."""
FEWEST_SONGS: Final = 3
"""Songs below which there is no interval: two say next to nothing of the spread between songs."""
FEWEST_LISTENERS: Final = 6
"""Recurring listeners below which they are taken as given: the spread between fewer is not known
well enough, and flipping their signs cannot give a p-value below 0.05."""


@dataclass(frozen=True)
class Estimate:
    """The variance of a mean, and the degrees of freedom that it was estimated with.

    Attributes:
        mean: the mean.
        variance: of the mean; never below 0.
        freedom: degrees of freedom of Student's t.
        components: variances by song, by listener and of the rest, of single values, never below 0;
            the second is NaN over songs alone.
    """

    mean: float
    variance: float
    freedom: float
    components: tuple[float, float, float]

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return float(np.sqrt(self.variance))

    def t_interval(self, level: float) -> tuple[float, float]:
        """Student's t interval."""
        reach = quantile(level, self.freedom) * self.error
        return self.mean - reach, self.mean + reach

    def p(self) -> float:
        """Two-sided p-value of the mean being 0, by Student's t; 1 where all values are 0."""
        from scipy.special import stdtr

        if self.mean == 0.0:
            return 1.0
        if self.variance == 0.0:
            return 0.0
        return float(2.0 * stdtr(self.freedom, -abs(self.mean) / self.error))


def quantile(level: float, freedom: float) -> float:
    """How many standard errors a two-sided interval reaches to either side, by Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + level / 2.0))


@dataclass(frozen=True)
class Estimates:
    """Estimates of many means of the same songs and listeners, ``(B,)`` each.

    Attributes:
        mean: the means.
        variance: of each mean.
        freedom: degrees of freedom of each.
        components: variances by song, by listener and of the rest, ``(3, B)``.
    """

    mean: Array
    variance: Array
    freedom: Array
    components: Array

    @property
    def only(self) -> Estimate:
        """The first of them."""
        song, listener, rest = (float(part) for part in self.components[:, 0])
        mean, variance, freedom = (
            float(values[0]) for values in (self.mean, self.variance, self.freedom)
        )
        return Estimate(mean, variance, freedom, (song, listener, rest))

    def t_intervals(self, level: float) -> tuple[Array, Array]:
        """Student's t intervals: their lower and upper ends."""
        from scipy.special import stdtrit

        reach = stdtrit(self.freedom, 0.5 + level / 2.0) * np.sqrt(self.variance)
        return self.mean - reach, self.mean + reach


def over_songs(sums: Sums) -> Estimate:
    """The mean with its cluster-robust variance, songs being the clusters; at least two songs."""
    return means_over_songs(sums.count, sums.total[None], np.array([sums.squares])).only


def means_over_songs(count: Array, total: Array, squares: Array) -> Estimates:
    """Estimate many means, each with its cluster-robust variance.

    Args:
        count: number of each song's values, ``(G,)``.
        total: sums of each song's values, ``(B, G)``.
        squares: sum of all values' squared distances to their mean, ``(B,)``.
    """
    n = float(count.sum())
    share = count / n
    even = float(np.square(share).sum())
    spread = count * (1.0 - 2.0 * share + even)
    mean = total.sum(axis=1) / n
    off = total - mean[:, None] * count
    found = np.stack([np.square(off).sum(axis=1), squares])
    expected = np.array(
        [[(count * spread).sum(), (count - count * share).sum()], [spread.sum(), n - 1.0]]
    )
    parts = _components(expected, found)
    model = (expected @ parts)[0]
    truth = parts[0] * even + parts[1] / n
    variance = np.divide(found[0] * truth, model, out=np.zeros_like(model), where=model > 0.0)
    components = np.stack([parts[0], np.full_like(mean, np.nan), parts[1]])
    return Estimates(mean, variance, np.full_like(mean, _freedom(even)), components)


def over_songs_and_listeners(cells: Cells) -> Estimate:
    """The mean with its two-way cluster-robust variance; at least two songs and two listeners."""
    return means_over_both(cells.count, cells.total[None]).only


def means_over_both(count: Array, total: Array) -> Estimates:
    """Estimate many means, each with its two-way cluster-robust variance.

    Args:
        count: number of each (song, listener)'s values, ``(G, H)``.
        total: sums of each (song, listener)'s values, ``(B, G, H)``.
    """
    n = float(count.sum())
    mean = total.sum(axis=(1, 2)) / n
    off = total - mean[:, None, None] * count
    found = np.stack(
        [
            np.square(off.sum(axis=2)).sum(axis=1),
            np.square(off.sum(axis=1)).sum(axis=1),
            np.square(off).sum(axis=(1, 2)),
        ]
    )
    songs, listeners = count.sum(axis=1), count.sum(axis=0)
    even = np.array([np.square(songs).sum(), np.square(listeners).sum()]) / n**2
    parts = _components(_expected_squares(count), found)
    weights = np.array([even[0], even[1], 1.0 / n])
    variance = weights @ parts
    rest = np.count_nonzero(count) - len(songs) - len(listeners) + 1
    added = weights[:, None] * parts
    freedom = _joint_freedom(
        np.stack([added[0] + added[2], added[1] + added[2], added[2]]),
        np.array([_freedom(even[0]), _freedom(even[1]), max(rest, 1)]),
        variance,
    )
    return Estimates(mean, variance, freedom, parts)


def bounded(low: float, high: float, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """An interval, cut where the values cannot be."""
    if bounds is None:
        return low, high
    return max(low, bounds[0]), min(high, bounds[1])


def stretched(sums: Sums, estimate: Estimate, level: float) -> tuple[float, float]:
    """Student's t interval, stretched to the bootstrap-t's where that reaches further."""
    low, high = estimate.t_interval(level)
    if len(sums.count) < MANY_SONGS or estimate.error == 0.0:
        return low, high
    error = float(_standard_error(sums, np.ones((1, len(sums.count))))[0])
    below, above = _bootstrap_quantiles(sums, error, level)
    return min(low, estimate.mean - above * error), max(high, estimate.mean - below * error)


def over_songs_alone(
    total: Array, count: Array, squares: Array, level: float
) -> list[tuple[float, float]]:
    """The intervals of many means over songs, each stretched; see :func:`means_over_songs`."""
    lows, highs = means_over_songs(count, total, squares).t_intervals(level)
    if len(count) < MANY_SONGS:
        return list(zip(lows.tolist(), highs.tolist(), strict=True))
    each = [Sums(own, count, float(one)) for own, one in zip(total, squares, strict=True)]
    return [stretched(sums, over_songs(sums), level) for sums in each]


def _expected_squares(count: Array) -> Array:
    """What each sum of squares is expected to be for a variance of 1 of each component, (3, 3).

    Rows: sums of squared residuals by song, by listener, by cell. Columns: song, listener, rest.
    With n_gh values in a cell, N_g of a song, M_h of a listener, N in all, the residual of song g
    is N_g (a_g - mean a) + sum_h (n_gh - N_g M_h / N) b_h + rest, and so on.
    """
    total = count.sum()
    songs, listeners = count.sum(axis=1), count.sum(axis=0)
    p, q = songs / total, listeners / total
    own_song = 1.0 - 2.0 * p + np.square(p).sum()
    own_listener = 1.0 - 2.0 * q + np.square(q).sum()
    uneven_songs = np.square(count - np.outer(songs, q)).sum()
    uneven_listeners = np.square(count - np.outer(p, listeners)).sum()
    squares = np.square(count)
    return np.array(
        [
            [(songs**2 * own_song).sum(), uneven_songs, total - np.square(songs).sum() / total],
            [
                uneven_listeners,
                (listeners**2 * own_listener).sum(),
                total - np.square(listeners).sum() / total,
            ],
            [
                (squares.sum(axis=1) * own_song).sum(),
                (squares.sum(axis=0) * own_listener).sum(),
                total - squares.sum() / total,
            ],
        ]
    )


def _components(expected: Array, found: Array) -> Array:
    """Variances that the sums of squares come from; what would be below 0 is 0.

    Least squares without negatives would trade one component for another: a component below 0 is
    set to 0 and the others are kept, so that the variance of the mean errs to the safe side.
    """
    solved = np.linalg.lstsq(expected, found, rcond=None)[0]
    positive: Array = np.maximum(solved, 0.0).astype(np.float64)
    return positive


def _freedom(even: float) -> float:
    """Effective clusters minus 1, from the sum of squared shares; 1 where one rules them all."""
    return max(1.0 / even - 1.0, 1.0)


def _joint_freedom(parts: Array, each: Array, variance: Array) -> Array:
    """Satterthwaite's degrees of freedom of V_song + V_listener - V_rest.

    Not below those of the fewer clusters, nor above those of both together.

    Args:
        parts: the three variances, ``(3, B)``.
        each: their degrees of freedom, ``(3,)``.
        variance: what they add up to, ``(B,)``.
    """
    least, most = float(min(each[0], each[1])), float(each[0] + each[1])
    spread = (parts**2 / each[:, None]).sum(axis=0)
    joint = np.divide(variance**2, spread, out=np.full_like(variance, least), where=spread > 0.0)
    freedom: Array = np.clip(joint, least, most)
    return freedom


def _standard_error(sums: Sums, draws: Array) -> Array:
    """Cluster-robust standard error of the mean of each draw, with the G / (G - 1) correction.

    With s_g the sum of song g, n_g its number of values and m the mean sum(s_g) / sum(n_g), its
    variance, linearised, is G / (G - 1) times sum((s_g - m * n_g)^2) / sum(n_g)^2.

    Args:
        sums: of the songs.
        draws: how often each song is drawn, ``(B, G)``.
    """
    off, counts = sums.off, sums.count
    songs = len(off)
    total = draws @ counts
    mean = (draws @ off) / total
    squares = draws @ off**2 - 2 * mean * (draws @ (off * counts)) + mean**2 * (draws @ counts**2)
    error: Array = np.sqrt(songs / (songs - 1) * np.maximum(squares, 0.0)) / total
    return error


def _bootstrap_quantiles(sums: Sums, error: float, level: float) -> tuple[float, float]:
    """The lower and upper quantile of (estimate - truth) / standard error, by drawing songs."""
    tail = (1.0 - level) / 2.0
    draws = _draws(len(sums.count))
    errors = _standard_error(sums, draws)
    # A draw of one song alone, or of equal ones, has no spread to be studentised by.
    usable: NDArray[np.bool_] = errors > 1e-6 * error
    if not usable.any():
        return 0.0, 0.0
    chosen = draws[usable]
    ratios = (chosen @ sums.off) / (chosen @ sums.count) / errors[usable]
    low, high = np.quantile(ratios, (tail, 1.0 - tail))
    return float(low), float(high)


@lru_cache(maxsize=8)
def _draws(songs: int) -> Array:
    """How often each song is in each resample, ``(RESAMPLES, songs)``; the same at every call."""
    rng = np.random.default_rng(songs)
    draws: Array = rng.multinomial(songs, np.full(songs, 1 / songs), RESAMPLES).astype(np.float64)
    return draws
