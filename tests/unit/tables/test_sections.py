"""Sections of rows, in each format."""

from __future__ import annotations

from bench.tables import FORMATS
from bench.tables.sections import Section, render_sections


def test_numbers_are_never_cut_off_in_a_text() -> None:
    row = {f"column {number}": 0.123456 for number in range(30)}
    text = render_sections("wide", [Section("s", (row,))], "table")
    assert text.count("0.123") == 30


def test_a_section_without_rows_is_left_out() -> None:
    for format in FORMATS:
        assert "nothing here" not in render_sections("t", [Section("nothing here", ())], format)
