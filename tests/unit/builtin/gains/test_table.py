"""Gains from a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bench.builtin.gains import TableOptions
from bench.builtin.gains.table import Table
from bench.errors import BenchError
from tests.helpers.gain_queries import query

ZERO = {"vocals": 0, "drums": 0, "bass": 0, "other": 0}


def written(path: Path, table: object) -> Table:
    path.write_text(json.dumps(table))
    return Table(TableOptions(path=str(path)))


def test_a_table_by_listener(tmp_path: Path) -> None:
    table = {
        "default": ZERO,
        "L2": {"other": 1.5, "vocals": -3, "drums": 2, "bass": 0},
    }
    gains = written(tmp_path / "gains.json", table).gains(query())
    assert gains.tolist() == [[0, 0, 0, 0], [-3, 2, 0, 1.5]]


def test_a_table_by_ear_in_toml(tmp_path: Path) -> None:
    path = tmp_path / "gains.toml"
    path.write_text(
        "[L1.left]\nvocals = 1\ndrums = 2\nbass = 3\nother = 4\n"
        "[L1.right]\nvocals = 5.0\ndrums = 6\nbass = 7\nother = 8\n"
        "[default]\nvocals = 0\ndrums = 0\nbass = 0\nother = -1\n"
    )
    gains = Table(TableOptions(path=str(path))).gains(query())
    assert gains.dtype == torch.float32
    assert gains.tolist() == [
        [[1, 2, 3, 4], [5, 6, 7, 8]],
        [[0, 0, 0, -1], [0, 0, 0, -1]],
    ]


def test_an_unknown_listener_without_a_default_is_an_error(tmp_path: Path) -> None:
    table = written(tmp_path / "gains.json", {"L1": ZERO})
    with pytest.raises(BenchError, match="no gains for listener 'L2'") as error:
        table.gains(query())
    assert "'default'" in error.value.hint


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "should map listener ids"),
        ({}, "should map listener ids"),
        ({"L1": 3}, "should be a gain in dB for each stem"),
        ({"L1": {**ZERO, "vocal": 1}}, "unknown key 'vocal'"),
        ({"L1": {"vocals": 1, "bass": 2}}, "drums, other missing"),
        ({"L1": {**ZERO, "bass": "loud"}}, "the gain of bass is not a number in dB: 'loud'"),
        ({"L1": {**ZERO, "bass": True}}, "the gain of bass"),
        ({"L1": {**ZERO, "bass": float("inf")}}, "the gain of bass"),
        ({"L1": {"left": ZERO}}, "right missing"),
        ({"L1": {"left": ZERO, "right": ZERO, "vocals": 1}}, "unknown key 'vocals'"),
        ({"L1": {"left": ZERO, "right": 0}}, "should be a gain in dB for each stem"),
    ],
)
def test_a_bad_table_is_an_error(tmp_path: Path, table: object, message: str) -> None:
    path = tmp_path / "gains.json"
    with pytest.raises(BenchError, match=message) as error:
        written(path, table)
    assert str(path) in error.value.where


def test_a_missing_or_malformed_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="it needs a file"):
        Table(TableOptions())
    with pytest.raises(BenchError, match="cannot be read"):
        Table(TableOptions(path=str(tmp_path / "none.json")))
    for name, text in (("a.json", "{"), ("a.toml", "x ="), ("b.json", "\x00")):
        (tmp_path / name).write_text(text)
        with pytest.raises(BenchError, match=r"malformed (JSON|TOML)"):
            Table(TableOptions(path=str(tmp_path / name)))
    (tmp_path / "c.json").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(BenchError, match="UTF-8"):
        Table(TableOptions(path=str(tmp_path / "c.json")))
