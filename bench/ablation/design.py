"""The design of an ablation: lists of parts and a grid, from options or a TOML file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bench.errors import BenchError, suggest
from bench.options import convert, whole_number
from bench.runtime.documents import read_toml
from bench.spec.choices import LOUDNESS_LIMIT
from bench.spec.defaults import DEFAULT_GAINS, DEFAULT_SEPARATOR, DEFAULT_SUITE

_LISTS: Final = ("separator", "gains", "prescription", "loss")
_TEXTS: Final = ("suite", "protocol", "split")
_NUMBERS: Final = {"seeds": 1, "epochs": 0, "limit": 0}
"""Whole numbers with the least value that each may have."""
_SHORT: Final = {"epochs": "training.epochs", LOUDNESS_LIMIT: f"prescription.{LOUDNESS_LIMIT}"}
"""Keys that abbreviate an option."""
KEYS: Final = (*_LISTS, *_TEXTS, *_NUMBERS, LOUDNESS_LIMIT, "metrics", "grid", "options")


@dataclass(frozen=True)
class Ablation:
    """Every combination of these is a run; an empty text is the suite's own.

    Attributes:
        suite: name, or a TOML file.
        protocol: reference protocol; one, since rows of two are never compared.
        split: split to score.
        separator: names of separators.
        gains: names of gain strategies.
        prescription: names of prescriptions.
        loss: loss expressions, which may hold names of the grid in braces:
            ``"mse + {alpha}*haaqi-light"``.
        grid: values by name. A name with a dot is an option, ``"training.learning_rate"``; one
            without stands in braces in a loss.
        seeds: trainings per system, with the seeds 0, 1, 2, ...
        limit: score only this many pairs, evenly spaced; 0 for all.
        metrics: of all runs, besides the suite's.
        options: of all runs that have them, by ``"section.name"``.
    """

    suite: str = DEFAULT_SUITE
    protocol: str = ""
    split: str = ""
    separator: tuple[str, ...] = (DEFAULT_SEPARATOR,)
    gains: tuple[str, ...] = (DEFAULT_GAINS,)
    prescription: tuple[str, ...] = ("",)
    loss: tuple[str, ...] = ("",)
    grid: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seeds: int = 1
    limit: int = 0
    metrics: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


def parse_ablation(
    values: Mapping[str, Any], base: Ablation | None = None, *, where: str
) -> Ablation:
    """Override `base` with `values`, whose keys are those of the command line and of a TOML file.

    Args:
        values: KEYS by name; lists as lists or as text with commas. ``epochs`` is the option
            ``training.epochs``, ``max_loudness_loss`` that of the prescriptions.
        base: what holds where `values` say nothing.
        where: what to name in an error.

    Raises:
        BenchError: a key or value is invalid.

    Example:
        >>> parse_ablation({"gains": "fixed,cnn", "seeds": 3}, where="here").gains
        ('fixed', 'cnn')
    """
    for key in values:
        if key not in KEYS:
            raise BenchError(f"unknown key '{key}'", where=where, hint=suggest(key, KEYS))
    base = base or Ablation()
    changed: dict[str, Any] = {
        key: _list(values[key], key, where) for key in (*_LISTS, "metrics") if key in values
    }
    changed |= {key: _one(values[key], key, where) for key in _TEXTS if key in values}
    for key, least in _NUMBERS.items():
        if key in values:
            changed[key] = _number(values[key], key, least, where)
    if LOUDNESS_LIMIT in values:
        changed[LOUDNESS_LIMIT] = convert(values[LOUDNESS_LIMIT], float, where=LOUDNESS_LIMIT)
    short = {option: str(changed.pop(key)) for key, option in _SHORT.items() if key in changed}
    if short:
        changed["options"] = {**base.options, **short}
    if "grid" in values:
        pairs = _flat(values["grid"], "grid", where)
        grid = {name: _list(value, f"grid.{name}", where) for name, value in pairs}
        changed["grid"] = {**base.grid, **grid}
    if "options" in values:
        pairs = _flat(values["options"], "options", where)
        options = {name: _one(value, f"options.{name}", where) for name, value in pairs}
        changed["options"] = {**changed.get("options", base.options), **options}
    return replace(base, **changed)


def read_ablation(path: Path) -> Ablation:
    """Read an ablation from a TOML file.

    Raises:
        BenchError: it cannot be read, or is wrong.
    """
    return parse_ablation(read_toml(path), where=str(path))


def parse_assignments(texts: Iterable[str], where: str) -> dict[str, str]:
    """``["alpha=0,1"]`` -> ``{"alpha": "0,1"}``.

    Raises:
        BenchError: a text is not ``name=value``, or a name occurs twice.

    Example:
        >>> parse_assignments(["alpha=0,1"], "--grid")
        {'alpha': '0,1'}
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise BenchError(f"'{text}' is not name=value", where=where)
        if name in found:
            raise BenchError(f"'{name}' occurs twice", where=where)
        found[name] = value
    return found


def _list(value: Any, key: str, where: str) -> tuple[str, ...]:
    """Texts, each once: of a list, of one value, or of a text with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    parts = parts if isinstance(parts, list | tuple) else [parts]
    found = tuple(dict.fromkeys(_one(part, key, where).strip() for part in parts))
    if not found or "" in found:
        raise BenchError(f"'{key}' has an empty entry", where=where, hint="Write it as a,b,c.")
    return found


def _one(value: Any, key: str, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float | Path):
        raise BenchError(f"'{key}' must hold texts or numbers", where=where)
    return str(value)


def _number(value: Any, key: str, least: int, where: str) -> int:
    try:
        return whole_number(value, key, least=least, most=10**9)
    except BenchError:
        what = f"'{key}' must be a whole number, {least} or more"
        raise BenchError(what, where=where) from None


def _flat(table: Any, key: str, where: str) -> Iterator[tuple[str, Any]]:
    """A table of tables by dotted names: TOML reads ``training.epochs = 1`` as a table in one."""
    if not isinstance(table, Mapping):
        raise BenchError(f"[{key}] must be a table", where=where)
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{rest}", inner) for rest, inner in _flat(value, key, where))
        else:
            yield name, value
