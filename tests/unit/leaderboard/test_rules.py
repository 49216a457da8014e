"""Which pairs count, and whether contrasts were named before the scores: fixed in the suite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bench as library
from bench.board.rules import Rules
from bench.board.store import Board
from bench.errors import BenchError
from bench.leaderboard.comparison import compare_runs
from bench.leaderboard.export import render
from bench.leaderboard.model import Leaderboard
from bench.leaderboard.selection import run_rows
from bench.leaderboard.table import leaderboard
from bench.report.page import write_report
from bench.runs.record import write_row
from bench.spec.suite import load_suite, parse_suite
from tests.helpers.boards import SONGS, by_label, known_board, note, run_row

PAIRS = SONGS * 2
LIMIT = 55.0
"""dB HL: L3 of the helper's listeners has 60 and 75, L2 45 and 40."""
BASE = "hdemucs + fixed"
NAMED = (("hdemucs-ft + fixed", BASE),)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return known_board(tmp_path_factory.mktemp("board"))


def table_of(board: Board, limit: float | None = LIMIT, **changes: object) -> Leaderboard:
    return leaderboard(
        board, "demo", "valid", "challenge", baseline=BASE, hearing_loss_below=limit, **changes
    )  # type: ignore[arg-type]


def test_pairs_of_a_hearing_loss_above_the_rule_count_in_nothing(board: Board) -> None:
    whole, part = by_label(table_of(board, None)), by_label(table_of(board))
    for label, row in part.items():
        assert (row.n, row.n_excluded) == (2 * PAIRS, PAIRS)
        assert whole[label].n == 3 * PAIRS
        scores = board.scores(str(row.run["run_id"]))
        own = scores[(scores.metric == "haaqi") & (scores.part == "mean")]
        expected = own[own.listener != "L3"].value.mean()
        assert row.values["haaqi"].mean == pytest.approx(expected)
        assert row.values["haaqi"].listeners == 2


def test_the_better_ear_decides(board: Board) -> None:
    rows = table_of(board, 60.0).rows
    assert {row.n_excluded for row in rows} == {PAIRS}
    assert {row.n_excluded for row in table_of(board, 60.5).rows} == {0}
    assert {row.n for row in table_of(board, 20.0).rows} == {0}


def test_both_numbers_are_shown(board: Board, tmp_path: Path) -> None:
    table = table_of(board)
    text = f"{PAIRS} pairs of {3 * PAIRS} are scored and kept, but do not count; {2 * PAIRS} do."
    assert note(table, "The suite excludes").endswith(text)
    assert f"{2 * PAIRS} of {3 * PAIRS}" in render(table, "markdown")
    content = json.loads(render(table, "json"))
    assert content["hearing_loss_below"] == LIMIT
    assert {row["n_excluded"] for row in content["rows"]} == {PAIRS}
    page = write_report(board, tmp_path, "demo", "valid", "challenge", hearing_loss_below=LIMIT)
    assert f"{2 * PAIRS} of {3 * PAIRS}" in page.read_text(encoding="utf-8")
    assert "not scored" not in " ".join(table.notes)
    assert "The suite excludes" not in " ".join(table_of(board, None).notes)


def test_a_comparison_has_the_rule(board: Board) -> None:
    runs = {run["run_id"]: run for run in run_rows(board)}
    both = compare_runs(runs["ra"], runs["rbase"], board, Rules(hearing_loss_below=LIMIT))
    assert both.measures[0].comparison.difference.n == 2 * PAIRS
    assert f"{PAIRS} of {3 * PAIRS} pairs do not count" in " ".join(both.notes)
    assert both.headroom is None or both.headroom.n == 2 * PAIRS
    plain = compare_runs(runs["ra"], runs["rbase"], board)
    assert plain.measures[0].comparison.difference.n == 3 * PAIRS


# --- rules that came after the scores ----------------------------------------------------------


def with_rules(path: Path, rules: Rules) -> Board:
    board = known_board(path)
    for run in run_rows(board):
        board.write_run(run | {"rules_json": rules.as_json()})
    return board


def late(table: Leaderboard) -> list[str]:
    return [line for line in table.notes if "seen before" in line]


def test_contrasts_that_were_named_before_the_runs_are_not_remarked(tmp_path: Path) -> None:
    board = with_rules(tmp_path, Rules(NAMED, LIMIT))
    assert not late(table_of(board, contrasts=NAMED))


@pytest.mark.parametrize(("then", "words"), [((), "none"), ((("a", "b"),), "others")])
def test_contrasts_that_were_named_later_are_told(
    tmp_path: Path, then: tuple[tuple[str, str], ...], words: str
) -> None:
    board = with_rules(tmp_path, Rules(then))
    [told] = late(table_of(board, None, contrasts=NAMED))
    assert told.startswith(
        f"The contrasts were not named beforehand: 5 of 5 runs began with {words}"
    )
    runs = {run["run_id"]: run for run in run_rows(board)}
    both = compare_runs(runs["ra"], runs["rbase"], board, Rules(NAMED))
    assert "2 of 2 runs began with" in " ".join(both.notes)


def test_contrasts_that_were_dropped_are_told(tmp_path: Path) -> None:
    board = with_rules(tmp_path, Rules(NAMED))
    assert late(table_of(board, None))


def test_an_exclusion_that_came_later_is_told(tmp_path: Path) -> None:
    board = with_rules(tmp_path, Rules())
    [told] = late(table_of(board))
    assert told.startswith("The rule for excluding pairs was changed: 5 of 5 runs")


def test_boards_that_kept_no_rules_are_not_judged(board: Board) -> None:
    assert not late(table_of(board, contrasts=NAMED))


def test_a_run_keeps_the_rules_that_it_began_with(tmp_path: Path) -> None:
    board = Board(tmp_path)
    row = run_row("rx", "open-unmix", "fixed")
    write_row(board, row | {"rules_json": Rules(NAMED).as_json()}, status="running")
    write_row(board, row | {"rules_json": Rules().as_json()}, status="done")
    [kept] = run_rows(board)
    assert Rules.of(kept) == Rules(NAMED)


# --- the suite ---------------------------------------------------------------------------------


def suite_with(value: object) -> Rules:
    text = {"name": "x", "dataset": {"name": "demo"}, "ranking": {"hearing_loss_below": value}}
    return parse_suite(
        text | {"evaluation": {"split": "valid", "metrics": ["haaqi"]}}, where="x.toml"
    ).rules


def test_a_suite_fixes_the_rule() -> None:
    assert suite_with(80) == Rules(hearing_loss_below=80.0)
    assert load_suite("cadenza-icassp-2024").rules == Rules(baseline=BASE)


@pytest.mark.parametrize("value", ["80", True, 0, -5, float("inf"), float("nan")])
def test_a_rule_that_is_no_hearing_loss_is_refused(value: object) -> None:
    with pytest.raises(BenchError, match="hearing_loss_below") as caught:
        suite_with(value)
    assert caught.value.where == "x.toml"
    assert "dB HL" in caught.value.hint


def test_a_board_knows_its_baseline_without_the_suites_file(tmp_path: Path) -> None:
    board = known_board(tmp_path / "board")
    for run in run_rows(board):
        rules = Rules(NAMED, baseline="mixture + fixed").as_json()
        board.write_run(run | {"suite": "mine", "rules_json": rules})
    table = library.read_leaderboard(board.path)
    assert table.baseline == "mixture + fixed"
    assert "better than the baseline mixture + fixed" in table.verdict[0]
    assert not late(table)
    for run in run_rows(board):  # as boards of earlier versions have them
        old = '{"contrasts": [], "hearing_loss_below": null}'
        board.write_run(run | {"rules_json": old})
    table = library.read_leaderboard(board.path)
    assert table.verdict == ()
    assert [note for note in table.notes if "--suite FILE.toml" in note]
