"""A plugin with its options, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bench.api import SeparatorSpec, option
from bench.errors import BenchError
from bench.plugins import Registered
from tests.helpers.plugins import spec


@dataclass(frozen=True)
class Options:
    overlap: float = option(0.1, "overlap of chunks", unit="s")
    shifts: int = option(1, "random shifts")
    clip: bool = option(False, "clip the result")


def test_options_are_typed_and_checked() -> None:
    registered = Registered(spec("a", options=Options), "d", "1")
    assert registered.options({"overlap": "0.5", "shifts": "3", "clip": "yes"}) == Options(
        0.5, 3, True
    )
    with pytest.raises(BenchError, match="Did you mean 'overlap'"):
        registered.options({"overlp": "1"})
    with pytest.raises(BenchError, match="not a valid int"):
        registered.options({"shifts": "1.5"})
    with pytest.raises(BenchError, match="has no options"):
        Registered(spec("b"), "d", "1").options({"x": "1"})


def test_missing_import_names_what_is_needed() -> None:
    bad = SeparatorSpec(name="a", target="no_such_module:X", summary="", needs=("extra:gpu",))
    with pytest.raises(BenchError, match="extra:gpu"):
        Registered(bad, "d", "1").build(None)
