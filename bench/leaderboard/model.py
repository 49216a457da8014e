"""What a leaderboard is: columns, rows, and what its numbers mean in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.leaderboard.statistics import Comparison, Interval

PROTOCOL_WORDS: Final = {
    "challenge": (
        "The reference is the clean stems remixed with the gains that the scene asks for, brought "
        "to the loudness of the mixture (the challenge's official protocol)."
    ),
    "shared-gains": (
        "The reference is the clean stems remixed with the system's own gains, brought to the "
        "loudness of the mixture (the seed paper's protocol). Gains are not judged here, and "
        "scores cannot be compared with those of the challenge protocol."
    ),
}
INTERVAL_WORDS: Final = (
    "Brackets hold 95 % intervals: Student's t over songs with up to 5 songs, a bootstrap-t of "
    "songs with more. Differences are paired by (song, scene, listener); p is of a permutation "
    "test that flips whole songs, corrected by Holm over the rows. Rows share ranks unless the "
    "interval of their paired difference, widened for the number of rows, leaves out 0."
)


OTHER_DATA: Final = "it was scored on other data than the newest row"
"""Why a row is neither ranked nor compared, where its data are not those of the others."""


@dataclass(frozen=True)
class Column:
    """A column of scores: the metric's headline or a named part.

    `decimals` and `scale` (a factor) are for people; files for programs keep the plain values.
    """

    key: str
    title: str
    unit: str = ""
    decimals: int = 3
    scale: float = 1.0


@dataclass(frozen=True)
class Row:
    """One run on a leaderboard.

    Attributes:
        run: the run's row of the board's table `runs`.
        label: its name, distinct on this leaderboard.
        rank: best and worst rank that it may have; None where it is not ranked.
        unranked_reason: why not; empty where it is.
        n: (scene, listener) pairs that have the leaderboard's first score.
        n_failed: pairs of which something failed.
        values: mean and interval by column key.
        difference: of the first score to the baseline's, paired, with its p-value before Holm.
        p: Holm-corrected p-value of that difference.
        is_baseline: whether the others are compared with this row.
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


@dataclass(frozen=True)
class Leaderboard:
    """Rows that may be compared, best first, and what a reader must know of them."""

    suite: str
    split: str
    protocol: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    baseline: str
    notes: tuple[str, ...]
    saturated: tuple[tuple[str, str], ...] = ()
    """(scene, listener) where all systems score alike within 0.01."""

    @property
    def protocol_words(self) -> str:
        """What the reference is, in a sentence."""
        return PROTOCOL_WORDS.get(self.protocol, "")

    @property
    def comparable(self) -> tuple[Row, ...]:
        """The rows that have scores, all of the same data; ranked or not."""
        return tuple(row for row in self.rows if row.n and row.unranked_reason != OTHER_DATA)

    @property
    def songs(self) -> int:
        """Songs that the rows were scored on."""
        first = self.columns[0].key if self.columns else ""
        return max((row.values[first].songs for row in self.rows if first in row.values), default=0)
