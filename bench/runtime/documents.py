"""JSON and TOML files of a user: the only readers of them, with one set of rules.

A file is UTF-8, with or without a byte-order mark. An entry is there once; whole numbers are not
absurdly large; texts are Unicode; nothing is nested more deeply than a person would. That numbers
are finite is for those to check who know what they are.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.errors import BenchError

NO_FILE: Final = "cannot be read: there is no such file"
DEEPEST: Final = 50
"""Levels of lists and objects."""
_DIGITS: Final = 25
"""Digits of a whole number, at most."""


class _Fault(ValueError):
    """What is wrong with a document, in words for a user."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what, self.hint = what, hint


def read_json(path: Path, *, missing: str = NO_FILE, hint: str = "") -> Any:
    """The content of a JSON file.

    Args:
        path: the file.
        missing: what is said where it is not there.
        hint: what to do then.

    Raises:
        BenchError: it cannot be read, or breaks the rules; the message names the file and, of what
            is malformed, the line.
    """
    return parse_json(read_text(path, missing=missing, hint=hint), where=str(path))


def parse_json(text: str, *, where: str) -> Any:
    """The content of a JSON text.

    Raises:
        BenchError: it breaks the rules.
    """
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_int=_whole)
        _check(found)
        return found
    except json.JSONDecodeError as error:
        at = f"{where}, line {error.lineno}, column {error.colno}"
        raise BenchError(f"malformed JSON: {error.msg}", where=at) from None
    except RecursionError:
        raise BenchError("malformed JSON: nested too deeply", where=where) from None
    except _Fault as fault:
        raise BenchError(fault.what, where=where, hint=fault.hint) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        BenchError: as for :func:`read_json`.
    """
    return parse_toml(read_text(path), where=str(path))


def parse_toml(text: str, *, where: str) -> dict[str, Any]:
    """The content of a TOML text.

    Raises:
        BenchError: it breaks the rules.
    """
    try:
        found = tomllib.loads(text)
        _check(found)
        return found
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"malformed TOML: {error}", where=where) from None
    except RecursionError:
        raise BenchError("malformed TOML: nested too deeply", where=where) from None
    except _Fault as fault:
        raise BenchError(fault.what, where=where, hint=fault.hint) from None
    except ValueError as error:  # a number of thousands of digits
        reason = str(error).partition(";")[0]
        raise BenchError(f"malformed TOML: {reason}", where=where) from None


def read_text(path: Path, *, missing: str = NO_FILE, hint: str = "") -> str:
    """A text file in UTF-8, without the byte-order mark that some editors write.

    Raises:
        BenchError: it is missing, cannot be read, or is not such a text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BenchError(missing, where=str(path), hint=hint) from None
    except UnicodeDecodeError:
        raise BenchError("not a text file in UTF-8", where=str(path)) from None
    except OSError as error:
        raise BenchError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError as error:  # a path that no file has
        raise BenchError(f"cannot be read: {error}", where=repr(str(path))) from None


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Fault(f"'{key}' occurs twice", "Ids must be unique: remove one of them.")
        found[key] = value
    return found


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise _Fault(f"a number of {len(text)} digits is too large")
    return int(text)


def _check(content: Any) -> None:
    """Look at every value, without recursion: the content may be as deep as it likes."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list):
                below += value
            else:
                _check_value(value)
        if not below:
            return
        level = below
    raise _Fault("malformed: nested too deeply")


def _check_value(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise _Fault(f"a string holds an unpaired surrogate: {ascii(value)[:60]}") from None
    elif isinstance(value, int) and abs(value) >= 10**_DIGITS:
        raise _Fault("a number is too large")
