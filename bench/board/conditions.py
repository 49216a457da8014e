"""Conditions on runs, as ``--where separator=hdemucs*``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from bench.board.schema import RUNS
from bench.errors import BenchError, suggest

_FORM: Final = re.compile(r"\s*(\w+)\s*(!=|=)\s*(.*?)\s*", re.DOTALL)
_COLUMNS: Final = tuple(column.name for column in RUNS)


@dataclass(frozen=True)
class Condition:
    """A column of the table `runs` is, or is not, like a pattern with ``*`` and ``?``."""

    column: str
    pattern: str
    negated: bool = False

    def holds(self, run: Mapping[str, Any]) -> bool:
        """Whether it holds for a run's row; an empty column is an empty text."""
        value = run.get(self.column)
        text = "" if value is None or value != value else str(value)
        return fnmatchcase(text.lower(), self.pattern.lower()) != self.negated


def parse_conditions(texts: Sequence[str]) -> tuple[Condition, ...]:
    """Conditions that must all hold, each as ``COLUMN=PATTERN`` or ``COLUMN!=PATTERN``.

    Raises:
        BenchError: one is written differently, or there is no such column.

    Example:
        >>> [condition] = parse_conditions(["separator=hdemucs*"])
        >>> condition.holds({"separator": "hdemucs-ft"}), condition.holds({"separator": "oracle"})
        (True, False)
    """
    found = []
    for text in texts:
        parts = _FORM.fullmatch(text)
        if parts is None:
            hint = "Write it as separator=hdemucs* or status!=done."
            raise BenchError(f"'{text}' is not a condition", where="--where", hint=hint)
        column, sign, pattern = parts.groups()
        if column not in _COLUMNS:
            hint = suggest(column, _COLUMNS)
            raise BenchError(f"runs have no column '{column}'", where="--where", hint=hint)
        found.append(Condition(column, pattern, sign == "!="))
    return tuple(found)
