"""What the pages of ``bench listen`` hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.board.store import Board
from bench.commands import listening
from bench.listening import page


@pytest.mark.parametrize(
    ("choices", "ways"),
    [
        ({}, ["remix", "amplified", "simulated"]),
        ({"simulated": False}, ["remix", "amplified"]),
        ({"reference": "own"}, ["amplified", "simulated"]),
        ({"reference": "own", "simulated": False}, ["amplified"]),
    ],
)
def test_a_way_in_which_all_is_its_own_reference_is_left_out(
    choices: dict[str, Any], ways: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[Any] = []

    def note(*given: Any) -> tuple[Board, list[Any], list[Any]]:
        rendered.extend(given)
        return Board(tmp_path), [], []

    monkeypatch.setattr(listening, "_rendered", note)
    monkeypatch.setattr(page, "write_pages", lambda *given: tmp_path)
    listening.listen(tmp_path, **choices)
    assert ways in rendered
