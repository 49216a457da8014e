"""A leaderboard as a table, and in the formats for other programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from bench.board.store import Board
from bench.leaderboard.export import interval, render
from bench.leaderboard.statistics import Interval
from bench.tables import FORMATS
from bench.tables.markup import clean
from bench.tables.sections import Section, render_sections
from tests.helpers.boards import build, by_label, fill, run_row


def test_intervals_are_brackets_for_people_and_columns_for_programs() -> None:
    known = interval("difference", Interval(0.25, 0.125, 0.5, 8, 2))
    unknown = interval("difference", Interval(0.25, float("nan"), float("nan"), 1, 1))
    section = Section(
        "s", ({"name": "a", **known, "p": 0.0004}, {"name": "b", **unknown, "p": 0.5})
    )
    text = render_sections("", [section], "markdown")
    assert "| a | +0.250 \\[+0.125, +0.500\\] | &lt;.001 |" in text
    assert "| b | +0.250 | .500 |" in text
    rows = json.loads(render_sections("", [section], "json"))["sections"][0]["rows"]
    assert rows[0] == {"name": "a", "difference": 0.25, "difference_low": 0.125} | {
        "difference_high": 0.5,
        "p": 0.0004,
    }
    assert rows[1]["difference_low"] is None


def test_csv_has_plain_values(hostile: Board) -> None:
    table = build(hostile)
    rows = {row["label"]: row for row in csv.DictReader(io.StringIO(render(table, "csv")))}
    assert set(rows) == {clean(row.label) for row in table.rows}
    assert "\x1b" not in render(table, "csv")
    row, expected = rows["hdemucs-ft + fixed"], by_label(table)["hdemucs-ft + fixed"]
    assert float(row["haaqi"]) == expected.values["haaqi"].mean
    assert float(row["haaqi_low"]) == expected.values["haaqi"].low
    assert float(row["p_holm"]) == expected.p
    assert float(row["clipping"]) == 0.125
    assert (row["rank_best"], row["rank_worst"]) == ("1", "2")
    assert rows["oracle + fixed"]["rank_best"] == ""


def test_json_is_strict(hostile: Board, tmp_path: Path) -> None:
    hostile.write_run(run_row("rrun", "open-unmix", "fixed", status="running"))
    table = build(hostile)
    content = json.loads(render(table, "json"), parse_constant=lambda name: pytest.fail(name))
    assert content["protocol"] == "challenge"
    assert content["baseline"] == "hdemucs + fixed"
    assert [row["label"] for row in content["rows"]] == [row.label for row in table.rows]
    assert content["rows"][-1]["haaqi"] is None
    assert content["notes"] == list(table.notes)


def test_markdown_escapes_names(hostile: Board) -> None:
    text = render(build(hostile), "markdown")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {12}
    assert len(lines) == 2 + 6


def test_nothing_steers_a_terminal_in_any_format(board: Board) -> None:
    """C0, C1 (``\\x9b`` is an escape sequence's start) and characters that turn the text around."""
    name = "a\x1b[31m\x9b31m\u202eb\u2028c\U000e0001"
    board.write_run(run_row("revil", "evil", "fixed", label=name))
    fill(board, "revil", 0.5, songs=2)
    table = build(board)
    for format in FORMATS:
        text = render(table, format)
        assert all(c.isprintable() or c == "\n" for c in text), format
    labels = {row["label"] for row in json.loads(render(table, "json"))["rows"]}
    assert name in labels


def test_latex_escapes_names(hostile: Board) -> None:
    hostile.write_run(run_row("rtex", "tex", "fixed", label=r"\input{x} & 50_% $"))
    text = render(build(hostile), "latex")
    assert r"\textbackslash{}input\{x\} \& 50\_\% \$" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
