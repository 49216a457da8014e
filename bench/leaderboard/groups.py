"""Where one system is better than another: by grade of hearing loss, by ear, by genre.

The grade is the World Health Organization's, of the better ear's average threshold at 0.5, 1, 2 and
4 kHz: see :func:`bench.hearing.audiograms.hearing_loss_grade` for limits and source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from bench.api import EARS
from bench.hearing.audiograms import GROUPS, hearing_loss_grade
from bench.leaderboard.headline import bounds_of
from bench.leaderboard.statistics import (
    Bounds,
    Comparison,
    Interval,
    clustered_mean,
    compared_with_none,
    holm,
    paired,
)
from bench.leaderboard.table import scores_by_pair


@dataclass(frozen=True)
class GroupEffect:
    """Two systems in one group of pairs.

    Attributes:
        by: ``"hearing loss"``, ``"ear"`` or ``"genre"``.
        group: such as ``"moderate"``, ``"left"`` or ``"Rock"``.
        ours: mean of the one, over the pairs that both have.
        theirs: of the other.
        comparison: the paired difference, with its p-value before Holm.
        p: Holm-corrected over all groups.
    """

    by: str
    group: str
    ours: Interval
    theirs: Interval
    comparison: Comparison
    p: float


def group_effects(ours: pd.DataFrame, theirs: pd.DataFrame, *, metric: str) -> list[GroupEffect]:
    """How two runs differ in each group of pairs.

    Args:
        ours: scores of a run, from :meth:`bench.board.store.Board.scores`.
        theirs: of the run that it is compared with.
        metric: the metric; its parts ``left`` and ``right`` are the ears.

    Returns:
        From the least hearing loss to the greatest, then left and right, then genres by name.
        Groups without a pair that both have are left out; so is a grouping that puts all into
        one group, except of hearing loss.
    """
    found = list(_effects(ours, theirs, metric))
    corrected = holm([effect.comparison.p for effect in found])
    return [replace(effect, p=p) for effect, p in zip(found, corrected, strict=True)]


def compared(
    ours: pd.Series, theirs: pd.Series, bounds: Bounds = None
) -> tuple[Interval, Interval, Comparison]:
    """Both means, over the pairs that both have, and their paired difference."""
    both = paired(ours, theirs)
    one, two = (clustered_mean(both[name], bounds=bounds) for name in ("ours", "theirs"))
    return one, two, compared_with_none(both["ours"] - both["theirs"], bounds=bounds)


def _effects(ours: pd.DataFrame, theirs: pd.DataFrame, metric: str) -> Iterator[GroupEffect]:
    grades, genres = _grades(ours), _genres(ours)
    for name in GROUPS:
        if name in set(grades):
            yield from _effect("hearing loss", name, ours[grades == name], theirs, metric)
    for ear in EARS:
        yield from _effect("ear", ear, ours, theirs, f"{metric}/{ear}")
    known = sorted(set(genres) - {""})
    for name in known if len(known) > 1 else ():
        yield from _effect("genre", name, ours[genres == name], theirs, metric)


def _effect(
    by: str, group: str, ours: pd.DataFrame, theirs: pd.DataFrame, key: str
) -> Iterator[GroupEffect]:
    pairs = scores_by_pair(ours, key), scores_by_pair(theirs, key)
    own, other, comparison = compared(*pairs, bounds_of(key))
    if own.n:
        yield GroupEffect(by, group, own, other, comparison, float("nan"))


def _grades(scores: pd.DataFrame) -> pd.Series:
    """The grade of hearing loss of each row; empty where a threshold is not known."""
    ears = scores[["pta_left", "pta_right"]]
    grades = [
        hearing_loss_grade(left, right) if left == left and right == right else ""
        for left, right in ears.itertuples(index=False)
    ]
    return pd.Series(grades, scores.index, dtype=object)


def _genres(scores: pd.DataFrame) -> pd.Series:
    return scores["genre"].fillna("").astype(object)
