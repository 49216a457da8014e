"""Tables fit the line that they are given."""

from __future__ import annotations

import pytest

from bench.tables.sections import Section, render_sections

ROW = {
    "factor": "weight of haaqi-light",
    "level": "hdemucs-ft",
    "reference": "hdemucs",
    "difference": 0.0123,
    "difference_low": -0.0023,
    "difference_high": 0.0456,
    "p_holm": 0.04,
    "mean": 0.651,
    "reference_mean": 0.638,
    "matches": 6,
    "n": 384,
    "by_seed": "+0.010, +0.020, +0.030",
}
LEAST = ("by_seed", "n", "matches", "reference_mean", "mean")


@pytest.mark.parametrize("width", [80, 90, 100, 120, 140, 160])
def test_no_line_is_longer_than_the_terminal_and_no_number_is_cut(width: int) -> None:
    section = Section("Effects", (ROW, ROW), "A note.", least=LEAST)
    text = render_sections("", [section], "table", width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "+0.012 [-0.002, +0.046]" in text
    assert ("Left out" in text) == (width < 140)


def test_what_is_left_out_is_named_and_a_wide_line_has_all() -> None:
    section = Section("Effects", (ROW,), least=LEAST)
    narrow = render_sections("", [section], "table", width=90)
    assert "by seed" in narrow.split("Left out")[1]
    wide = render_sections("", [section], "table", width=200)
    assert "+0.010, +0.020, +0.030" in wide
    assert "Left out" not in wide
