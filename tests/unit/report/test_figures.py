"""The figures of a report."""

from __future__ import annotations

from bench.board.store import Board
from bench.leaderboard.table import leaderboard
from bench.report import content, figures


def test_the_same_board_gives_the_same_figures(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    one, two = (figures.overview(table, content.systems_of(table)) for _ in range(2))
    assert one == two


def test_one_group_is_no_figure(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    systems = content.systems_of(table)
    genres = content.by_genre(board.scores("ra"), "haaqi")
    assert figures.groups(genres, systems, "genre", "HAAQI") is not None
    assert figures.groups(genres[genres.part == "Jazz"], systems, "genre", "HAAQI") is None
