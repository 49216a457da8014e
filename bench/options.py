"""Typed options: how they are written, what types they have, and near matches of their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.errors import BenchError, suggest


def convert(value: Any, wanted: Any, *, where: str) -> Any:
    """A value, or its text from a command line, as the type `wanted`.

    Raises:
        BenchError: it is no such thing.

    Example:
        >>> convert("0.5", float, where="separator 'x'")
        0.5
    """
    try:
        if wanted is bool:
            if isinstance(value, bool):
                return value
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
                str(value).lower()
            ]
        if wanted in (int, float, str):
            if isinstance(value, bool):
                raise ValueError
            return wanted(value)
    except (ValueError, KeyError, TypeError):
        message = f"'{value}' is not a valid {wanted.__name__}"
        raise BenchError(message, where=where) from None
    return value


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
            raise BenchError(f"'{text}' is not an option", where="-o", hint=hint)
        if section not in found:
            hint = suggest(section, list(SECTIONS))
            raise BenchError(f"unknown section '{section}' in '{text}'", where="-o", hint=hint)
        found[section][name] = value.strip()
    return found
