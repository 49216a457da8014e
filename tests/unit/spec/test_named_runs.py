"""A run's own name: what the board calls it, and nothing that a score depends on."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.plugins import installed
from bench.spec.choices import resolve


def test_a_name_is_the_label_and_does_not_change_the_run() -> None:
    plugins, _, plain = resolve(limit=8)
    _, _, named = resolve(limit=8, name="  my   best ")
    assert plain.label == "hdemucs-ft + fixed (8 pairs)"
    assert named.label == "my best"
    prints = {"valid": "a", "train": "b"}
    assert named.run_id(plugins, prints) == plain.run_id(installed(), prints)
    assert named.under_other_protocol().label == "my best"


@pytest.mark.parametrize("name", ["hdemucs + fixed", "x" * 61, "a\x1b[31m"])
def test_names_that_would_mislead(name: str) -> None:
    with pytest.raises(BenchError, match="name"):
        resolve(name=name)


def test_a_name_may_be_as_long_as_a_line() -> None:
    assert resolve(name="x" * 60)[2].label == "x" * 60
