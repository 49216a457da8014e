"""Leaderboards of synthetic boards whose truth is known."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.board.store import Board
from bench.leaderboard.export import render
from bench.leaderboard.statistics import holm
from bench.tables import FORMATS
from tests.helpers.boards import (
    LISTENERS,
    SONGS,
    build,
    by_label,
    fill,
    note,
    pair_rows,
    run_row,
)

PAIRS = SONGS * 2 * len(LISTENERS)


def test_order_and_rank_ranges(board: Board) -> None:
    table = build(board)
    ranks = {row.label: row.rank for row in table.rows}
    assert next(iter(ranks)) == "oracle + fixed"
    assert list(ranks)[3:] == ["hdemucs + fixed", "mixture + fixed"]
    assert ranks == {
        "oracle + fixed": None,
        "hdemucs-ft + fixed": (1, 2),
        "hdemucs-ft + cnn-residual": (1, 2),
        "hdemucs + fixed": (3, 3),
        "mixture + fixed": (4, 4),
    }
    assert note(table, "oracle") == "oracle + fixed is not ranked: it is given the clean stems."
    assert "for these 3 listeners" in note(table, "listeners")
    assert len(table.notes) == 2


def test_means_are_those_of_the_scores(board: Board) -> None:
    table = build(board)
    scores = board.scores("ra")
    row = by_label(table)["hdemucs-ft + fixed"]
    assert row.n == row.values["haaqi"].n == PAIRS
    for key, part in (("haaqi", "mean"), ("haaqi/left", "left"), ("haaqi/right", "right")):
        chosen = scores[(scores.metric == "haaqi") & (scores.part == part)]
        assert row.values[key].mean == pytest.approx(chosen.value.mean(), rel=1e-12)
    assert row.values["sdr"].mean == pytest.approx(9.0)
    assert row.values["lufs"].mean == pytest.approx(0.1)
    keys = [column.key for column in table.columns]
    assert keys == ["haaqi", "haaqi/left", "haaqi/right", "sdr", "lufs", "clipping"]
    assert table.songs == SONGS


def test_differences_to_the_baseline(board: Board) -> None:
    rows = by_label(build(board))
    assert rows["hdemucs + fixed"].is_baseline
    assert rows["hdemucs + fixed"].difference is None
    others = [row for row in rows.values() if not row.is_baseline]
    for row, truth in zip(others, (0.3, 0.1, 0.1, -0.2), strict=True):
        assert row.difference is not None
        assert row.difference.difference.mean == pytest.approx(truth, abs=0.005)
        assert row.difference.p == 2 / 2**SONGS
    assert [row.p for row in others] == holm([2 / 2**SONGS] * 4)
    # Far narrower than those of the means: what the songs have in common cancels.
    difference, mean = others[1].difference.difference, others[1].values["haaqi"]  # type: ignore[union-attr]
    assert difference.high - difference.low < 0.1 * (mean.high - mean.low)


@pytest.mark.parametrize(
    "changes", [{"protocol": "shared-gains"}, {"split": "eval"}, {"suite": "cadenza-icassp-2024"}]
)
def test_protocols_splits_and_suites_are_never_mixed(board: Board, changes: dict[str, str]) -> None:
    board.write_run(run_row("rother", "open-unmix", "fixed", **changes))
    fill(board, "rother", 0.8)
    assert "open-unmix + fixed" not in by_label(build(board))
    assert list(by_label(build(board, **changes))) == ["open-unmix + fixed"]


def test_an_empty_board_is_an_empty_leaderboard(tmp_path: Path) -> None:
    table = build(Board(tmp_path))
    assert table.rows == ()
    for format in FORMATS:
        render(table, format)
    assert "No runs yet." in render(table)


def test_rows_without_scores_are_visible(board: Board) -> None:
    board.write_run(run_row("rrun", "open-unmix", "fixed", status="running"))
    board.write_run(run_row("rfail", "spleeter", "fixed", status="failed", failure="NaN in step 3"))
    table = build(board)
    assert {row.label for row in table.rows[-2:]} == {"spleeter + fixed", "open-unmix + fixed"}
    assert all(row.rank is None and row.n == 0 for row in table.rows[-2:])
    assert note(table, "spleeter").endswith("it failed: NaN in step 3.")
    assert note(table, "open-unmix").endswith("it has not ended.")
    assert by_label(table)["mixture + fixed"].rank == (4, 4)


def test_failed_pairs_are_counted_and_never_zeros(board: Board) -> None:
    board.write_run(run_row("rhole", "open-unmix", "fixed", status="failed-scenes"))
    fill(board, "rhole", 0.65)
    full = by_label(build(board))["open-unmix + fixed"]
    rows = [
        row
        for listener in LISTENERS
        for row in pair_rows(0, listener, {("haaqi", "mean"): None, ("sdr", "mean"): None})
    ]
    board.append_scores("rhole", "scene 0-1", rows)
    table = build(board)
    row = by_label(table)["open-unmix + fixed"]
    assert (row.n, row.n_failed) == (PAIRS - 3, 3)
    assert row.values["haaqi"].mean == pytest.approx(full.values["haaqi"].mean, abs=0.005)
    assert "3 pairs failed" in note(table, "failed")
    assert f"up to {PAIRS} pairs, fewer for open-unmix + fixed ({PAIRS - 3})." in note(
        table, "n differs"
    )
    assert "3 failed" in render(table)
    assert row.difference is not None
    assert row.difference.difference.n == PAIRS - 3


def test_of_one_configuration_the_newest_ended_run_is_shown(board: Board) -> None:
    base = run_row("rnew", "hdemucs", "fixed")
    board.write_run(base | {"created": datetime(2025, 1, 1, tzinfo=UTC), "code_hash": "new"})
    fill(board, "rnew", 0.62)
    row = base | {"run_id": "rnewest", "status": "running"}
    board.write_run(row | {"created": datetime(2025, 2, 1, tzinfo=UTC)})
    table = build(board)
    assert by_label(table)["hdemucs + fixed"].run["run_id"] == "rnew"
    assert note(table, "older") == "2 older runs of the same configurations are not shown."
    assert note(table, "versions of bench's code").startswith("The rows were computed by 2")


def test_other_data_is_not_ranked_or_compared(board: Board) -> None:
    prints = json.dumps({"valid": "other", "train": "da7a"})
    row = run_row("rold", "open-unmix", "fixed", dataset_fingerprint=prints)
    board.write_run(row | {"created": datetime(2020, 1, 1, tzinfo=UTC)})
    fill(board, "rold", 0.99)
    table = build(board)
    found = by_label(table)["open-unmix + fixed"]
    assert found.rank is None
    assert found.difference is None
    assert "other data" in note(table, "open-unmix")


def test_a_trained_run_is_compared_though_its_training_data_are_in_its_fingerprint(
    board: Board,
) -> None:
    prints = json.dumps({"valid": "da7a", "train": "7ra1n"})
    board.write_run(run_row("rft", "hdemucs-ft", "cnn", dataset_fingerprint=prints))
    fill(board, "rft", 0.8)
    assert by_label(build(board))["hdemucs-ft + cnn"].rank == (1, 1)


def test_a_baseline_with_options_is_found_by_its_plugins(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.write_run(run_row("ra", "hdemucs", "fixed", label="hdemucs[weights=musdb] + fixed"))
    fill(board, "ra", 0.6)
    assert build(board).baseline == "hdemucs[weights=musdb] + fixed"


def test_a_baseline_that_is_not_there(board: Board) -> None:
    table = build(board, baseline="elsewhere + fixed")
    assert table.baseline == ""
    assert all(row.difference is None for row in table.rows)
    assert "'elsewhere + fixed' is not on this board" in note(table, "baseline")


def test_runs_of_one_label_are_told_apart(board: Board) -> None:
    row = run_row("rtwin", "mixture", "fixed") | {"spec_json": json.dumps({"other": True})}
    board.write_run(row)
    fill(board, "rtwin", 0.3)
    labels = [row.label for row in build(board).rows]
    assert {"mixture + fixed [rtwin]", "mixture + fixed [rmixture]"} <= set(labels)


@pytest.mark.parametrize("agree", [[True], [False, True], [True, True, False]])
def test_of_several_verifications_the_last_one_is_told(board: Board, agree: list[bool]) -> None:
    for day, agrees in enumerate(agree, 1):
        row = {"by": f"lab {day}", "when": datetime(2025, 3, day, tzinfo=UTC), "agrees": agrees}
        counts = {"pairs": 2, "share": 0.1, "difference": 0.0, "within": 1e-6}
        board.write_verification("rmixture", row | counts)
    said = note(build(board), "scored again")
    assert f"by lab {len(agree)} on" in said
    assert ("DISAGREE" in said) != agree[-1]


def test_a_metric_of_a_stranger_has_a_column(board: Board) -> None:
    for row in board.runs().itertuples():
        rows = pair_rows(0, "L1", {("sparkle", "overall"): 0.5, ("sparkle", "detail"): 0.1})
        board.append_scores(str(row.run_id), "extra", rows)
    table = build(board)
    assert table.columns[-1].key == "sparkle"
    assert table.rows[0].values["sparkle"].mean == 0.5


def test_the_package_and_its_schema_import_nothing_heavy() -> None:
    code = (
        "import sys, bench.leaderboard, bench.board.schema, bench.report\n"
        "heavy = {'pandas', 'pyarrow', 'numpy', 'scipy', 'matplotlib', 'torch', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
