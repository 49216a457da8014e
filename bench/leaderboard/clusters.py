"""Scores as arrays: which song and which listener each is of, and their sums.

Everything that the statistics need of a board's scores is a few sums by song, by listener and by
(song, listener), so that their cost does not grow with the number of draws, flips or rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Crossing:
    """Which song and which listener each value is of, as numbers from 0 on.

    Attributes:
        song: ``(n,)``.
        listener: ``(n,)``; None where the listeners are not known.
    """

    song: Codes
    listener: Codes | None

    @classmethod
    def of(cls, index: pd.Index) -> Crossing:
        """The crossing of scores that are indexed by song, and perhaps by listener."""
        if isinstance(index, pd.MultiIndex):
            there = "listener" in index.names
            return cls(_level(index, "song"), _level(index, "listener") if there else None)
        codes, _ = pd.factorize(index, sort=True)
        return cls(np.asarray(codes, np.int64), None)

    def where(self, chosen: NDArray[np.bool_]) -> Crossing:
        """The crossing of some of the values."""
        heard = None if self.listener is None else self.listener[chosen]
        return Crossing(self.song[chosen], heard)


@dataclass(frozen=True)
class Totals:
    """Values by cluster: their sums and numbers, two arrays of one shape."""

    total: Array
    count: Array

    @cached_property
    def mean(self) -> float:
        """The mean of all values."""
        return float(self.total.sum() / self.count.sum())

    @cached_property
    def off(self) -> Array:
        """Sum of each cluster's distances to the mean."""
        return self.total - self.mean * self.count


@dataclass(frozen=True)
class Sums(Totals):
    """Values by song: their sums and numbers, and the sum of all squares about the mean.

    Attributes:
        total: sum of each song's values, ``(G,)``.
        count: number of each song's values, ``(G,)``.
        squares: sum over all values of the squared distance to the mean.
    """

    squares: float


@dataclass(frozen=True)
class Cells(Totals):
    """Values by (song, listener), ``(G, H)``: their sums and numbers."""

    @property
    def songs_a_listener(self) -> float:
        """Songs that a listener hears, on average."""
        return float(np.count_nonzero(self.count) / self.count.shape[1])


def alike(values: Array) -> list[tuple[NDArray[np.bool_], list[int]]]:
    """Columns that have the same values and lack the same, with where these are.

    Args:
        values: ``(n, B)``; NaN where there is none.
    """
    known = ~np.isnan(values)
    found: dict[bytes, list[int]] = {}
    for column in range(values.shape[1]):
        found.setdefault(known[:, column].tobytes(), []).append(column)
    return [(known[:, columns[0]], columns) for columns in found.values()]


def sums_of_each(values: Array, codes: Codes) -> tuple[Array, Array]:
    """Sums of each cluster's values, ``(B, G)``, of ``(n, B)``, and their numbers, ``(G,)``.

    Of clusters that have values, in the order of their codes.
    """
    order = np.argsort(codes, kind="stable")
    count = np.bincount(codes)
    count = count[count > 0]
    starts = np.cumsum(count) - count
    return np.add.reduceat(values[order], starts, axis=0).T, count.astype(np.float64)


def cells_of_each(values: Array, crossing: Crossing) -> tuple[Array, Array]:
    """The same of each (song, listener): ``(B, G, H)`` and ``(G, H)``, 0 where there is none.

    Raises:
        ValueError: the listeners are unknown.
    """
    where, shape = _cells(crossing)
    some, _ = sums_of_each(values, where)
    count = np.bincount(where, minlength=shape[0] * shape[1])
    total = np.zeros((values.shape[1], len(count)))
    total[:, count > 0] = some
    return total.reshape(-1, *shape), count.astype(np.float64).reshape(shape)


def by_song(values: Array, crossing: Crossing) -> Sums:
    """Sums of each song that has values."""
    return _sums(values, crossing.song)


def by_listener(values: Array, crossing: Crossing) -> Sums:
    """Sums of each listener that has values, in the same form.

    Raises:
        ValueError: the listeners are unknown.
    """
    if crossing.listener is None:
        raise ValueError("the listeners are not known")
    return _sums(values, crossing.listener)


def by_cell(values: Array, crossing: Crossing) -> Cells:
    """Sums of each (song, listener).

    Raises:
        ValueError: the listeners are unknown.
    """
    where, shape = _cells(crossing)
    size = shape[0] * shape[1]
    total: Array = np.bincount(where, values, size).astype(np.float64).reshape(shape)
    return Cells(total, np.bincount(where, minlength=size).astype(np.float64).reshape(shape))


def mean_over(columns: Sequence[pd.Series]) -> pd.Series:
    """The mean of several scores by pair; NaN at pairs that not all of them have."""
    if len(columns) == 1:
        return columns[0]
    table = pd.concat(columns, axis=1, join="inner")
    return pd.Series(table.to_numpy().mean(axis=1), table.index)


def _sums(values: Array, codes: Codes) -> Sums:
    total = np.bincount(codes, values).astype(np.float64)
    count = np.bincount(codes).astype(np.float64)
    there = count > 0
    mean = total.sum() / max(count.sum(), 1.0)
    return Sums(total[there], count[there], float(np.square(values - mean).sum()))


def _cells(crossing: Crossing) -> tuple[Codes, tuple[int, int]]:
    """Each value's (song, listener) as one number, and how many of both there are."""
    if crossing.listener is None:
        raise ValueError("the listeners are not known")
    songs, listeners = _used(crossing.song), _used(crossing.listener)
    shape = (int(songs[-1]) + 1, int(listeners[-1]) + 1)
    return songs[crossing.song] * shape[1] + listeners[crossing.listener], shape


def _used(codes: Codes) -> Codes:
    """New numbers of the codes that are used, without gaps; the last is the greatest."""
    numbers: Codes = np.cumsum(np.bincount(codes) > 0) - 1
    return numbers


def _level(index: pd.MultiIndex, name: str) -> Codes:
    """The codes of a level, in the order of its sorted names, whatever else the level holds."""
    place = index.names.index(name)
    names = index.levels[place]
    order = np.argsort(np.asarray(names, dtype=object).astype(str), kind="stable")
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    codes: Codes = rank[np.asarray(index.codes[place], np.int64)]
    return codes
