"""What an ablation varies, from options and TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.ablation.design import Ablation, parse_ablation, parse_assignments, read_ablation
from bench.errors import BenchError

TOML = """
suite = "demo"
separator = ["hdemucs", "hdemucs-ft"]
gains = "fixed, cnn"
loss = "mse + {alpha}*haaqi-light"
seeds = 2
[grid]
alpha = [0, 1.5]
training.learning_rate = [1e-4, 1e-3]
[options]
training.epochs = 1
separator.weights = "bundled"
"training.batch" = 2
"""


def test_toml_and_command_line_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(TOML, encoding="utf-8")
    read = read_ablation(path)
    words = {
        "suite": "demo",
        "separator": "hdemucs,hdemucs-ft",
        "gains": "fixed,cnn",
        "loss": "mse + {alpha}*haaqi-light",
        "seeds": "2",
        "grid": parse_assignments(["alpha=0,1.5", "training.learning_rate=0.0001,0.001"], "--grid"),
        "options": parse_assignments(
            ["training.epochs=1", "separator.weights=bundled", "training.batch=2"], "-o"
        ),
    }
    assert parse_ablation(words, where="x") == read
    assert read == Ablation(
        separator=("hdemucs", "hdemucs-ft"),
        gains=("fixed", "cnn"),
        loss=("mse + {alpha}*haaqi-light",),
        seeds=2,
        grid={"alpha": ("0", "1.5"), "training.learning_rate": ("0.0001", "0.001")},
        options={
            "training.epochs": "1",
            "separator.weights": "bundled",
            "training.batch": "2",
        },
    )


def test_the_command_line_comes_before_the_file() -> None:
    base = parse_ablation({"seeds": 3, "grid": {"a": [1], "b": [2]}, "gains": "cnn"}, where="f")
    changed = parse_ablation({"grid": {"a": "5,6"}, "gains": "fixed"}, base, where="x")
    assert changed.grid == {"a": ("5", "6"), "b": ("2",)}
    assert changed.gains == ("fixed",)
    assert changed.seeds == 3


def test_an_entry_twice_is_one() -> None:
    assert parse_ablation({"gains": "cnn, fixed,cnn"}, where="x").gains == ("cnn", "fixed")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"separators": "hdemucs"}, "unknown key 'separators'"),
        ({"gains": "cnn,,fixed"}, "'gains' has an empty entry"),
        ({"metrics": "lufs,"}, "'metrics' has an empty entry"),
        ({"gains": []}, "'gains' has an empty entry"),
        ({"seeds": 0}, "'seeds' must be a whole number, 1 or more"),
        ({"seeds": "two"}, "'seeds' must be"),
        ({"seeds": 1.5}, "'seeds' must be"),
        ({"limit": -1}, "'limit' must be a whole number, 0 or more"),
        ({"grid": [1]}, "\\[grid\\] must be a table"),
        ({"grid": {"a": [[1]]}}, "'grid.a' must hold texts or numbers"),
    ],
)
def test_what_makes_no_sense_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        parse_ablation(values, where="x")


@pytest.mark.parametrize("text", ["alpha", "alpha=", "=1", " = "])
def test_assignments_are_checked(text: str) -> None:
    with pytest.raises(BenchError, match="is not name=value"):
        parse_assignments([text], "--grid")
    with pytest.raises(BenchError, match="'a' occurs twice"):
        parse_assignments(["a=1", "a=2"], "--grid")


def test_files_that_are_missing_or_malformed(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="cannot be read"):
        read_ablation(tmp_path / "none.toml")
    path = tmp_path / "bad.toml"
    path.write_text("gains = [", encoding="utf-8")
    with pytest.raises(BenchError, match="malformed TOML"):
        read_ablation(path)
