"""The verdict of a leaderboard: which system is better, for whom, how sure, in a few sentences.

One rule makes them all: two systems are told apart where the 95 % interval of their paired
difference leaves out 0. What is said to be best is the ranked system with the greatest mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.board.pairs import PairScores
from bench.leaderboard.groups import GroupEffect, group_effects
from bench.leaderboard.model import Column, Leaderboard, Row
from bench.leaderboard.render import bracket, clean, number
from bench.leaderboard.statistics import Interval

_NAMED = 4
"""Systems that a sentence names."""


def verdict(table: Leaderboard, scores: PairScores) -> tuple[str, ...]:
    """The sentences; none where no two systems may be compared.

    Args:
        table: with its rows, ranks and differences to the baseline.
        scores: of the rows.
    """
    ranked = [row for row in table.systems if row.rank is not None]
    base = next((row for row in table.systems if row.is_baseline), None)
    if base is None or len(ranked) < 2:
        return ()
    return tuple(_sentences(table, ranked, base, scores))


def _sentences(
    table: Leaderboard, ranked: list[Row], base: Row, scores: PairScores
) -> Iterator[str]:
    column, best = table.columns[0], ranked[0]
    rivals = [row.label for row in ranked[1:] if row.rank and row.rank[0] == 1 and row is not base]
    if best is base:
        yield f"No system is better than the baseline {_name(base)} ({_basis(table)})."
        rivals = []
    elif best.difference is None:
        return
    else:
        found = best.difference.difference
        amount = f"{number(abs(found.mean), column)} {bracket(found, column)}".strip()
        if _apart(found) and found.mean > 0:
            yield (
                f"{_name(best)} is {amount} better than the baseline {_name(base)} in "
                f"{column.title} ({_basis(table)}).{_for_whom(best, base, scores, column)}"
            )
        elif math.isnan(found.low):
            yield (
                f"{_name(best)} has the highest {column.title}, {amount} above the baseline "
                f"{_name(base)}; {_basis(table)} are too few to say how sure that is."
            )
            return
        else:
            yield (
                f"No system can be told from the baseline {_name(base)} as better: the highest, "
                f"{_name(best)}, differs by {number(found.mean, column, sign=True)} "
                f"{bracket(found, column, sign=True)} in {column.title} ({_basis(table)})."
            )
            rivals = []
    if rivals:
        yield f"{_name(best)} cannot be told from {_list(rivals)}."
    worse = [
        f"{clean(row.label)} ({number(row.difference.difference.mean, column, sign=True)})"
        for row in ranked
        if row.difference is not None
        and _apart(row.difference.difference)
        and row.difference.difference.mean < 0
    ]
    if worse:
        yield f"Below the baseline: {_list(worse)}."


def _for_whom(best: Row, base: Row, scores: PairScores, column: Column) -> str:
    """The grade of hearing loss of the greatest difference, where more than one is there."""
    if best.seeds or base.seeds:
        return ""
    ours, theirs = str(best.run["run_id"]), str(base.run["run_id"])
    grades = [
        one
        for one in group_effects(scores, ours, theirs, metric=column.key)
        if one.by == "hearing loss"
    ]
    told = [one for one in grades if _apart(one.comparison.difference)]
    if len(grades) < 2 or not told:
        return ""

    def size(one: GroupEffect) -> float:
        return one.comparison.difference.mean

    most, least = max(told, key=size), min(grades, key=size)
    if not most.comparison.difference.low > least.comparison.difference.high:
        return " It is not told apart by the grade of hearing loss."
    return (
        f" Most for {_loss(most)} ({_amount(most, column)}), least for {_loss(least)} "
        f"({_amount(least, column)})."
    )


def _amount(one: GroupEffect, column: Column) -> str:
    found = one.comparison.difference
    return f"{number(found.mean, column, sign=True)} {bracket(found, column, sign=True)}".strip()


def _loss(one: GroupEffect) -> str:
    return "normal hearing" if one.group == "normal" else f"{one.group} hearing loss"


def _apart(found: Interval) -> bool:
    return not math.isnan(found.low) and not found.low <= 0 <= found.high


def _basis(table: Leaderboard) -> str:
    songs = table.songs
    first = table.columns[0].key
    listeners = max((r.values[first].listeners for r in table.rows if first in r.values), default=0)
    text = "1 song" if songs == 1 else f"{songs} songs"
    return f"{text}, {listeners} listeners" if listeners else text


def _name(row: Row) -> str:
    return clean(row.label)


def _list(names: list[str]) -> str:
    shown = [clean(name) for name in names[:_NAMED]]
    if len(names) > _NAMED:
        shown.append(f"{len(names) - _NAMED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
