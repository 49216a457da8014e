"""A leaderboard as text."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.board.store import Board
from bench.leaderboard.model import Leaderboard
from bench.leaderboard.render import bracket, headroom_text, rank_text, render_text
from tests.helpers.boards import build, known_board


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    return build(known_board(tmp_path_factory.mktemp("board")))


@pytest.mark.parametrize("width", range(60, 161))
def test_every_width_from_60_to_160_holds_the_board(table: Leaderboard, width: int) -> None:
    text = render_text(table, width)
    assert max(map(len, text.splitlines())) <= width
    [header] = [line for line in text.splitlines() if line.startswith(" Rank")]
    known = {"Rank", "System", "n", "HAAQI", "left", "right", "SDR", "dB", "LUFS", "diff."}
    assert set(header.split()) <= known | {"Clipped", "%", "Headroom", "to", "baseline"}
    assert "to baseline" in header
    for row in table.rows:
        assert bracket(row.values["haaqi"], table.columns[0]) in text


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
    left_out = re.findall("Columns left out for lack of width: (.*) \\(", text)
    expected = {80: ["left, right, LUFS diff., Clipped %"], 100: ["left, right"], 140: []}
    assert left_out == expected[width]
    for heading in ("SDR dB", "to baseline"):
        assert heading in text


def test_a_share_that_rounds_to_nothing_has_no_sign(tmp_path: Path) -> None:
    row = build(known_board(tmp_path)).rows[0]
    shares = (None, -0.004, 0.126, -0.2)
    assert [headroom_text(replace(row, headroom=one)) for one in shares] == ["–", "0", "13", "-20"]
