"""The verdict: one rule, in sentences that say who is better, for whom, how sure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.board.store import Board
from bench.leaderboard.export import render
from tests.helpers.boards import build, fill, known_board, run_row


def test_the_best_system_is_told_from_the_baseline_and_not_from_its_equal(tmp_path: Path) -> None:
    table = build(known_board(tmp_path))
    first, second, third = table.verdict
    best, other = (row.label for row in table.systems if row.rank and row.rank[0] == 1)
    assert first.startswith(f"{best} is 0.100 [")
    assert "better than the baseline hdemucs + fixed in HAAQI (8 songs, 3 listeners)" in first
    assert "hearing loss" in first
    assert second == f"{best} cannot be told from {other}."
    assert third.startswith("Below the baseline: mixture + fixed (-0.2")
    assert render(table).splitlines()[1].startswith(best)


def test_systems_that_are_equal_are_not_called_better(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for seed, (run_id, separator) in enumerate((("ra", "hdemucs"), ("rb", "hdemucs-ft"))):
        board.write_run(run_row(run_id, separator, "fixed"))
        fill(board, run_id, 0.6, seed=seed)
    (said,) = build(board).verdict
    assert said.startswith(("No system can be told from the baseline", "No system is better"))


def test_two_songs_tell_nothing_and_say_so(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id, separator, quality in (("ra", "hdemucs", 0.5), ("rb", "hdemucs-ft", 0.7)):
        board.write_run(run_row(run_id, separator, "fixed"))
        fill(board, run_id, quality, songs=2)
    (said,) = build(board).verdict
    assert "too few to say how sure" in said


def test_a_p_value_that_cannot_matter_is_not_shown(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id, separator, quality in (("ra", "hdemucs", 0.5), ("rb", "hdemucs-ft", 0.7)):
        board.write_run(run_row(run_id, separator, "fixed"))
        fill(board, run_id, quality, songs=4)
    table = build(board)
    assert not table.shows_p
    assert " p " not in next(line for line in render(table).splitlines() if "+0.2" in line)
    assert build(known_board(tmp_path / "many")).shows_p


def test_without_a_baseline_there_is_no_verdict(tmp_path: Path) -> None:
    table = build(known_board(tmp_path), baseline="nothing + fixed")
    assert table.verdict == ()
    assert replace(table, verdict=("a",)).verdict == ("a",)
