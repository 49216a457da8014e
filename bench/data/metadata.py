"""Metadata files in JSON, checked at the border: every error names the file and the place in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from bench.errors import BenchError
from bench.runtime.documents import read_json
from bench.runtime.files import fault_of


class MetadataFile:
    """A JSON file whose content is looked up with checks of presence and type.

    Raises:
        BenchError: the file is missing, unreadable, not UTF-8, malformed, or has an id twice.
    """

    def __init__(self, path: Path, *, hint: str = "") -> None:
        self.path = path
        self.content: Any = read_json(path, missing="the metadata file is missing", hint=hint)

    @classmethod
    def made(cls, path: Path, content: Any) -> MetadataFile:
        """A file with the content that it is to have, before it is written."""
        file = cls.__new__(cls)
        file.path, file.content = path, content
        return file

    def fail(self, what: str, *, at: str = "", hint: str = "") -> NoReturn:
        """Raise a BenchError about this file; `at` names the entry."""
        raise BenchError(what, where=f"{self.path}, {at}" if at else str(self.path), hint=hint)

    def table(self) -> Mapping[str, Any]:
        """The content, which must be an object with at least one id, none of them empty."""
        if not isinstance(self.content, dict):
            self.fail(f"expected an object of ids, got {_kind(self.content)}")
        if not self.content:
            self.fail("it has no entries")
        if "" in self.content:
            self.fail("an id is empty")
        return self.content

    def check_ids(self) -> None:
        """Refuse ids that cannot be part of a file's name: those of scenes and listeners become it.

        Raises:
            BenchError: an id contains a slash or a control character, or is too long.
        """
        for name in self.table():
            if fault := fault_of(name):
                self.fail(f"{ascii(name)[:80]} is not a valid id: {fault}")

    def entry(self, value: Any, at: str) -> Mapping[str, Any]:
        """`value`, which must be an object."""
        if not isinstance(value, dict):
            self.fail(f"expected an object, got {_kind(value)}", at=at)
        return value

    def text(self, entry: Mapping[str, Any], key: str, at: str) -> str:
        """``entry[key]``, which must be a string that is not empty."""
        value = self._value(entry, key, at)
        if not isinstance(value, str) or not value or "\0" in value:
            self.fail(f"'{key}' must be a string, got {_kind(value)}", at=at)
        return value

    def optional_text(self, entry: Mapping[str, Any], key: str, at: str) -> str:
        """``entry[key]``, which must be a string where it is there; empty if not, or null."""
        return "" if entry.get(key) in (None, "") else self.text(entry, key, at)

    def number(self, entry: Mapping[str, Any], key: str, at: str) -> float:
        """``entry[key]``, which must be a finite number."""
        return self._number(self._value(entry, key, at), f"'{key}'", at)

    def texts(self, value: Any, at: str) -> tuple[str, ...]:
        """`value`, which must be a list of different texts, at least one."""
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(f"expected a list of ids, got {_kind(value)}", at=at)
        if not value:
            self.fail("the list is empty", at=at)
        if len(set(value)) < len(value):
            self.fail("an id is in the list twice", at=at)
        return tuple(value)

    def numbers(self, entry: Mapping[str, Any], key: str, at: str) -> tuple[float, ...]:
        """``entry[key]``, which must be a list of finite numbers."""
        value = self._value(entry, key, at)
        if not isinstance(value, list):
            self.fail(f"'{key}' must be a list of numbers, got {_kind(value)}", at=at)
        return tuple(self._number(item, f"'{key}'", at) for item in value)

    def _value(self, entry: Mapping[str, Any], key: str, at: str) -> Any:
        if key not in entry:
            self.fail(f"'{key}' is missing", at=at)
        return entry[key]

    def _number(self, value: Any, name: str, at: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(f"{name} must be a number, got {_kind(value)}", at=at)
        if not math.isfinite(value):
            self.fail(f"{name} must be finite, got {value}", at=at)
        return float(value)


def _kind(value: Any) -> str:
    if isinstance(value, str) and len(value) <= 40:
        return f"the string '{value}'"
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    return names.get(type(value), "null" if value is None else f"the number {value}")
