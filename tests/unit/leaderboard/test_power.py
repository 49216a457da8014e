"""What a comparison says of variance, headroom and power."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.board.store import Board
from bench.leaderboard.comparison import compare_runs
from bench.leaderboard.power import plans, power_of, power_section, songs_needed
from bench.leaderboard.statistics import Spread
from bench.leaderboard.summaries import comparison_sections, comparison_words
from bench.leaderboard.table import leaderboard
from bench.tables.sections import render_sections
from tests.helpers.boards import known_board, pair_rows, run_row

WHERE = ("demo", "valid", "challenge")


@pytest.mark.parametrize(("detect", "songs"), [(0.02, 26), (0.01, 98)])
def test_songs_alone_need_what_the_paired_t_test_needs(detect: float, songs: int) -> None:
    """Cohen's tables: 26 pairs for d of 0.02 / 0.035, 98 for 0.01 / 0.035, 80 % power."""
    spread = Spread(0.035, math.nan, 0.0, 0.0)
    assert abs(songs_needed(spread, 10, detect, 0.8) - songs) <= 1  # type: ignore[operator]
    needed = songs_needed(spread, 10, detect, 0.8)
    assert needed is not None
    for number, enough in ((needed, True), (needed - 1, False)):
        reach = stats.t.ppf(0.975, number - 1)
        shift = detect / 0.035 * np.sqrt(number)
        assert (stats.nct.sf(reach, number - 1, shift) >= 0.8) == enough
        assert power_of(spread, number, 10, detect) == pytest.approx(
            stats.nct.sf(reach, number - 1, shift), abs=1e-4
        )


def test_too_few_listeners_are_never_enough() -> None:
    spread = Spread(0.03, 0.03, 0.01, 0.0)
    assert songs_needed(spread, 6, 0.01, 0.8) is None
    some, more = (songs_needed(spread, n, 0.01, 0.8) for n in (100, 200))
    assert some is not None
    assert more is not None
    assert more < some


def test_more_songs_listeners_and_difference_give_more_power() -> None:
    spread = Spread(0.035, 0.01, 0.011, 0.0)
    base = power_of(spread, 20, 10, 0.02)
    assert base < power_of(spread, 30, 10, 0.02)
    assert base < power_of(spread, 20, 20, 0.02)
    assert base < power_of(spread, 20, 10, 0.03)
    assert base == power_of(spread, 20, 10, -0.02)
    assert power_of(Spread(0.0, 0.0, 0.0, 0.0), 20, 10, 0.02) == 1.0
    assert power_of(spread, 50, 50, 10.0) == pytest.approx(1.0)


def test_a_plan_from_a_board(tmp_path: Path) -> None:
    board = known_board(tmp_path)
    found = list(
        plans(
            leaderboard(board, *WHERE, baseline="hdemucs + fixed"), detect=0.01, listeners=(6, 20)
        )
    )
    assert [plan.label for plan in found][-1] == "mixture + fixed"
    assert len(found) == 4
    for plan in found:
        # Differences vary by 0.004 * sqrt(2) from pair to pair, and by nothing else. A standard
        # deviation of 14 degrees of freedom is known to 19 %.
        assert plan.spread.rest == pytest.approx(0.0057, rel=3 * 0.19)
        assert plan.spread.song < 0.0057
        assert (plan.songs, plan.listeners) == (8, 3)
        assert [need.listeners for need in plan.needs] == [3, 6, 20]
        for need in plan.needs:
            assert need.songs == songs_needed(plan.spread, need.listeners, 0.01, 0.8)
        assert all(need.songs in (3, 4, 5) for need in plan.needs[1:])
        assert plan.seen > 0.99
    table = leaderboard(board, *WHERE, baseline="hdemucs + fixed")
    text = render_sections("", [power_section(found, table, 0.01)], "table")
    assert "Songs needed to detect a difference of 0.01" in text
    assert "with 6" in text
    content = json.loads(render_sections("", [power_section(found, table, 0.01)], "json"))
    assert content["sections"][0]["rows"][0]["with_6"] == found[0].needs[1].songs


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_plan_fits_the_line_and_says_once_what_all_rows_share(tmp_path: Path, width: int) -> None:
    board = known_board(tmp_path)
    long = " (nalr, 16 pairs, loss mse + 0.3*sdr + 2*loudness)"
    for run in board.runs().to_dict("records"):
        board.write_run({**run, "label": f"{run['label']}{long}"})
    table = leaderboard(board, *WHERE, baseline=f"hdemucs + fixed{long}")
    numbers = (6, 10, 20, 50, 100, 200, 400, 1000)
    section = power_section(list(plans(table, listeners=numbers)), table, 0.01)
    text = render_sections("", [section], "table", width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "All rows: nalr, 16 pairs, loss mse" in " ".join(text.split())
    assert " ".join(text.split()).count("loss mse") == 1
    assert ("left out" in text) == (width < 120)
    [row, *_] = section.rows
    assert row["label"].endswith(long)
    assert not row["system"].endswith(long)


def test_a_board_without_a_difference_has_no_plan(tmp_path: Path) -> None:
    assert list(plans(leaderboard(Board(tmp_path), *WHERE))) == []
    table = leaderboard(known_board(tmp_path / "board"), *WHERE, baseline="elsewhere")
    assert list(plans(table)) == []


def compared(board: Board, ours: str, theirs: str) -> str:
    runs = [board.run(run_id) for run_id in (ours, theirs)]
    assert runs[0] is not None
    assert runs[1] is not None
    pair = compare_runs(runs[0], runs[1], board)
    sections = comparison_sections(pair)
    return render_sections("two", sections, "table", words=comparison_words(pair))


def test_a_comparison_says_where_the_difference_varies(tmp_path: Path) -> None:
    text = compared(known_board(tmp_path), "ra", "rbase")
    assert "Where the difference varies" in text
    for heading in ("sd song", "sd listener", "sd rest", "d z"):
        assert heading in text
    assert "48 pairs of 8 songs and 3 listeners" in " ".join(text.split())


def test_the_share_of_the_headroom_is_by_spec_not_by_name(tmp_path: Path) -> None:
    board = known_board(tmp_path)  # oracle 0.9, hdemucs-ft 0.7, hdemucs 0.6, mixture 0.4
    runs = {run_id: board.run(run_id) for run_id in ("ra", "rbase")}
    pair = compare_runs(runs["ra"], runs["rbase"], board)  # type: ignore[arg-type]
    assert pair.headroom is not None
    assert pair.headroom.ours == pytest.approx((0.7 - 0.4) / 0.5, abs=0.01)
    assert pair.headroom.theirs == pytest.approx((0.6 - 0.4) / 0.5, abs=0.01)
    assert pair.headroom.n == 48
    assert "Share of the headroom" in compared(board, "ra", "rbase")
    # The mixture with other gains than the requested ones is no floor.
    board.write_run(run_row("rmixture", "mixture", "cnn", label="mixture + fixed"))
    pair = compare_runs(runs["ra"], runs["rbase"], board)  # type: ignore[arg-type]
    assert pair.headroom is None
    assert "Share of the headroom" not in compared(board, "ra", "rbase")


def test_there_is_no_headroom_between_different_references(tmp_path: Path) -> None:
    board = Board(tmp_path)
    runs = {"rm": ("mixture", "fixed", 3.0), "ro": ("oracle", "fixed", 3.0)}
    runs |= {"ra": ("hdemucs", "cnn", -5.0), "rb": ("hdemucs", "fixed", 3.0)}
    for number, (run_id, (separator, gains, applied)) in enumerate(runs.items()):
        board.write_run(run_row(run_id, separator, gains, protocol="shared-gains"))
        for song in range(4):
            values = {("haaqi", "mean"): 0.4 + 0.1 * number, ("gains", "vocals"): applied}
            board.append_scores(run_id, f"scene {song}", pair_rows(song, "L1", values))
    ours, theirs = board.run("ra"), board.run("rb")
    assert ours is not None
    assert theirs is not None
    pair = compare_runs(ours, theirs, board)
    assert pair.headroom is None
    assert "different references" in " ".join(pair.notes)
