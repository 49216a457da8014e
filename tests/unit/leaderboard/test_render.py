"""A leaderboard as text."""

from __future__ import annotations

import re

import pytest

from bench.board.store import Board
from bench.leaderboard.render import bracket, rank_text, render_text
from tests.helpers.boards import build


@pytest.mark.parametrize("width", [80, 100, 140])
def test_text_fits_its_width(hostile: Board, width: int) -> None:
    text = render_text(build(hostile), width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "<script>" in text
    for label in ("oracle + fixed", "hdemucs + fixed"):
        assert label in text
    # Nothing is cut off at either side.
    table = build(hostile)
    for row in table.rows:
        assert bracket(row.values["haaqi"], table.columns[0]) in text
        assert rank_text(row) in text
        if row.difference is not None:
            assert bracket(row.difference.difference, table.columns[0], sign=True) in text
    left_out = re.findall("Left out, as the line is too short: (.*) \\(", text)
    expected = {80: ["left, right, Clipped %"], 100: [], 140: []}
    assert left_out == expected[width]
    for heading in ("SDR dB", "to baseline"):
        assert heading in text
