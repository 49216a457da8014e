"""The verdict: one rule, in sentences that say who is better, for whom, how sure."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.board.store import Board
from bench.leaderboard.comparison import compare_runs
from bench.leaderboard.export import contrasts_section, render
from bench.leaderboard.summaries import comparison_sections, comparison_words
from bench.tables.sections import render_sections
from tests.helpers.boards import build, fill, known_board, pair_rows, run_row


def test_the_best_system_is_told_from_the_baseline_and_not_from_its_equal(tmp_path: Path) -> None:
    table = build(known_board(tmp_path))
    first, second, third = table.verdict
    best, other = (row.label for row in table.systems if row.rank and row.rank[0] == 1)
    assert first.startswith(f"{best} is 0.100 [")
    assert "better than the baseline hdemucs + fixed in HAAQI (8 songs, 3 listeners)" in first
    assert "hearing loss" in first
    assert second == f"{best} cannot be distinguished from {other}."
    assert third.startswith("Worse than the baseline: mixture + fixed by 0.20")
    assert "It goes 60 % of the way from the untouched mixture to the clean stems" in first
    assert render(table).splitlines()[1].startswith(best)


def test_systems_that_are_equal_are_not_called_better(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for seed, (run_id, separator) in enumerate((("ra", "hdemucs"), ("rb", "hdemucs-ft"))):
        board.write_run(run_row(run_id, separator, "fixed"))
        fill(board, run_id, 0.6, seed=seed)
    (said,) = build(board).verdict
    assert said.startswith("No system is shown to be better than the baseline hdemucs + fixed")
    assert "hdemucs-ft + fixed, cannot be distinguished from it" in said


def test_two_songs_tell_nothing_and_say_so(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id, separator, quality in (("ra", "hdemucs", 0.5), ("rb", "hdemucs-ft", 0.7)):
        board.write_run(run_row(run_id, separator, "fixed"))
        fill(board, run_id, quality, songs=2)
    (said,) = build(board).verdict
    assert "too few for a confidence interval" in said


def test_a_p_value_that_cannot_matter_is_not_shown(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id, separator, quality in (("ra", "hdemucs", 0.5), ("rb", "hdemucs-ft", 0.7)):
        board.write_run(run_row(run_id, separator, "fixed"))
        fill(board, run_id, quality, songs=4)
    table = build(board)
    assert not table.shows_p
    assert " p " not in next(line for line in render(table).splitlines() if "+0.2" in line)
    assert build(known_board(tmp_path / "many")).shows_p

    # Nor of a contrast that was named beforehand, nor of a comparison; programs get it.
    contrasts = [("hdemucs-ft + fixed", "hdemucs + fixed")]
    table = build(board, contrasts=contrasts)  # type: ignore[arg-type]
    section = contrasts_section(table)
    assert {"p", "p_holm"} <= section.rows[0].keys()
    contrasts_text = render(table).split("Contrasts named beforehand")[1]
    assert "+0.2" in contrasts_text
    assert " p " not in contrasts_text
    assert "A - B = +0.200" in _compared(board, "rb", "ra")
    assert "p = " not in _compared(board, "rb", "ra")
    many = known_board(tmp_path / "all")
    contrasts = [("hdemucs-ft + fixed", "mixture + fixed")]
    shown = render(build(many, contrasts=contrasts))  # type: ignore[arg-type]
    assert " p " in shown.split("Contrasts named beforehand")[1]
    assert ", p = 0." in _compared(many, "ra", "rbase")


def _compared(board: Board, ours: str, theirs: str) -> str:
    one, other = board.run(ours), board.run(theirs)
    assert one is not None
    assert other is not None
    pair = compare_runs(one, other, board)
    sections = comparison_sections(pair)
    return render_sections("two", sections, "table", words=comparison_words(pair))


def test_without_a_baseline_there_is_no_verdict(tmp_path: Path) -> None:
    table = build(known_board(tmp_path), baseline="nothing + fixed")
    assert table.verdict == ()
    assert replace(table, verdict=("a",)).verdict == ("a",)


def graded(board: Board, run_id: str, gain: dict[str, float]) -> None:
    """Scores of a run that is as much better for each listener."""
    rng = np.random.default_rng(sum(map(ord, run_id)))
    for song in range(8):
        rows = []
        for listener, more in gain.items():
            value = 0.5 + 0.01 * song + more + 0.003 * rng.standard_normal()
            rows += pair_rows(song, listener, {("haaqi", "mean"): value})
        board.append_scores(run_id, f"scene {song}", rows)


def test_the_grade_that_gains_most_is_named_where_it_stands_out(tmp_path: Path) -> None:
    board = Board(tmp_path)
    none, steep = dict.fromkeys(("L1", "L2", "L3"), 0.0), {"L1": 0.01, "L2": 0.08, "L3": 0.01}
    for run_id, separator, gain in (("ra", "hdemucs", none), ("rb", "hdemucs-ft", steep)):
        board.write_run(run_row(run_id, separator, "fixed"))
        graded(board, run_id, gain)
    (said,) = build(board).verdict
    assert "The gain is largest for moderate hearing loss (+0.0" in said
    assert ", smallest for " in said


def test_what_is_sure_comes_before_what_is_only_high(tmp_path: Path) -> None:
    """The highest mean is of a system that differs from song to song: it is not called better."""
    board = Board(tmp_path)
    rng = np.random.default_rng(1)
    for run_id, separator, shift, spread in (
        ("ra", "hdemucs", 0.0, 0.0), ("rb", "hdemucs-ft", 0.02, 0.001), ("rc", "wild", 0.05, 0.2),
    ):  # fmt: skip
        board.write_run(run_row(run_id, separator, "fixed"))
        for song in range(6):
            value = 0.5 + shift + spread * ((song % 2) - 0.5) + 1e-4 * rng.standard_normal()
            rows = pair_rows(song, f"L{song % 3 + 1}", {("haaqi", "mean"): value})
            board.append_scores(run_id, f"scene {song}", rows)
    table = build(board)
    assert table.rows[0].label == "wild + fixed"
    assert table.verdict[0].startswith("hdemucs-ft + fixed is 0.020 [")
    assert (
        "wild + fixed has the highest mean but cannot be distinguished from the baseline"
        in (table.verdict[-1])
    )
    assert any("cannot be distinguished from wild + fixed" in said for said in table.verdict)


def test_a_difference_that_is_none_in_what_is_shown_is_not_called_better(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id, separator, more in (("ra", "hdemucs", 0.0), ("rb", "hdemucs-ft", 1e-5)):
        board.write_run(run_row(run_id, separator, "fixed"))
        for song in range(6):
            rows = pair_rows(song, "L1", {("haaqi", "mean"): 0.5 + more + 1e-8 * song})
            board.append_scores(run_id, f"scene {song}", rows)
    (said,) = build(board).verdict
    assert said.startswith("No system is shown to be better")


def test_systems_of_several_references_are_not_judged(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id, gains, value in (("ra", "fixed", 3.0), ("rb", "none", 0.0)):
        board.write_run(run_row(run_id, "hdemucs", gains, protocol="shared-gains"))
        for song in range(4):
            values = {("haaqi", "mean"): 0.5, ("gains", "vocals"): value}
            board.append_scores(run_id, f"scene {song}", pair_rows(song, "L1", values))
    (said,) = build(board, protocol="shared-gains").verdict
    assert said.startswith("None of these systems can be called better")


def test_several_seeds_are_told_for_whom_and_how_far(tmp_path: Path) -> None:
    board = known_board(tmp_path)
    for seed in range(3):
        spec = {"separator": "own", "seed": seed}
        row = run_row(f"rs{seed}", "own", "cnn", label=f"own + cnn (seed {seed})", seed=seed)
        board.write_run(row | {"spec_json": json.dumps(spec)})
        fill(board, f"rs{seed}", 0.8, seed=20 + seed)
    first = build(board).verdict[0]
    assert first.startswith("own + cnn is 0.20")
    assert "hearing loss" in first
    assert "80 % of the way" in first
