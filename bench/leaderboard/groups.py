"""Differences between systems by grade of hearing loss, by ear and by genre.

The grade is the World Health Organization's, of the better ear's average threshold at 0.5, 1, 2 and
4 kHz: see :func:`bench.hearing.audiograms.hearing_loss_grade` for limits and source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import EARS
from bench.board.pairs import PairScores
from bench.hearing.audiograms import GROUPS, hearing_loss_grade
from bench.leaderboard.clusters import mean_over
from bench.leaderboard.headline import bounds_of
from bench.leaderboard.model import Leaderboard, Row
from bench.leaderboard.statistics import (
    Bounds,
    Comparison,
    Interval,
    clustered_mean,
    compared_with_none,
    holm,
    paired,
)

Mask = NDArray[np.bool_]


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


def group_effects(scores: PairScores, ours: str, theirs: str, *, metric: str) -> list[GroupEffect]:
    """The difference of two runs in each group of pairs.

    Args:
        scores: of both runs.
        ours: id of a run.
        theirs: id of the run that it is compared with.
        metric: the metric; its parts ``left`` and ``right`` are the ears.

    Returns:
        From the least hearing loss to the greatest, then left and right, then genres by name.
        Groups without a pair that both have are left out; so is a grouping that puts all into
        one group, except of hearing loss.
    """
    found = list(_effects(scores, ours, theirs, metric))
    corrected = holm([effect.comparison.p for effect in found])
    return [replace(effect, p=p) for effect, p in zip(found, corrected, strict=True)]


def compared(
    ours: pd.Series, theirs: pd.Series, bounds: Bounds = None
) -> tuple[Interval, Interval, Comparison]:
    """Both means, over the pairs that both have, and their paired difference."""
    both = paired(ours, theirs)
    one, two = (clustered_mean(both[name], bounds=bounds) for name in ("ours", "theirs"))
    return one, two, compared_with_none(both["ours"] - both["theirs"], bounds=bounds)


def _effects(scores: PairScores, ours: str, theirs: str, metric: str) -> Iterator[GroupEffect]:
    grades, genres = grades_of(scores), scores.genres

    def effect(by: str, group: str, key: str, there: Mask | None = None) -> Iterator[GroupEffect]:
        one, two = scores.series(ours, key), scores.series(theirs, key)
        own, other, comparison = compared(
            one if there is None else one[there], two if there is None else two[there],
            bounds_of(key),
        )  # fmt: skip
        if own.n:
            yield GroupEffect(by, group, own, other, comparison, float("nan"))

    for name in GROUPS:
        yield from effect("hearing loss", name, metric, grades == name)
    for ear in EARS:
        yield from effect("ear", ear, f"{metric}/{ear}")
    # Those of the pairs that the run has rows of.
    own = ~np.isnan(scores.values(ours, metric))
    known = sorted(set(genres[own]) - {""})
    for name in known if len(known) > 1 else ():
        yield from effect("genre", name, metric, genres == name)


def scores_of(row: Row, table: Leaderboard, scores: PairScores) -> pd.Series:
    """The first score of a line of a leaderboard, by pair; of several seeds their mean."""
    key = table.columns[0].key
    runs = [one for one in table.rows if one.system == row.label] if row.seeds else [row]
    return mean_over([scores.series(str(one.run["run_id"]), key) for one in runs])


def grades_of(scores: PairScores) -> NDArray[np.object_]:
    """The grade of hearing loss of each pair, ``(n,)``; empty where a threshold is not known."""
    distinct, where = np.unique(scores.hearing, axis=0, return_inverse=True)
    grades = [
        "" if np.isnan(ears).any() else hearing_loss_grade(*ears) for ears in distinct.tolist()
    ]
    return np.array(grades, object)[where] if grades else np.empty(0, object)
