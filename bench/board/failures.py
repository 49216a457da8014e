"""The failures of a run, one entry per cause whatever the number of scores affected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from bench.board.schema import TIME_METRIC

NO_REASON: Final = "no reason was recorded"
_CAUSE: Final = re.compile(r"(?P<type>\w+)(: .*)? \((?P<place>[^()]+:\d+)\)", re.DOTALL)
_TIMES: Final = (TIME_METRIC,)


@dataclass(frozen=True)
class Failure:
    """A cause of failures in a run, with the pairs and metrics affected.

    Attributes:
        reason: of the first pair.
        pairs: (scene, listener) pairs.
        texts: distinct messages of the cause; above 1 where they name scenes or numbers.
        metrics: that failed.
        scene: of the first pair.
        listener: of the first pair.
        traceback: of the first pair; empty where none was kept.
        whole: whether the pairs have no score at all.
    """

    reason: str
    pairs: int
    texts: int
    metrics: tuple[str, ...]
    scene: str
    listener: str
    traceback: str
    whole: bool

    @property
    def words(self) -> str:
        """The reason and the affected pairs, in one line."""
        count = f"{self.pairs} pair" if self.pairs == 1 else f"{self.pairs} pairs"
        of = "" if self.whole else f" of {', '.join(self.metrics)}"
        others = f" (and {self.texts - 1} other wordings)" if self.texts > 1 else ""
        return f"{self.reason}{others}: {count}{of}"


def kind_of(reason: str) -> str:
    """The key by which two reasons are one cause: the type of the error and its place in the code.

    Example:
        >>> kind_of("ValueError: scene 7 is odd (mine/separator.py:31)")
        'ValueError mine/separator.py:31'
        >>> kind_of("a.flac: there is no such file")
        'a.flac: there is no such file'
    """
    found = _CAUSE.fullmatch(reason)
    return f"{found['type']} {found['place']}" if found else reason


def failures_of(scores: pd.DataFrame) -> list[Failure]:
    """The causes of what failed in one run, the most frequent first.

    Args:
        scores: its rows of the table `scores`.
    """
    bad = scores[scores["status"] == "failed"]
    if bad.empty:
        return []
    bad = bad.assign(reason=bad["reason"].fillna("").replace("", NO_REASON))
    pair = ["scene", "listener"]
    has_scores = scores[(scores["status"] == "ok") & ~scores["metric"].isin(_TIMES)]
    scored = set(has_scores[pair].itertuples(index=False, name=None))
    kinds = bad["reason"].map({text: kind_of(text) for text in bad["reason"].unique()})
    found = []
    for _, own in bad.groupby(kinds, sort=False):
        pairs = own[pair].drop_duplicates()
        first = own.iloc[0]
        kept = own["traceback"] if "traceback" in own else pd.Series(dtype=object)
        kept = kept[kept.fillna("") != ""]
        found.append(
            Failure(
                reason=str(first["reason"]),
                pairs=len(pairs),
                texts=own["reason"].nunique(),
                metrics=tuple(own["metric"].unique()),
                scene=str(first["scene"]),
                listener=str(first["listener"]),
                traceback=str(kept.iloc[0]) if len(kept) else "",
                whole=not scored & set(pairs.itertuples(index=False, name=None)),
            )
        )
    return sorted(found, key=lambda one: -one.pairs)


def failure_words(found: Sequence[Failure], most: int = 3) -> list[str]:
    """Lines with the most frequent causes, and how many more there are."""
    lines = [one.words for one in found[:most]]
    more = len(found) - len(lines)
    return [*lines, *([f"and {more} more causes"] if more else [])]
