"""Paired differences between all systems of a board, with their intervals.

A board of 200 systems has 19,900 of them. Their numbers are those of
:func:`bench.leaderboard.statistics.interval_of`; what depends on whose values there are alone is
computed once for all systems that lack the same pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np

from bench.leaderboard.clusters import (
    Array,
    Codes,
    Crossing,
    Sums,
    alike,
    by_cell,
    cells_of_each,
    sums_of_each,
)
from bench.leaderboard.intervals import (
    FEWEST_LISTENERS,
    FEWEST_SONGS,
    MANY_SONGS,
    means_over_both,
    means_over_songs,
    over_songs,
    stretched,
)

SONGS_A_LISTENER: Final = 2.0
"""Songs per listener, on average, from which listeners are clusters of their own."""
_AT_ONCE: Final = 2**21
"""Numbers of one array that are computed at a time."""

Ends = tuple[int, int, float, float]


def recurrence(crossing: Crossing) -> tuple[int, bool, bool]:
    """How many listeners there are, whether any hears two songs, whether they are clusters."""
    if crossing.listener is None:
        return 0, False, False
    cells = by_cell(np.zeros(len(crossing.song)), crossing)
    listeners, songs = cells.count.shape[1], cells.songs_a_listener
    enough = listeners >= FEWEST_LISTENERS and songs >= SONGS_A_LISTENER
    return listeners, songs > 1.0, enough


def differences_of_all(values: Array, crossing: Crossing, *, level: float) -> Iterator[Ends]:
    """The interval of each difference of two columns, over the pairs that both have.

    Args:
        values: ``(n, S)``, a column a system; NaN where it has no score.
        crossing: whose the values are.
        level: coverage of each interval.

    Yields:
        The numbers of two systems and both ends of the interval of the first's scores minus the
        second's; two that have fewer than FEWEST_SONGS songs in common are left out.
    """
    groups = alike(values)
    for chosen, group in groups:
        pairs = list(combinations(group, 2))
        yield from _of_group(values[chosen], crossing.where(chosen), pairs, level)
    for (there, ours), (where, theirs) in combinations(groups, 2):
        chosen = there & where
        pairs = [(one, two) for one in ours for two in theirs]
        yield from _of_group(values[chosen], crossing.where(chosen), pairs, level)


def _of_group(
    values: Array, crossing: Crossing, pairs: list[tuple[int, int]], level: float
) -> Iterator[Ends]:
    """The intervals of pairs of systems that all have all values."""
    if not len(values) or not pairs:
        return
    if len(np.unique(crossing.song)) < FEWEST_SONGS:
        return
    ends = _over_both if recurrence(crossing)[2] else _over_songs
    step = max(1, _AT_ONCE // len(values))
    for start in range(0, len(pairs), step):
        some = np.array(pairs[start : start + step])
        lows, highs = ends(values, crossing, some, level)
        for (one, two), low, high in zip(some.tolist(), lows, highs, strict=True):
            yield one, two, float(low), float(high)


def _over_both(
    values: Array, crossing: Crossing, pairs: Codes, level: float
) -> tuple[Array, Array]:
    systems, where = np.unique(pairs, return_inverse=True)
    one, two = where.reshape(pairs.shape).T
    total, count = cells_of_each(values[:, systems], crossing)
    return means_over_both(count, total[one] - total[two]).t_intervals(level)


def _over_songs(
    values: Array, crossing: Crossing, pairs: Codes, level: float
) -> tuple[Array, Array]:
    differences = values[:, pairs[:, 0]] - values[:, pairs[:, 1]]
    total, count = sums_of_each(differences, crossing.song)
    squares = np.square(differences - differences.mean(axis=0)).sum(axis=0)
    low, high = means_over_songs(count, total, squares).t_intervals(level)
    if len(count) < MANY_SONGS:
        return low, high
    # Stretching never takes 0 out of an interval: only those that leave it out are of interest.
    for place in np.flatnonzero((low > 0) | (high < 0)):
        one = Sums(total[place], count, float(squares[place]))
        low[place], high[place] = stretched(one, over_songs(one), level)
    return low, high
