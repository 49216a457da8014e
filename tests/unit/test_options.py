"""Options as texts, and as what they mean."""

from __future__ import annotations

from typing import Any

import pytest

from bench.errors import BenchError
from bench.options import SECTIONS, convert, parse_options


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        ("3", int, 3),
        (" -3 ", int, -3),
        (3, int, 3),
        ("0.5", float, 0.5),
        ("1e-3", float, 0.001),
        (2, float, 2.0),
        ("bundled", str, "bundled"),
        (5, str, "5"),
        ("yes", bool, True),
        ("TRUE", bool, True),
        ("1", bool, True),
        (True, bool, True),
        ("no", bool, False),
        ("False", bool, False),
        ("0", bool, False),
        (False, bool, False),
        (["a"], list[str], ["a"]),  # what has no text is taken as it is
    ],
)
def test_values_become_the_type_that_is_wanted(value: Any, wanted: Any, expected: Any) -> None:
    found = convert(value, wanted, where="here")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("1.5", int),
        ("three", int),
        ("", int),
        (None, int),
        ("0,5", float),
        ("", float),
        ("maybe", bool),
        ("", bool),
        (2, bool),
        (None, bool),
        # True is no number, and no text.
        (True, int),
        (True, float),
        (False, str),
    ],
)
def test_what_is_no_such_thing_is_named(value: Any, wanted: Any) -> None:
    with pytest.raises(BenchError) as caught:
        convert(value, wanted, where="option 'x'")
    assert str(caught.value) == f"option 'x': '{value}' is not a valid {wanted.__name__}"


def test_options_by_section() -> None:
    texts = ["separator.weights=a=b", "loss.sdr.scale_invariant=false", " gains.path = x y "]
    found = parse_options([*texts, "training.epochs=3", "training.epochs=4"])
    assert set(found) == set(SECTIONS)
    assert found["separator"] == {"weights": "a=b"}
    assert found["loss"] == {"sdr.scale_invariant": "false"}
    assert found["gains"] == {"path": "x y"}
    assert found["training"] == {"epochs": "4"}  # the last one counts
    assert found["metric"] == {}


def test_an_empty_value_is_a_value() -> None:
    assert parse_options(["dataset.root="])["dataset"] == {"root": ""}


@pytest.mark.parametrize("text", ["", "=", "separator", "separator.weights", "weights=x"])
def test_what_is_not_written_as_an_option(text: str) -> None:
    with pytest.raises(BenchError) as caught:
        parse_options([text])
    assert f"'{text}' is not an option" in str(caught.value)
    assert "section.name=value" in caught.value.hint


def test_an_option_without_a_name_is_none() -> None:
    with pytest.raises(BenchError, match="is not an option"):
        parse_options(["separator.=x"])


def test_an_unknown_section_has_a_near_match() -> None:
    with pytest.raises(BenchError, match="unknown section 'seperator'") as caught:
        parse_options(["seperator.weights=x"])
    assert caught.value.hint == "Did you mean 'separator'?"
