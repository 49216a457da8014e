"""Questions that a listening test asks at its end, from a TOML file.

.. code-block:: toml

    [[questions]]
    id = "age"
    text = "How old are you?"
    kind = "number"         # number, text, choice (one of several) or choices (some of several)
    low = 18
    high = 120
    required = true         # default: false

    [[questions]]
    id = "aids"
    text = "Do you wear hearing aids?"
    kind = "choice"
    choices = ["never", "sometimes", "all day"]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any, Final

from bench.errors import BenchError, suggest
from bench.runtime.documents import read_toml

KINDS: Final = ("number", "text", "choice", "choices")
_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        id: the name of its answer in the file of ratings.
        text: as it is asked.
        kind: of KINDS.
        choices: what can be chosen, of the kinds ``choice`` and ``choices``.
        low: the least number.
        high: the greatest number.
        required: whether the test does not end without an answer.
    """

    id: str
    text: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    required: bool = False


def read_questions(path: Path) -> tuple[Question, ...]:
    """The questions of a TOML file.

    Raises:
        BenchError: it cannot be read, or a question is invalid.
    """
    content = read_toml(path)
    entries = content.get("questions")
    if not (isinstance(entries, list) and entries and set(content) == {"questions"}):
        hint = 'Write each as [[questions]] with id = "age" and text = "How old are you?"'
        raise BenchError("this is not a file of questions", where=str(path), hint=hint)
    found: dict[str, Question] = {}
    for number, entry in enumerate(entries, start=1):
        question = _question(entry, f"{path}, question {number}")
        if question.id in found:
            raise BenchError(f"the id '{question.id}' occurs twice", where=str(path))
        found[question.id] = question
    return tuple(found.values())


def _question(entry: object, where: str) -> Question:
    if not isinstance(entry, Mapping):
        raise BenchError("it is not a table", where=where, hint="Write it as [[questions]]")
    known = [field.name for field in fields(Question)]
    for name in entry:
        if name not in known:
            raise BenchError(f"there is no '{name}'", where=where, hint=suggest(name, known))
    values: dict[str, Any] = dict(entry)
    for name in ("id", "text", "kind"):
        if not isinstance(values.get(name, "text" if name == "kind" else None), str):
            raise BenchError(f"'{name}' must be a string", where=where)
    if not _ID.fullmatch(values["id"]):
        hint = "A letter first, then letters, digits, - and _; at most 40 characters."
        raise BenchError(f"'{values['id']}' is not a valid id", where=where, hint=hint)
    if not values["text"].strip():
        raise BenchError("its text is empty", where=where)
    kind = values.get("kind", "text")
    if kind not in KINDS:
        raise BenchError(f"there is no kind '{kind}'", where=where, hint=suggest(kind, KINDS))
    if not isinstance(values.get("required", False), bool):
        raise BenchError("required must be true or false", where=where)
    return Question(
        **{**values, "choices": _choices(values, kind, where), **_range(values, kind, where)}
    )


def _choices(values: Mapping[str, Any], kind: str, where: str) -> tuple[str, ...]:
    chosen = values.get("choices", [])
    texts = isinstance(chosen, list) and all(isinstance(x, str) and x.strip() for x in chosen)
    if not texts or len(set(chosen)) < len(chosen):
        raise BenchError("choices must be a list of distinct strings", where=where)
    if bool(chosen) != kind.startswith("choice"):
        what = "needs choices" if not chosen else "has no choices"
        raise BenchError(f"the kind '{kind}' {what}", where=where)
    return tuple(chosen)


def _range(values: Mapping[str, Any], kind: str, where: str) -> dict[str, float | None]:
    ends: dict[str, float | None] = {}
    for name in ("low", "high"):
        value = values.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (kind == "number" and is_number and isfinite(value)):
            what = f"{name} must be a number, and needs the kind 'number'"
            raise BenchError(what, where=where)
        ends[name] = value
    low, high = ends["low"], ends["high"]
    if low is not None and high is not None and low > high:
        raise BenchError("low is above high", where=where)
    return ends
