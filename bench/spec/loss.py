"""Loss expressions such as ``mse + 0.3*sdr + 2*loudness + 10*haaqi-light@output``.

An expression is a sum of terms ``[weight *] name [@place]``. Weights are numbers not below zero; a
term of weight 0 is computed and logged, and takes no part in training. ``joint`` stands for
:data:`JOINT`. This module imports nothing heavy: it decides run ids.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bench.errors import BenchError, suggest

JOINT: Final = "mse + 0.3*sdr + 2*loudness + 10*haaqi-light"
"""The seed paper's objective."""
PLACES: Final = ("stems", "remix", "output")

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z][\w.-]*(?:/[A-Za-z][\w.-]*)?)"
    r"|(?P<sign>[+*@])|(?P<end>$)|(?P<other>.))",
    re.DOTALL,
)


class EmptyObjectiveError(BenchError):
    """A loss of which every weight is zero."""


@dataclass(frozen=True)
class Term:
    """One term: its weight, the loss's name, and where it acts (None: the loss's own default)."""

    weight: float
    name: str
    place: str | None = None

    @property
    def label(self) -> str:
        """The name that its values are logged under: ``name`` or ``name@place``."""
        return self.name if self.place is None else f"{self.name}@{self.place}"


@dataclass(frozen=True)
class LossExpression:
    """A sum of loss terms, in one order whatever the order in which they were written.

    Its text is canonical: it reads back as the same expression, and is part of a run's id.

    Example:
        >>> expression = LossExpression.parse("1.50 * sdr@remix+mse", ("mse", "sdr"))
        >>> str(expression)
        'mse + 1.5*sdr@remix'
        >>> expression.names
        ('mse', 'sdr')
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        ordered = sorted(self.terms, key=lambda term: (term.name, term.place or ""))
        object.__setattr__(self, "terms", tuple(ordered))

    @classmethod
    def parse(cls, text: str, known: Sequence[str]) -> LossExpression:
        """Read an expression.

        Args:
            text: the expression; ``joint`` in it is replaced by its own terms.
            known: names of the losses that there are; ``distribution/name`` is accepted for them
                too.

        Raises:
            BenchError: the expression is wrong; the message names the column.

        Example:
            >>> LossExpression.parse("2*mse", ("mse",)).terms
            (Term(weight=2.0, name='mse', place=None),)
        """
        return cls(parse_terms(text, known))

    @property
    def names(self) -> tuple[str, ...]:
        """The losses in it, each once."""
        return tuple(dict.fromkeys(term.name for term in self.terms))

    def renamed(self, names: Mapping[str, str]) -> LossExpression:
        """The same by other names of the losses."""
        return LossExpression(
            tuple(replace(term, name=names.get(term.name, term.name)) for term in self.terms)
        )

    def __str__(self) -> str:
        return " + ".join(_weight_text(term.weight) + term.label for term in self.terms)


def parse_terms(text: str, known: Sequence[str]) -> tuple[Term, ...]:
    """The terms of an expression in the order in which they were written.

    Args:
        text: the expression.
        known: as of :meth:`LossExpression.parse`.

    Raises:
        BenchError: the expression is wrong; the message names the column.

    Example:
        >>> parse_terms("mse + .5*sdr@remix", ("mse", "sdr"))
        (Term(weight=1.0, name='mse', place=None), Term(weight=0.5, name='sdr', place='remix'))
    """
    terms = tuple(_Parser(text, known).terms())
    labels = [term.label for term in terms]
    for label in labels:
        if labels.count(label) > 1:
            raise BenchError(
                f"'{label}' occurs twice",
                where=f"loss '{text}'",
                hint=f"Give it one weight, such as 2*{label}.",
            )
    if not any(term.weight for term in terms):
        raise EmptyObjectiveError(
            "every weight is zero",
            where=f"loss '{text}'",
            hint="At least one term needs a weight above zero.",
        )
    return terms


def _weight_text(weight: float) -> str:
    # repr is the shortest text that reads back as the same number.
    return "" if weight == 1 else repr(weight).removesuffix(".0") + "*"


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    column: int


class _Parser:
    """Recursive descent over one expression."""

    def __init__(self, text: str, known: Sequence[str]) -> None:
        self._text = text
        self._known = tuple(known)
        self._tokens = _tokens(text)
        self._next = next(self._tokens)

    def terms(self) -> Iterator[Term]:
        yield from self._term()
        while self._next.kind != "end":
            self._take("+", "a '+' between two terms")
            yield from self._term()

    def _term(self) -> Iterator[Term]:
        weight = 1.0
        if self._next.kind == "number":
            number = self._advance()
            weight = float(number.text)
            if not math.isfinite(weight):
                raise self._error(f"the weight {number.text} is too large", number)
            self._take("*", "'*' and the name of a loss")
        token = self._advance()
        if token.kind != "name":
            raise self._error(f"expected the name of a loss, found {_describe(token)}", token)
        place = self._place()
        if token.text == "joint" and "joint" not in self._known:
            if place is not None:
                raise self._error(
                    "'joint' has several terms and cannot be applied at one place", token
                )
            joint = parse_terms(JOINT, self._known)
            yield from (Term(weight * term.weight, term.name, term.place) for term in joint)
            return
        if token.text.rpartition("/")[2] not in self._known:
            hint = suggest(token.text.lower(), (*self._known, "joint"))
            raise self._error(f"there is no loss '{token.text}'", token, hint)
        yield Term(weight, token.text, place)

    def _place(self) -> str | None:
        if self._next.text != "@":
            return None
        self._advance()
        token = self._advance()
        if token.text not in PLACES:
            hint = f"A loss acts on {', '.join(PLACES[:-1])} or {PLACES[-1]}."
            raise self._error(f"expected a place, found {_describe(token)}", token, hint)
        return token.text

    def _take(self, sign: str, wanted: str) -> None:
        token = self._advance()
        if token.text != sign:
            hint = ""
            if token.text == "-":
                hint = "Weights cannot be negative: every loss is minimised."
            raise self._error(f"expected {wanted}, found {_describe(token)}", token, hint)

    def _advance(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._tokens)
        return token

    def _error(self, what: str, token: _Token, hint: str = "") -> BenchError:
        return BenchError(
            f"{what} (column {token.column})",
            where=f"loss '{self._text}'",
            hint=hint or "Write it as mse + 0.3*sdr + 10*haaqi-light@output.",
        )


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        assert match is not None
        assert match.lastgroup is not None
        kind = match.lastgroup
        yield _Token(kind, match.group(kind), match.start(kind) + 1)
        position = match.end()
        if kind == "end":
            return


def _describe(token: _Token) -> str:
    return "the end" if token.kind == "end" else f"'{token.text}'"
