"""The figures of a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.board.pairs import PairScores
from bench.board.store import Board
from bench.leaderboard.model import Leaderboard
from bench.leaderboard.names import Name
from bench.leaderboard.table import leaderboard
from bench.report import content, figures
from bench.report.style import variables
from tests.helpers.boards import build, fill, known_board, run_row

Known = tuple[Board, Leaderboard]


def scores_of(board: Board, table: Leaderboard) -> PairScores:
    return PairScores(board, [str(row.run["run_id"]) for row in table.rows])


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Known:
    board = known_board(tmp_path_factory.mktemp("many"))
    for number in range(7):
        board.write_run(run_row(f"rn{number}", f"own{number}", "fixed"))
        fill(board, f"rn{number}", 0.5 + 0.01 * number, seed=40 + number)
    return board, build(board)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    board = known_board(tmp_path_factory.mktemp("known"))
    return board, build(board)


def test_the_same_board_gives_the_same_figures(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    songs = content.song_means(table, scores_of(board, table))
    one, two = (figures.overview(table, content.systems_of(table), songs) for _ in range(2))
    assert one == two


def test_one_group_is_no_figure(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    systems = content.systems_of(table)
    genres = content.by_genre(board.scores("ra"), "haaqi")
    assert figures.groups(genres, systems, "genre", "HAAQI") is not None
    assert figures.groups(genres[genres.part == "Jazz"], systems, "genre", "HAAQI") is None


def test_of_many_systems_the_baseline_and_the_best_are_chosen(twelve: Known) -> None:
    systems = content.systems_of(twelve[1])
    assert len({one.mark for one in systems}) == len(systems) == 12
    chosen = [one for one in systems if one.chosen]
    assert len(chosen) == content.MOST_CHOSEN
    # Told apart by colour: no two chosen ones share one of seven.
    assert len({one.mark % 7 for one in chosen}) == len(chosen)
    assert "hdemucs + fixed" in [one.label for one in chosen]
    assert "oracle + fixed" not in [one.label for one in chosen]
    said = variables({one.mark: one.chosen for one in systems})
    assert said.count("var(--other)") == said.count("var(--series-") == 6


def test_few_systems_are_all_in_colour(known: Known) -> None:
    assert all(one.chosen for one in content.systems_of(known[1]))


def test_the_forest_has_a_dot_a_song_and_no_clean_stems(twelve: Known) -> None:
    board, table = twelve
    systems = content.systems_of(table)
    found = content.differences_by_song(table, systems, scores_of(board, table))
    assert list(found) == ["all pairs", "mild", "moderate", "moderately severe"]
    names = [one.system.label for one in found["all pairs"]]
    assert not {"oracle + fixed", "hdemucs + fixed"} & set(names)
    assert {len(one.songs) for one in found["all pairs"]} == {8}
    drawn = figures.forest(found, table.columns[0], "hdemucs + fixed")
    assert drawn is not None
    assert "to its right are better" in drawn.caption
    assert "mild: 16 pairs, 8 songs" in drawn.panels[1]


def test_a_difference_is_not_cut_where_a_score_ends(known: Known) -> None:
    """HAAQI lies between 0 and 1, a difference of two of them between -1 and 1."""
    board, table = known
    found = content.differences_by_song(table, content.systems_of(table), scores_of(board, table))
    [drawn] = [one for one in found["all pairs"] if one.system.label == "mixture + fixed"]
    assert drawn.mean.low < drawn.mean.mean < drawn.mean.high < 0
    [row] = [row for row in table.rows if row.label == "mixture + fixed"]
    assert row.difference is not None
    assert drawn.mean == row.difference.difference


def test_seeds_of_one_system_are_one_in_all_figures(tmp_path: Path) -> None:
    board = known_board(tmp_path)
    for seed in range(3):
        row = run_row(f"rs{seed}", "own", "cnn", label=f"own + cnn (seed {seed})", seed=seed)
        board.write_run(row | {"spec_json": json.dumps({"separator": "own", "seed": seed})})
        fill(board, f"rs{seed}", 0.7 + 0.01 * seed, seed=20 + seed)
    table = build(board)
    systems, scores = content.systems_of(table), scores_of(board, table)
    [own] = [one for one in systems if one.label == "own + cnn"]
    assert own.runs == ("rs0", "rs1", "rs2")
    together = content.seeds_together(scores.frame("haaqi"), [own])
    assert set(together.run_id) & set(own.runs) == {"rs0"}
    found = content.differences_by_song(table, systems, scores)
    assert [one.system.label for one in found["all pairs"]].count("own + cnn") == 1


def test_names_keep_their_end() -> None:
    name = Name("hdemucs-ft + cnn-residual", ("nalr-limiter[max_loudness_loss=3.0]",))
    head, details = figures._two_lines(name).split("\n")
    assert head == "hdemucs-ft + cnn-residual"
    assert len(details) == 26
    assert details.startswith("nalr-limiter")
    assert details.endswith("loss=3.0]")
