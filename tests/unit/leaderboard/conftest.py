"""Boards whose truth is known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.board.store import Board
from tests.helpers.boards import (
    HOSTILE,
    fill,
    known_board,
    run_row,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return known_board(tmp_path_factory.mktemp("template")).path


@pytest.fixture
def board(template: Path, tmp_path: Path) -> Board:
    shutil.copytree(template, tmp_path / "board")
    return Board(tmp_path / "board")


@pytest.fixture
def hostile(board: Board) -> Board:
    board.write_run(run_row("revil", "evil", "fixed", label=HOSTILE))
    fill(board, "revil", 0.5, songs=6)
    return board
