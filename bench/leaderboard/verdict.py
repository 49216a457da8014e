"""The verdict on a leaderboard: which system is better, for whom and how sure, in a few sentences.

All follow one rule: two systems are distinguished if the 95 % interval of their paired difference
excludes 0 and the difference is not 0 in the decimals shown. The system said to be better is the
one with the highest mean among the ranked ones that are distinguished from the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.board.pairs import PairScores
from bench.hearing.audiograms import GROUPS
from bench.leaderboard.groups import grades_of, scores_of
from bench.leaderboard.model import Column, Leaderboard, Row
from bench.leaderboard.render import bracket, clean, number
from bench.leaderboard.statistics import (
    Interval,
    clustered_mean,
    difference_of,
    paired_differences,
)

_NAMED: Final = 4
"""Systems that a sentence names."""
_SEVERAL_REFERENCES: Final = (
    "None of these systems can be called better than another: they are judged against different "
    "references, so their scores are not on one scale."
)


@dataclass(frozen=True)
class _Grade:
    """The difference to the baseline in one grade of hearing loss."""

    name: str
    difference: Interval

    @property
    def words(self) -> str:
        return "normal hearing" if self.name == "normal" else f"{self.name} hearing loss"


def verdict(table: Leaderboard, scores: PairScores) -> tuple[str, ...]:
    """The sentences; none where no two systems may be compared.

    Args:
        table: with its rows, ranks and differences to the baseline.
        scores: of the rows.
    """
    ranked = [row for row in table.systems if row.rank is not None]
    base = next((row for row in table.systems if row.is_baseline), None)
    others = [row for row in ranked if row.difference is not None and row is not base]
    if len({row.reference for row in table.rows if row.n}) > 1:
        return (_SEVERAL_REFERENCES,)
    if base is None or not others:
        return ()
    return tuple(_sentences(table, others, base, scores))


def _sentences(
    table: Leaderboard, others: Sequence[Row], base: Row, scores: PairScores
) -> Iterator[str]:
    """Sentences on the ranked rows beside the baseline, best first."""
    column = table.columns[0]
    sure = [row for row in others if not math.isnan(_difference(row).low)]
    if not sure:
        yield _too_few(others[0], base, column)
        return
    highest = sure[0]
    better = [row for row in sure if _told(row, column) > 0]
    if not better:
        found = _difference(highest)
        told = "is worse" if _told(highest, column) < 0 else "cannot be distinguished from it"
        yield (
            f"No system is shown to be better than the baseline {_name(base)} in {column.title} "
            f"({_basis(found)}); the highest of the others, {_name(highest)}, {told} "
            f"({_amount(found, column, sign=True)})."
        )
    else:
        best = better[0]
        found = _difference(best)
        yield (
            f"{_name(best)} is {_amount(found, column)} better than the baseline {_name(base)} in "
            f"{column.title} ({_basis(found)}).{_for_whom(best, base, table, scores)}"
            f"{_of_the_way(best, base)}"
        )
        if rivals := [row for row in sure if row is not best and _alike(row, best, table, scores)]:
            yield f"{_name(best)} cannot be distinguished from {_list(rivals)}."
        if best is not highest:
            yield (
                f"{_name(highest)} has the highest mean but cannot be distinguished from the "
                f"baseline ({_amount(_difference(highest), column, sign=True)})."
            )
    if worse := [row for row in sure if row is not highest and _told(row, column) < 0]:
        amounts = [number(-_difference(row).mean, column) for row in worse]
        yield f"Worse than the baseline: {_list(worse, amounts)}."


def _told(row: Row, column: Column) -> int:
    """1 if a row is better than the baseline, -1 if it is worse, 0 if neither can be said."""
    shown = round(_difference(row).mean * column.scale, column.decimals)
    return row.against_baseline if shown else 0


def _too_few(highest: Row, base: Row, column: Column) -> str:
    found = _difference(highest)
    if found.mean > 0:
        first, second, where = highest, base, "above the baseline"
    else:
        first, second, where = base, highest, "above"
        found = Interval(-found.mean, math.nan, math.nan, found.n, found.songs, found.listeners)
    baseline = "The baseline " if first is base else ""
    return (
        f"{baseline}{_name(first)} has the highest {column.title}, {number(found.mean, column)} "
        f"{where} {_name(second)}; {_basis(found)}: too few for a confidence interval."
    )


def _for_whom(best: Row, base: Row, table: Leaderboard, scores: PairScores) -> str:
    """The grades of hearing loss with the largest and smallest difference, where they differ."""
    grades = _by_grade(best, base, table, scores)
    told = [one for one in grades if one.difference.low > 0]
    if len(grades) < 2 or not told:
        return ""
    column = table.columns[0]
    most = max(told, key=lambda one: one.difference.mean)
    least = min(grades, key=lambda one: one.difference.mean)
    if not most.difference.low > least.difference.high:
        return " No grade of hearing loss is shown to gain more than another."
    return (
        f" The gain is largest for {most.words} ({_amount(most.difference, column, sign=True)}), "
        f"smallest for {least.words} ({_amount(least.difference, column, sign=True)})."
    )


def _by_grade(one: Row, two: Row, table: Leaderboard, scores: PairScores) -> list[_Grade]:
    """Differences by the listener's grade of hearing loss, of grades that have an interval."""
    ours, theirs = (scores_of(row, table, scores) for row in (one, two))
    grades, found = grades_of(scores), []
    for name in GROUPS:
        there = grades == name
        difference = clustered_mean(paired_differences(ours[there], theirs[there]))
        if not math.isnan(difference.low):
            found.append(_Grade(name, difference))
    return found


def _of_the_way(best: Row, base: Row) -> str:
    """How far the system and the baseline got from the untouched mixture to the clean stems."""
    if best.headroom is None or best.headroom <= 0:
        return ""
    told = ""
    if base.headroom is not None and round(base.headroom, 2) > 0:
        told = f", the baseline {100 * base.headroom:.0f} %"
    return (
        f" It goes {100 * best.headroom:.0f} % of the way from the untouched mixture to the clean "
        f"stems{told}."
    )


def _alike(one: Row, two: Row, table: Leaderboard, scores: PairScores) -> bool:
    """Whether two rows cannot be distinguished by the rule."""
    ours, theirs = (scores_of(row, table, scores) for row in (one, two))
    found = difference_of(ours, theirs, bounds=table.columns[0].bounds)
    return math.isnan(found.low) or found.low <= 0 <= found.high


def _difference(row: Row) -> Interval:
    assert row.difference is not None
    return row.difference.difference


def _amount(found: Interval, column: Column, *, sign: bool = False) -> str:
    return f"{number(found.mean, column, sign=sign)} {bracket(found, column, sign=sign)}".strip()


def _basis(found: Interval) -> str:
    """What a difference is over, such as ``50 songs, 20 listeners``."""
    return ", ".join(
        f"{count} {noun}{'s' if count != 1 else ''}"
        for count, noun in ((found.songs, "song"), (found.listeners, "listener"))
        if count
    )


def _name(row: Row) -> str:
    return clean(row.shown)


def _list(rows: Sequence[Row], amounts: Sequence[str] = ()) -> str:
    shown = [_name(row) for row in rows]
    if amounts:
        shown = [f"{name} by {amount}" for name, amount in zip(shown, amounts, strict=True)]
    if len(shown) > _NAMED:
        shown[_NAMED:] = [f"{len(rows) - _NAMED} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
