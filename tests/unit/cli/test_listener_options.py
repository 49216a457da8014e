"""Who listens: listener files and audiograms on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.cli.options import chosen_listener
from bench.errors import BenchError


def record(name: str, levels: list[float]) -> dict[str, object]:
    return {
        "name": name,
        "audiogram_cfs": [250, 1000, 4000],
        "audiogram_levels_l": levels,
        "audiogram_levels_r": [0, 0, 0],
    }


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "listeners.valid.json"
    path.write_text(json.dumps({n: record(n, [k, 20, 30]) for k, n in enumerate(("A", "B"))}))
    return path


def test_one_of_many_by_its_id(many: Path) -> None:
    listener = chosen_listener(many, "B", "", "")
    assert listener.id == "B"
    np.testing.assert_array_equal(listener.audiogram_left.levels, [1, 20, 30])
    np.testing.assert_array_equal(listener.audiogram_right.levels, [0, 0, 0])
    np.testing.assert_array_equal(listener.audiogram_left.frequencies, [250, 1000, 4000])


@pytest.mark.parametrize("content", [record("me", [5, 6, 7]), {"me": record("me", [5, 6, 7])}])
def test_a_file_of_one_needs_no_id(tmp_path: Path, content: dict[str, object]) -> None:
    path = tmp_path / "l.json"
    path.write_text(json.dumps(content))
    listener = chosen_listener(path, "", "", "")
    assert listener.id == "me"
    np.testing.assert_array_equal(listener.audiogram_left.levels, [5, 6, 7])


def test_audiogram_of_both_ears_or_of_each() -> None:
    both = chosen_listener(None, "", "250:20,500:25,4000:60", "")
    np.testing.assert_array_equal(both.audiogram_left.levels, [20, 25, 60])
    np.testing.assert_array_equal(both.audiogram_right.levels, [20, 25, 60])
    each = chosen_listener(None, "", "250:20,4000:60", "N3")
    np.testing.assert_array_equal(each.audiogram_left.levels, [20, 60])
    assert each.audiogram_right.levels[0] == 35


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("", "", ""), "no listener given"),
        (("", "", "250:20,500:30"), "the left ear's --audiogram is missing"),
        (("A", "250:20,500:30", ""), "it needs a --listener file"),
        (("", "250", ""), "no such standard audiogram"),
    ],
)
def test_what_is_wrong_without_a_file(given: tuple[str, str, str], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        chosen_listener(None, *given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("", "", ""), "it holds 2 listeners"),
        (("a", "", ""), "no listener 'a'"),
        (("A", "250:20,500:30", ""), "both a file and an audiogram"),
    ],
)
def test_what_is_wrong_with_a_file(many: Path, given: tuple[str, str, str], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        chosen_listener(many, *given)


def test_levels_that_no_audiometer_gives(tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    path.write_text(json.dumps(record("me", [5, 6, 700])))
    with pytest.raises(BenchError, match="outside -20 to 130 dB HL"):
        chosen_listener(path, "", "", "")
