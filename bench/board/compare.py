"""Comparison of two boards: value by value, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

from bench.board.schema import PROFILE_METRIC, TIME_METRIC
from bench.board.store import Board

_RUN: Final = ["suite", "split", "protocol", "label", "prescription", "loss", "epochs", "seed"]
"""The columns that identify a run independently of the code that computed it."""
_SCORE: Final = ["run", "scene", "listener", "metric", "part"]
_EPOCH: Final = ["run", "epoch", "name"]


@dataclass(frozen=True)
class Difference:
    """A value that differs between two boards; None where one has none."""

    run: str
    what: str
    ours: str | float | None
    theirs: str | float | None


@dataclass(frozen=True)
class BoardDifference:
    """The values that two boards share, and those that differ.

    Attributes:
        runs: that both have.
        values: that were compared: scores and what training logged, times left out.
        only_ours: runs that only the first has.
        only_theirs: runs that only the second has.
        differences: values that are not alike to the last bit.
    """

    runs: int
    values: int
    only_ours: tuple[str, ...]
    only_theirs: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether the two boards hold the same values."""
        return not (self.only_ours or self.only_theirs or self.differences)


def difference_of(ours: Board, theirs: Board) -> BoardDifference:
    """Compare the scores and the training logs of two boards.

    Of several runs that are the same thing the newest one counts.
    """
    one, two = _runs(ours), _runs(theirs)
    both = [run for run in one if run in two]
    found: list[Difference] = []
    count = 0
    for run in both:
        pairs = (
            (_scores(ours, one[run], run), _scores(theirs, two[run], run)),
            (_log(ours, one[run], run), _log(theirs, two[run], run)),
        )
        for mine, other in pairs:
            count += len(mine.index.union(other.index))
            found += _differences(mine, other)
    return BoardDifference(
        runs=len(both),
        values=count,
        only_ours=tuple(run for run in one if run not in two),
        only_theirs=tuple(run for run in two if run not in one),
        differences=tuple(found),
    )


def _runs(board: Board) -> dict[str, str]:
    """Run ids by what the runs are, oldest first."""
    frame = board.runs()
    names = frame[_RUN].astype(object).where(frame[_RUN].notna(), "").astype(str)
    described = names.agg(", ".join, axis=1) if len(frame) else pd.Series(dtype=str)
    return dict(zip(described, frame["run_id"], strict=True))


def _scores(board: Board, run_id: str, run: str) -> pd.Series:
    frame = board.scores(run_id)
    frame = frame[~frame["metric"].isin([TIME_METRIC, PROFILE_METRIC])]
    # A missing score is written as its reason.
    value = frame["value"].astype(object).where(frame["value"].notna(), frame["reason"])
    return frame.assign(run=run, value=value).set_index(_SCORE)["value"]


def _log(board: Board, run_id: str, run: str) -> pd.Series:
    frame = board.training(run_id)
    frame = frame[~frame["name"].str.startswith("seconds")]
    return frame.assign(run=run).set_index(_EPOCH)["value"].astype(object)


def _differences(ours: pd.Series, theirs: pd.Series) -> Iterator[Difference]:
    index = ours.index.union(theirs.index)
    one, two = ours.reindex(index), theirs.reindex(index)
    differ = ~((one == two) | (one.isna() & two.isna()))
    for key in index[differ.to_numpy()]:
        run, *rest = key
        what = ", ".join(map(str, rest))
        yield Difference(str(run), what, _plain(one[key]), _plain(two[key]))


def _plain(value: object) -> str | float | None:
    if isinstance(value, str):
        return value
    number = float(value) if value is not None else float("nan")  # type: ignore[arg-type]
    return None if number != number else number
