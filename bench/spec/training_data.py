"""Names of the data that weights were trained on, and which of them bar a row from a ranking."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from bench.errors import BenchError

WORDS: Final = ("unknown", "private")
"""Stated in place of a name: nothing is known, or the data are not public."""

_SAME_SONGS: Final = (("musdb18-hq", "musdb18"), ("musdb18hq", "musdb18"))
"""MUSDB18-HQ has the songs of MUSDB18, uncompressed."""


def bars(barred: str, said: str) -> bool:
    """Whether weights of which `said` is stated have seen what is `barred`.

    Case, ``_`` for ``-`` and MUSDB18-HQ for MUSDB18 make no difference; a whole corpus has all
    its parts.

    Example:
        >>> bars("musdb18-test", "MUSDB18_HQ-test"), bars("musdb18-test", "musdb18")
        (True, True)
        >>> bars("musdb18-test", "musdb18-train")
        False
    """
    barred, said = _plain(barred), _plain(said)
    return barred == said or barred.startswith(f"{said}-")


def check_words(names: Iterable[str], where: str) -> None:
    """Refuse a misspelt one of `WORDS`, which would bar nothing.

    Raises:
        BenchError: a name is nearly, and not, one of them.
    """
    for name in names:
        near = difflib.get_close_matches(_plain(name), WORDS, n=1, cutoff=0.85)
        if near and near[0] != _plain(name):
            raise BenchError(f"'{name}' bars nothing", where=where, hint=f"Write '{near[0]}'.")


def _plain(name: str) -> str:
    plain = "-".join(name.strip().casefold().replace("_", " ").split())
    for other, corpus in _SAME_SONGS:
        plain = plain.replace(other, corpus)
    return plain
