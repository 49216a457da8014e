"""Values of metadata files, each checked for presence and type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.data.cadenza import _SplitReader, head_file, head_key
from bench.data.metadata import MetadataFile
from bench.errors import BenchError


def file(content: Any = None) -> MetadataFile:
    return MetadataFile.made(Path("x.json"), content)


def said(call: Callable[[], Any]) -> str:
    """What is said of a value that is refused, without its place."""
    with pytest.raises(BenchError) as caught:
        call()
    assert caught.value.where.startswith("x.json")
    return str(caught.value).splitlines()[0].removeprefix(f"{caught.value.where}: ")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a" * 40, f"the string '{'a' * 40}'"),
        ("a" * 41, "a string"),
        ({}, "an object"),
        ([], "a list"),
        (True, "true or false"),
        (None, "null"),
        (3, "the number 3"),
        (0.5, "the number 0.5"),
    ],
)
def test_what_a_value_is(value: Any, words: str) -> None:
    if value == {}:
        assert said(lambda: file().texts(value, "a")) == f"expected a list of ids, got {words}"
    else:
        assert said(lambda: file().entry(value, "a")) == f"expected an object, got {words}"


def test_values_of_the_right_type() -> None:
    entry = {"text": "a", "whole": 3, "part": -0.5, "row": [1, 2.5], "none": []}
    one = file()
    assert one.entry(entry, "x") is entry
    assert one.text(entry, "text", "x") == "a"
    assert [one.number(entry, key, "x") for key in ("whole", "part")] == [3.0, -0.5]
    assert isinstance(one.number(entry, "whole", "x"), float)
    assert one.numbers(entry, "row", "x") == (1.0, 2.5)
    assert one.numbers(entry, "none", "x") == ()
    assert one.texts(["b", "a"], "x") == ("b", "a")
    assert file({"a": 1}).table() == {"a": 1}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: f.text({}, "k", "x"), "'k' is missing"),
        (lambda f: f.text({"k": ""}, "k", "x"), "'k' must be a string, got the string ''"),
        (lambda f: f.text({"k": 1}, "k", "x"), "'k' must be a string, got the number 1"),
        (lambda f: f.number({"k": True}, "k", "x"), "'k' must be a number, got true or false"),
        (lambda f: f.number({"k": "1"}, "k", "x"), "'k' must be a number, got the string '1'"),
        (lambda f: f.number({"k": -1e999}, "k", "x"), "'k' must be finite, got -inf"),
        (
            lambda f: f.numbers({"k": 1}, "k", "x"),
            "'k' must be a list of numbers, got the number 1",
        ),
        (lambda f: f.numbers({"k": [1, None]}, "k", "x"), "'k' must be a number, got null"),
        (lambda f: f.texts([], "x"), "the list is empty"),
        (lambda f: f.texts(["a", "b", "a"], "x"), "an id is in the list twice"),
        (lambda f: f.texts(["a", 1], "x"), "expected a list of ids, got a list"),
    ],
)
def test_values_that_are_refused(call: Callable[[MetadataFile], Any], words: str) -> None:
    assert said(lambda: call(file())) == words


def test_a_text_holds_no_null() -> None:
    """No path does."""
    assert "'k' must be a string" in said(lambda: file().text({"k": "a\0"}, "k", "x"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "expected an object of ids, got a list"),
        ({}, "it has no entries"),
        ({"a": 1, "": 2}, "an id is empty"),
    ],
)
def test_tables_that_are_refused(content: Any, words: str) -> None:
    assert said(file(content).table) == words


def test_the_place_is_named_where_there_is_one() -> None:
    for at, where in (("", "x.json"), ("scene 1", "x.json, scene 1")):
        with pytest.raises(BenchError) as caught:
            file().fail("wrong", at=at, hint="Do this.")
        assert (caught.value.where, caught.value.hint) == (where, "Do this.")


@pytest.mark.parametrize(
    ("known", "name", "hint"),
    [
        (20, "xyz", "Known: g00, g01"),
        (21, "xyz", ""),
        (21, "g0", "Did you mean 'g20'?"),
    ],
)
def test_thousands_of_names_are_no_help(known: int, name: str, hint: str) -> None:
    names = {f"g{number:02}": 1 for number in range(known)}
    with pytest.raises(BenchError, match=f"unknown gain '{name}'") as caught:
        _SplitReader._known(file(), "scene 1", "gain", name, names)
    assert caught.value.hint.startswith(hint)
    assert bool(caught.value.hint) is bool(hint)


def test_head_positions_have_two_names_of_file_and_three_of_key(tmp_path: Path) -> None:
    """Those of the challenge's sets come first, also where there is none."""
    assert head_file(tmp_path) == "head_loudspeaker_positions.json"
    (tmp_path / "head_positions.json").touch()
    assert head_file(tmp_path) == "head_positions.json"
    (tmp_path / "head_loudspeaker_positions.json").touch()
    assert head_file(tmp_path) == "head_loudspeaker_positions.json"
    assert head_key({}) == head_key({"x": 1}) == "head_loudspeaker_positions"
    for key in ("head_position", "head_positions", "head_loudspeaker_positions"):
        assert head_key({"scene": 1, key: "hlp"}) == key
    assert head_key({"head_position": 1, "head_positions": 2}) == "head_positions"
