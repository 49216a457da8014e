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

from bench.leaderboard.clusters import Array, Codes, Crossing, by_cell, by_song
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
    known = ~np.isnan(values)
    alike: dict[bytes, list[int]] = {}
    for system in range(values.shape[1]):
        alike.setdefault(known[:, system].tobytes(), []).append(system)
    groups = list(alike.values())
    for group in groups:
        chosen = known[:, group[0]]
        pairs = list(combinations(group, 2))
        yield from _of_group(values[chosen], crossing.where(chosen), pairs, level)
    for ours, theirs in combinations(groups, 2):
        chosen = known[:, ours[0]] & known[:, theirs[0]]
        pairs = [(one, two) for one in ours for two in theirs]
        yield from _of_group(values[chosen], crossing.where(chosen), pairs, level)


def _of_group(
    values: Array, crossing: Crossing, pairs: list[tuple[int, int]], level: float
) -> Iterator[Ends]:
    """The intervals of pairs of systems that all have all values."""
    if not len(values) or not pairs:
        return
    if len(by_song(values[:, pairs[0][0]], crossing).count) < FEWEST_SONGS:
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
    cells = {system: by_cell(values[:, system], crossing) for system in np.unique(pairs).tolist()}
    total = np.stack([cells[one].total - cells[two].total for one, two in pairs.tolist()])
    return means_over_both(cells[int(pairs[0, 0])].count, total).t_intervals(level)


def _over_songs(
    values: Array, crossing: Crossing, pairs: Codes, level: float
) -> tuple[Array, Array]:
    differences = values[:, pairs[:, 0]] - values[:, pairs[:, 1]]
    sums = [by_song(column, crossing) for column in differences.T]
    total = np.stack([one.total for one in sums])
    squares = np.array([one.squares for one in sums])
    low, high = means_over_songs(sums[0].count, total, squares).t_intervals(level)
    if len(sums[0].count) < MANY_SONGS:
        return low, high
    # Stretching never takes 0 out of an interval: only those that leave it out are of interest.
    for place in np.flatnonzero((low > 0) | (high < 0)):
        one = sums[place]
        low[place], high[place] = stretched(one, over_songs(one), level)
    return low, high
