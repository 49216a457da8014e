"""The rules that a suite fixes for the statistics of its board, as the board records them.

Contrasts and exclusions count as named beforehand only where they were known before the scores
were. So each run keeps the rules as they were when it began, and a board says where they differ
from those that it is read with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rules:
    """Rules of a board's statistics.

    Attributes:
        contrasts: labels, A and B, of comparisons that alone have p-values.
        hearing_loss_below: dB HL; pairs whose listener's better ear averages this or more at 0.5,
            1, 2 and 4 kHz are scored and kept, and count in no statistic. None where all count.
        baseline: ``separator + gains`` of the row that others are compared with, for those who read
            the board without the suite's file; empty where there is none.
    """

    contrasts: tuple[tuple[str, str], ...] = ()
    hearing_loss_below: float | None = None
    baseline: str = ""

    def as_json(self) -> str:
        """The form in which a board keeps them.

        Example:
            >>> Rules((("A + x", "B + x"),)).as_json()
            '{"baseline": "", "contrasts": [["A + x", "B + x"]], "hearing_loss_below": null}'
        """
        content = {
            "contrasts": [list(pair) for pair in self.contrasts],
            "hearing_loss_below": self.hearing_loss_below,
            "baseline": self.baseline,
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> Rules | None:
        """The rules that a run's row keeps; None where it keeps none."""
        try:
            content = json.loads(run.get("rules_json") or "")
            contrasts = tuple((str(a), str(b)) for a, b in content["contrasts"])
            limit = content["hearing_loss_below"]
            baseline = str(content.get("baseline", ""))  # boards of earlier versions lack it
            return cls(contrasts, None if limit is None else float(limit), baseline)
        except (ValueError, TypeError, KeyError):
            return None


def late_rules(rules: Rules, runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say which rules differ from those that runs had when they began.

    Args:
        rules: those that the board is read with.
        runs: rows of the board that have scores.
    """
    known = [then for run in runs if (then := Rules.of(run)) is not None]
    others = sum(then.contrasts != rules.contrasts for then in known)
    if others:
        yield (
            f"The contrasts were not named beforehand: {_of(others, known)} began with "
            f"{'others' if any(then.contrasts for then in known) else 'none'}, so the scores may "
            "have been seen before the contrasts were chosen."
        )
    others = sum(then.hearing_loss_below != rules.hearing_loss_below for then in known)
    if others:
        yield (
            f"The rule for excluding pairs was changed: {_of(others, known)} began with another, "
            "so the scores may have been seen before it was chosen."
        )


def _of(some: int, known: Sequence[Rules]) -> str:
    return f"{some} of {len(known)} runs" if len(known) > 1 else "the run"
