"""docs/schema.md says what schema.py does; docs/leaderboards.md has the limits of the code."""

from __future__ import annotations

import html
import re

import pytest

from bench.board import schema
from bench.hearing.audiograms import GROUPS, hearing_loss_grade
from tests.helpers.paths import ROOT

DOCS = ROOT / "docs"


def tables() -> dict[str, list[list[str]]]:
    text = (DOCS / "schema.md").read_text(encoding="utf-8")
    parts = re.split(r"^## Table `(\w+)`$", text, flags=re.MULTILINE)[1:]
    return {
        name: [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in body.splitlines()
            if line.startswith("| `")
        ]
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


def test_every_table_is_on_the_page() -> None:
    assert list(tables()) == list(schema.TABLES)
    text = (DOCS / "schema.md").read_text(encoding="utf-8")
    assert f"schema version {schema.SCHEMA_VERSION}." in text.replace("\n", " ")
    assert schema.VERSION_KEY.decode() in text


@pytest.mark.parametrize("table", list(schema.TABLES))
def test_the_page_has_the_schemas_columns(table: str) -> None:
    expected = [
        [f"`{c.name}`", c.type, c.unit, "yes" if c.required else "", c.description]
        for c in schema.TABLES[table]
    ]
    shown = [[html.unescape(cell) for cell in row] for row in tables()[table]]
    assert shown == expected


def test_the_limits_of_hearing_loss_are_those_of_the_code() -> None:
    text = (DOCS / "leaderboards.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (\w[\w ]*) \| (?:under )?(\d+)(?: to under (\d+)| and more)? \|", text, re.M
    )
    graded = {name: (int(low), int(high or 0)) for name, low, high in rows}
    assert set(graded) | {"unilateral"} == set(GROUPS)
    for name, (low, high) in graded.items():
        if name == "normal":
            assert hearing_loss_grade(low - 0.1, low - 0.1) == name
            continue
        assert hearing_loss_grade(low, 120.0) == name
        if high:
            assert hearing_loss_grade(high - 0.1, 120.0) == name
            assert hearing_loss_grade(high, 120.0) != name
    assert hearing_loss_grade(19.9, 35.0) == "unilateral"
