"""Gains from a user's file.

The file is JSON or TOML. Its keys are listener ids, and ``default`` for all others; each has a gain
in dB for every stem, or one such table for each ear::

    {
      "default": {"vocals": 3, "drums": 0, "bass": 0, "other": -3},
      "L0001": {
        "left": {"vocals": 6, "drums": 0, "bass": 0, "other": 0},
        "right": {"vocals": 3, "drums": 0, "bass": 0, "other": 0}
      }
    }
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.api import EARS, MOST_GAIN, STEMS, GainQuery
from bench.builtin.gains import TableOptions
from bench.errors import BenchError, suggest
from bench.runtime.documents import read_json, read_toml

DEFAULT = "default"


class Table:
    """Gains by listener, the same in every scene."""

    def __init__(self, options: TableOptions) -> None:
        if not options.path:
            raise BenchError(
                "it needs a file", where="gains 'table'", hint="Name it: -o gains.path=gains.json"
            )
        self._path = Path(options.path).expanduser()
        self._gains = {
            listener: _ear_gains(entry, f"{self._path}, '{listener}'")
            for listener, entry in _read(self._path).items()
        }
        self._per_ear = any(left != right for left, right in self._gains.values())

    def gains(self, query: GainQuery) -> Tensor:
        """dB, ``(B, 4)``, or ``(B, 2, 4)`` where the file has ears that differ.

        Raises:
            BenchError: a listener is neither in the file nor is there a default.
        """
        gains = torch.tensor([self._of(name) for name in query.listeners]).to(query.requested)
        return gains if self._per_ear else gains[:, 0]

    def _of(self, listener: str) -> tuple[list[float], list[float]]:
        found = self._gains.get(listener, self._gains.get(DEFAULT))
        if found is None:
            raise BenchError(
                f"it has no gains for listener '{listener}'",
                where=str(self._path),
                hint=f"Add '{listener}', or '{DEFAULT}' for all others.",
            )
        return found


def _read(path: Path) -> dict[str, Any]:
    table = read_toml(path) if path.suffix.lower() == ".toml" else read_json(path)
    if not isinstance(table, dict) or not table:
        raise BenchError("should map listener ids to gains", where=str(path))
    return table


def _ear_gains(entry: Any, where: str) -> tuple[list[float], list[float]]:
    if isinstance(entry, Mapping) and any(ear in entry for ear in EARS):
        _check_keys(entry, EARS, where)
        left, right = (_stem_gains(entry[ear], f"{where}, {ear}") for ear in EARS)
        return left, right
    gains = _stem_gains(entry, where)
    return gains, gains


def _stem_gains(entry: Any, where: str) -> list[float]:
    if not isinstance(entry, Mapping):
        raise BenchError("should be a gain in dB for each stem", where=where)
    _check_keys(entry, STEMS, where)
    for stem in STEMS:
        value = entry[stem]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise BenchError(f"the gain of {stem} is not a number in dB: {value!r}", where=where)
        if abs(value) > MOST_GAIN:
            what = f"the gain of {stem} is {value:g} dB, at most {MOST_GAIN:g} dB up or down"
            raise BenchError(what, where=where)
    return [float(entry[stem]) for stem in STEMS]


def _check_keys(entry: Mapping[str, Any], wanted: tuple[str, ...], where: str) -> None:
    for key in entry:
        if key not in wanted:
            raise BenchError(f"unknown key '{key}'", where=where, hint=suggest(key, wanted))
    missing = [key for key in wanted if key not in entry]
    if missing:
        raise BenchError(f"{', '.join(missing)} missing", where=where)
