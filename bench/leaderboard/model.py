"""The data model of a leaderboard: columns, rows, and what its numbers mean in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench.board.failures import Failure
from bench.board.rules import Rules
from bench.leaderboard.names import Name
from bench.leaderboard.statistics import Comparison, Interval, smallest_p
from bench.tables.notebook import Shown

PROTOCOL_WORDS: Final = {
    "challenge": (
        "The reference is the clean stems remixed with the gains that the scene requests, "
        "brought to the loudness of the mixture (the challenge's official protocol)."
    ),
    "shared-gains": (
        "The reference is the clean stems remixed with the system's own gains, brought to the "
        "loudness of the mixture (the seed paper's protocol). Gains are not judged here, and "
        "scores cannot be compared with those of the challenge protocol."
    ),
}
ONE_WAY_WORDS: Final = (
    "Brackets are 95 % confidence intervals over songs: Student's t with a cluster-robust standard "
    "error, extended from 13 songs on to the bootstrap-t interval where that is wider."
)
TWO_WAY_WORDS: Final = (
    "Brackets are 95 % confidence intervals over songs and listeners: Student's t with a two-way "
    "cluster-robust standard error."
)
OTHER_DATA: Final = "it was scored on other data than the newest row"
"""Why a row is neither ranked nor compared, where its data are not those of the others."""


@dataclass(frozen=True)
class Column:
    """A column of scores: the metric's headline or a named part.

    `decimals` and `scale` (a factor) are for people; files for programs keep the plain values.
    `better` is 1 where more is better, -1 where less is, 0 where values near 0 are. `about` says
    what the metric is. `bounds` are the least and greatest value that there can be, None without
    any; with `median` the median over songs is shown beside the mean.
    """

    key: str
    title: str
    unit: str = ""
    decimals: int = 3
    scale: float = 1.0
    bounds: tuple[float, float] | None = None
    median: bool = False
    better: int = 1
    about: str = ""


@dataclass(frozen=True)
class Row:
    """One run on a leaderboard, or the runs of one system that differ in their seed.

    Attributes:
        run: the run's row of the board's table `runs`.
        label: unique on this leaderboard; it identifies the row.
        name: the same in parts, without what all rows share.
        rank: best and worst rank that it may have; None where it is not ranked.
        unranked_reason: why not; empty where it is.
        n: (scene, listener) pairs that have the leaderboard's first score.
        n_failed: pairs with a failed score.
        n_excluded: pairs that are scored but excluded by the suite's rule on hearing loss.
        headroom: how far it got from the untouched mixture (0) to the clean stems (1); None where
            the board has not both ends.
        values: mean and interval by column key.
        difference: of the first score to the baseline's, paired, with its p-value before Holm.
        p: Holm-corrected p-value of that difference.
        is_baseline: whether the others are compared with this row.
        medians: median over songs by column key, of columns that show it.
        verification: the result of its last verification, as the board's table
            `verified` has it; None where it was not.
        seeds: of a summary, the seeds that it is the mean of; its intervals are over them. Empty
            for one run.
        system: of one seed among several, the label of their summary. Such a row has no rank and
            its difference no p-value: those are the summary's.
        reference: number of its reference; rows with different ones are neither ranked nor
            compared.
        failures: why pairs failed, the most frequent cause first.
    """

    run: Mapping[str, Any]
    label: str
    rank: tuple[int, int] | None
    unranked_reason: str
    n: int
    n_failed: int
    values: Mapping[str, Interval]
    difference: Comparison | None = None
    p: float | None = None
    is_baseline: bool = False
    medians: Mapping[str, float] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    system: str = ""
    reference: int = 0
    failures: tuple[Failure, ...] = ()
    n_excluded: int = 0
    verification: Mapping[str, Any] | None = None
    name: Name | None = None
    headroom: float | None = None

    @property
    def parts(self) -> Name:
        """Its name in parts; the label where none was made."""
        return self.name or Name(self.label)

    @property
    def shown(self) -> str:
        """Its name for people, without what all rows share."""
        return str(self.parts)

    @property
    def against_baseline(self) -> int:
        """1 where it is better than the baseline, -1 where worse, 0 where neither can be said.

        Two systems are distinguished if the 95 % interval of their paired difference excludes 0.
        """
        found = self.difference.difference if self.difference is not None else None
        if found is None or math.isnan(found.low) or found.low <= 0.0 <= found.high:
            return 0
        return 1 if found.mean > 0.0 else -1


def counted(row: Row) -> str:
    """How many pairs count, and of how many where some are left out."""
    return f"{row.n} of {row.n + row.n_excluded}" if row.n_excluded else str(row.n)


@dataclass(frozen=True)
class Contrast:
    """A comparison that was named before any score was seen.

    Attributes:
        ours: label, or ``separator + gains``, of the one row.
        theirs: of the other.
        comparison: ours minus theirs, None where a row is not on the board or they may not be
            compared.
        p: Holm-corrected over all contrasts that were named, there or not.
    """

    ours: str
    theirs: str
    comparison: Comparison | None
    p: float | None


@dataclass(frozen=True, repr=False)
class Leaderboard(Shown):
    """Rows that may be compared, best first, and what a reader must know about them.

    `rows` are single runs. `summaries` are rows of the systems that have several seeds. `shown` are
    the keys of the columns that tables show, all where it is empty; `sort` is the key of the column
    by which they are sorted, the first where it is empty.
    """

    suite: str
    split: str
    protocol: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    baseline: str
    notes: tuple[str, ...]
    saturated: tuple[tuple[str, str], ...] = ()
    """(scene, listener) where all systems score alike within 0.01."""
    summaries: tuple[Row, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    verdict: tuple[str, ...] = ()
    """Which system is better, for whom, how sure: a few sentences."""
    rules: Rules = field(default_factory=Rules)
    shared: tuple[str, ...] = ()
    """What all rows share, in sentences: names leave it out."""
    shown: tuple[str, ...] = ()
    sort: str = ""

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """The columns that tables show; ranks and differences are of the first of all."""
        return tuple(c for c in self.columns if not self.shown or c.key in self.shown)

    @property
    def protocol_words(self) -> str:
        """The definition of the reference, in a sentence."""
        return PROTOCOL_WORDS.get(self.protocol, "")

    @property
    def interval_words(self) -> str:
        """The meaning of brackets, p and ranks, in a few sentences."""
        two_way = any(value.two_way for row in self.rows for value in row.values.values())
        songs = "a permutation test with sign flips of whole songs"
        p = f"{songs}, one of whole listeners and Student's t, the largest" if two_way else songs
        over = "the contrasts named beforehand" if self.contrasts else "the rows"
        median = " M is the median over songs." if any(c.median for c in self.columns) else ""
        seeds = " With several seeds, the mean over seeds is shown with its interval over seeds."
        return (
            f"{TWO_WAY_WORDS if two_way else ONE_WAY_WORDS} Differences are paired by (song, "
            f"scene, listener); p is from {p}, Holm-corrected over {over}. Two rows share ranks "
            "unless the 95 % interval of their paired difference excludes 0; other rows have no "
            "influence on this."
            f"{seeds if self.summaries else ''}{median}"
        )

    @property
    def shows_p(self) -> bool:
        """Whether a p-value can be below 0.05, given the numbers of songs and comparisons."""
        compared = [row for row in self.systems if row.difference is not None]
        several = len(self.contrasts) or len(compared)
        return self.songs > 0 and smallest_p(self.songs) * max(1, several) <= 0.05

    @property
    def systems(self) -> tuple[Row, ...]:
        """The ranked systems, best first: rows, and summaries in place of their seeds."""
        return self.lines()

    def lines(self, *, expand: bool = False) -> tuple[Row, ...]:
        """The lines of a table, best first; with `expand` the seeds after each summary."""
        alone = [row for row in self.rows if not row.system]
        found: list[Row] = []
        for line in sorted([*alone, *self.summaries], key=self._place):
            found.append(line)
            if expand and line.seeds:
                found += [row for row in self.rows if row.system == line.label]
        return tuple(found)

    def _place(self, row: Row) -> tuple[bool, float]:
        """The best score of the column first, rows without any in the end."""
        key = self.sort or (self.columns[0].key if self.columns else "")
        if key not in row.values:
            return (True, 0.0)
        column = next(column for column in self.columns if column.key == key)
        mean = row.values[key].mean
        return (False, -mean * column.better if column.better else abs(mean))

    @property
    def comparable(self) -> tuple[Row, ...]:
        """The rows that have scores, all of the same data; ranked or not."""
        return tuple(row for row in self.rows if row.n and row.unranked_reason != OTHER_DATA)

    @property
    def songs(self) -> int:
        """Songs that the rows were scored on."""
        first = self.columns[0].key if self.columns else ""
        return max((row.values[first].songs for row in self.rows if first in row.values), default=0)
