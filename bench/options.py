"""Typed options: how they are written, what types and bounds they have, near matches of names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from os import PathLike
from typing import Any, Final

from bench.errors import BenchError, suggest


@dataclass(frozen=True)
class Rule:
    """The constraints on the values of an option besides their type; None where there is none.

    Attributes:
        least: the least number, itself allowed.
        most: the greatest number, itself allowed.
        above: all numbers above it are allowed.
        below: all numbers below it are allowed.
        one_of: the only texts that are allowed.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    one_of: tuple[str, ...] = ()

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Rule:
        """The rule in a field's metadata, as :func:`bench.api.option` writes it."""
        return cls(**{f.name: metadata[f.name] for f in fields(cls) if f.name in metadata})

    @property
    def bounded(self) -> bool:
        """Whether it bounds numbers at all."""
        return any(x is not None for x in (self.least, self.most, self.above, self.below))

    def __str__(self) -> str:
        parts = [
            *([f"at least {self.least:g}"] if self.least is not None else []),
            *([f"above {self.above:g}"] if self.above is not None else []),
            *([f"at most {self.most:g}"] if self.most is not None else []),
            *([f"below {self.below:g}"] if self.below is not None else []),
        ]
        return " and ".join(parts) or " or ".join(self.one_of)

    def checked(self, value: Any, *, where: str) -> Any:
        """The value.

        Raises:
            BenchError: it breaks the rule.

        Example:
            >>> Rule(least=0, below=1).checked(0.5, where="overlap")
            0.5
        """
        if self.one_of and value not in self.one_of:
            hint = suggest(str(value), list(self.one_of))
            raise BenchError(
                f"'{value}' is not one of {', '.join(self.one_of)}", where=where, hint=hint
            )
        if not isinstance(value, int | float) or isinstance(value, bool):
            return value
        broken = (
            (self.least is not None and value < self.least)
            or (self.most is not None and value > self.most)
            or (self.above is not None and value <= self.above)
            or (self.below is not None and value >= self.below)
        )
        if broken:
            raise BenchError(f"{value} is not allowed, it must be {self}", where=where)
        return value


def convert(value: Any, wanted: Any, *, where: str) -> Any:
    """A value, or its text from a command line, as the type `wanted`; numbers are finite.

    Raises:
        BenchError: it cannot be converted.

    Example:
        >>> convert("0.5", float, where="separator 'x'")
        0.5
    """
    try:
        if wanted is bool:
            if isinstance(value, bool):
                return value
            return _TRUTHS[str(value).lower()]
        if wanted in (int, float, str):
            return _PLAIN[wanted](value)
    except (ValueError, KeyError, TypeError, OverflowError):
        message = f"'{_short(value)}' is not a valid {wanted.__name__}"
        raise BenchError(message, where=where) from None
    return value


_TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str | Integral):
        raise ValueError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | Real):
        raise ValueError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    # Minus zero is another text in a run's id.
    return number + 0.0


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | Real | PathLike):
        raise ValueError
    text = str(value)
    if "\0" in text:
        raise ValueError
    # Not every text that a command line gives can be written down.
    text.encode("utf-8")
    return text


_PLAIN: Final[Mapping[Any, Any]] = {int: _whole, float: _number, str: _text}


def _short(value: Any) -> str:
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def whole_number(value: Any, name: str, *, least: int = 0, most: int = 2**63 - 1) -> int:
    """A whole number that a caller gives, or its text.

    Raises:
        BenchError: it is not a whole number, or out of bounds.

    Example:
        >>> whole_number("3", "seed")
        3
    """
    found: int = convert(value, int, where=name)
    Rule(least=least, most=most).checked(found, where=name)
    return found


SECTIONS = (
    *("separator", "gains", "prescription", "dataset", "training", "loss", "metric"),
    "baseline",
)


def parse_options(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """``["separator.weights=x", "loss.sdr.scale_invariant=false"]`` by section.

    For losses and metrics the key keeps the plugin's name: ``{"loss": {"sdr.x": ...}}``; for
    baselines the kind of plugin: ``{"baseline": {"separator.weights": ...}}``.

    Raises:
        BenchError: a text is not ``section.name=value``.

    Example:
        >>> parse_options(["separator.weights=musdb"])["separator"]
        {'weights': 'musdb'}
    """
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for text in texts:
        key, equals, value = text.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and dot and name):
            hint = "Write it as section.name=value, such as separator.weights=bundled"
            raise BenchError(f"'{_short(text)}' is not an option", where="-o", hint=hint)
        if section not in found:
            hint = suggest(section, list(SECTIONS))
            what = f"unknown section '{section}' in '{_short(text)}'"
            raise BenchError(what, where="-o", hint=hint)
        found[section][name] = value.strip()
    return found
