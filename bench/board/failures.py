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
    has_scores = scores[(scores["status"] == "ok") & ~scores["metric"].isin(_TIMES)]
    scored = set(zip(has_scores["scene"], has_scores["listener"], strict=True))
    reasons = [text or NO_REASON for text in bad["reason"].fillna("")]
    kinds = {text: kind_of(text) for text in set(reasons)}
    kept = bad["traceback"].fillna("") if "traceback" in bad else [""] * len(bad)
    by_kind: dict[str, list[tuple[str, ...]]] = {}
    columns = (bad["scene"], bad["listener"], bad["metric"], reasons, kept)
    for row in zip(*columns, strict=True):
        by_kind.setdefault(kinds[row[3]], []).append(row)
    found = []
    for rows in by_kind.values():
        scene, listener, _, reason, _ = rows[0]
        pairs = {row[:2] for row in rows}
        found.append(
            Failure(
                reason=reason,
                pairs=len(pairs),
                texts=len({row[3] for row in rows}),
                metrics=tuple(dict.fromkeys(row[2] for row in rows)),
                scene=scene,
                listener=listener,
                traceback=next((row[4] for row in rows if row[4]), ""),
                whole=not scored & pairs,
            )
        )
    return sorted(found, key=lambda one: -one.pairs)


def failure_words(found: Sequence[Failure], most: int = 3) -> list[str]:
    """Lines with the most frequent causes, and how many more there are."""
    lines = [one.words for one in found[:most]]
    more = len(found) - len(lines)
    return [*lines, *([f"and {more} more causes"] if more else [])]
