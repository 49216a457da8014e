"""What a board ranks and compares: contrasts named beforehand, seeds, references; and its words."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench.board.store import Board
from bench.leaderboard.effects import main_effects
from bench.leaderboard.export import render
from bench.leaderboard.model import Leaderboard, Row
from bench.leaderboard.render import render_text
from bench.leaderboard.seeds import common_label
from bench.leaderboard.statistics import holm
from bench.leaderboard.table import leaderboard
from tests.helpers.boards import LISTENERS, fill, known_board, pair_rows, run_row

BASE = "hdemucs + fixed"


def build(board: Board, **changes: Any) -> Leaderboard:
    where = {"suite": "demo", "split": "valid", "protocol": "challenge", "baseline": BASE}
    return leaderboard(board, **(where | changes))


def systems(table: Leaderboard) -> dict[str, Row]:
    return {row.label: row for row in table.systems}


def told(table: Leaderboard, text: str) -> str:
    [found] = [line for line in table.notes if text in line]
    return found


def test_the_baseline_of_a_few_pairs_is_the_one_with_the_suites_prescription(
    tmp_path: Path,
) -> None:
    board = Board(tmp_path)
    for run_id, label, day in (("ra", "12 pairs", 1), ("rb", "nalr-fit, 12 pairs", 2)):
        created = datetime(2024, 5, day, tzinfo=UTC)
        spec = json.dumps({"prescription": {"name": label.partition(",")[0]}})
        about = {"label": f"{BASE} ({label})", "created": created, "spec_json": spec}
        board.write_run(run_row(run_id, "hdemucs", "fixed", **about))
        fill(board, run_id, 0.6)
        board.consolidate(run_id)
    assert build(board).baseline == f"{BASE} (12 pairs)"


# --- contrasts -----------------------------------------------------------------------------------

NAMED = [("hdemucs-ft + fixed", BASE), ("hdemucs-ft + cnn-residual", "hdemucs-ft + fixed")]


def test_p_values_are_those_of_the_contrasts_alone(tmp_path: Path) -> None:
    board = known_board(tmp_path)
    plain, named = build(board), build(board, contrasts=NAMED)
    found = [one.comparison for one in named.contrasts]
    raw = [one.p for one in found if one is not None]
    assert [one.p for one in named.contrasts] == holm(raw)
    row = systems(named)["hdemucs-ft + fixed"]
    assert row.difference == systems(plain)["hdemucs-ft + fixed"].difference
    assert row.p == named.contrasts[0].p
    assert row.p < systems(plain)["hdemucs-ft + fixed"].p  # type: ignore[operator]
    for label in ("mixture + fixed", "oracle + fixed", "hdemucs-ft + cnn-residual"):
        assert systems(named)[label].difference is not None
        assert math.isnan(systems(named)[label].p)  # type: ignore[arg-type]
    assert "2 contrasts named beforehand" in told(named, "beforehand")


def test_a_further_row_changes_no_p(tmp_path: Path) -> None:
    board = known_board(tmp_path)
    before = build(board, contrasts=NAMED)
    for number in range(3):
        board.write_run(run_row(f"rnew{number}", f"new-{number}", "fixed"))
        fill(board, f"rnew{number}", 0.65, seed=10 + number)
    after = build(board, contrasts=NAMED)
    assert [one.p for one in before.contrasts] == [one.p for one in after.contrasts]
    # Without contrasts it changes all of them.
    assert systems(build(board))["mixture + fixed"].p == pytest.approx(7 * 2 / 2**8)


def test_a_contrast_whose_row_is_not_there_counts_and_is_told(tmp_path: Path) -> None:
    board = known_board(tmp_path)
    table = build(board, contrasts=[*NAMED, ("elsewhere + fixed", BASE)])
    first, _, missing = table.contrasts
    assert first.comparison is not None
    assert first.p == pytest.approx(3 * first.comparison.p)
    assert (missing.comparison, missing.p) == (None, None)
    assert "'elsewhere + fixed' with 'hdemucs + fixed'" in told(table, "lacks a row")


@pytest.mark.parametrize("format", ["table", "markdown", "latex", "json"])
def test_contrasts_are_shown(tmp_path: Path, format: str) -> None:
    text = render(build(known_board(tmp_path), contrasts=NAMED), format)
    if format == "json":
        [one, two] = json.loads(text)["contrasts"]
        assert (one["A"], one["B"]) == NAMED[0]
        assert two["p_holm"] is not None
    else:
        assert "Contrasts named beforehand" in text


# --- seeds ---------------------------------------------------------------------------------------


def seeded(path: Path, qualities: tuple[float, ...] = (0.70, 0.72, 0.68)) -> Board:
    """The usual board with a system that was trained with several seeds."""
    board = known_board(path)
    for seed, quality in enumerate(qualities):
        spec = {"separator": "hdemucs-ft", "gains": "cnn", "loss": "mse", "seed": seed}
        extra = f" (seed {seed})" if seed else ""
        label = f"hdemucs-ft + cnn{extra}"
        row = run_row(f"rseed{seed}", "hdemucs-ft", "cnn", label=label, seed=seed)
        board.write_run(row | {"spec_json": json.dumps(spec)})
        fill(board, f"rseed{seed}", quality, seed=20 + seed)
    return board


def test_seeds_of_one_system_are_one_line(tmp_path: Path) -> None:
    table = build(seeded(tmp_path))
    assert len(table.rows) == 5 + 3
    assert len(table.systems) == 5 + 1
    line = systems(table)["hdemucs-ft + cnn"]
    singles = [row for row in table.rows if row.system == line.label]
    assert line.seeds == (0, 1, 2)
    assert len(singles) == 3
    means = [row.values["haaqi"].mean for row in singles]
    expected = stats.ttest_1samp(means, 0.0).confidence_interval()
    value = line.values["haaqi"]
    assert value.mean == pytest.approx(np.mean(means), rel=1e-12)
    assert (value.low, value.high) == pytest.approx(tuple(expected), rel=1e-9)
    assert value.n == line.n == singles[0].n
    assert line.rank is not None
    assert line.difference is not None
    assert line.difference.difference.mean == pytest.approx(0.1, abs=0.005)
    # One seed has a difference, and neither a rank nor a p-value.
    assert all(row.rank is None and row.p is not None and math.isnan(row.p) for row in singles)
    assert all(row.difference is not None for row in singles)


def test_holm_counts_systems_not_seeds(tmp_path: Path) -> None:
    table = build(seeded(tmp_path))
    others = [row for row in table.systems if row.difference is not None]
    assert len(others) == 5
    assert [row.p for row in others] == holm([row.difference.p for row in others])  # type: ignore[union-attr]


def test_single_seeds_are_opened_on_demand(tmp_path: Path) -> None:
    table = build(seeded(tmp_path))
    closed, opened = render_text(table), render_text(table, expand=True)
    assert "3 seeds" in closed
    assert "its interval over seeds" in " ".join(closed.split())
    assert "seed 1" not in closed
    assert "seed 1" in opened
    assert "seed 2" in opened
    assert "(seed 1)" not in render(table, "markdown")
    assert "(seed 1)" in render(table, "markdown", expand=True)
    rows = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    assert len(rows) == 5 + 1 + 3
    [line] = [row for row in rows if row["seeds"] == "3"]
    assert (line["label"], line["run_id"], line["seed"]) == ("hdemucs-ft + cnn", "", "")
    assert {row["seed"] for row in rows if row["system"] == line["label"] and row["run_id"]} == {
        "0",
        "1",
        "2",
    }


def test_two_seeds_have_no_interval_and_it_is_said(tmp_path: Path) -> None:
    table = build(seeded(tmp_path, (0.7, 0.72)))
    assert math.isnan(systems(table)["hdemucs-ft + cnn"].values["haaqi"].low)
    assert told(table, "two seeds").startswith("hdemucs-ft + cnn: ")


def test_a_system_of_several_seeds_can_be_the_baseline(tmp_path: Path) -> None:
    table = build(seeded(tmp_path), baseline="hdemucs-ft + cnn")
    assert table.baseline == "hdemucs-ft + cnn"
    assert [row.label for row in table.systems if row.is_baseline] == ["hdemucs-ft + cnn"]
    difference = systems(table)[BASE].difference
    assert difference is not None
    assert difference.difference.mean == pytest.approx(-0.1, abs=0.005)


def test_the_label_of_seeds_has_no_seed() -> None:
    labels = ["a + b (mse, seed 1, 8 pairs)", "a + b (mse, seed 2, 8 pairs)"]
    assert common_label([{"label": label} for label in labels]) == "a + b (mse, 8 pairs)"
    assert common_label([{"label": "a + b (seed 3, 8 pairs)"}]) == "a + b (8 pairs)"


# --- references ----------------------------------------------------------------------------------


def own_gains(board: Board, run_id: str, gains: str, applied: float, quality: float) -> None:
    """A run under the protocol whose reference has the system's own gains."""
    separator = "hdemucs-ft" if run_id.startswith("rft") else "hdemucs"
    board.write_run(run_row(run_id, separator, gains, protocol="shared-gains", n_pairs=24))
    rng = np.random.default_rng(sum(map(ord, run_id)))
    for song in range(8):
        rows = []
        for listener in LISTENERS:
            value = quality + rng.normal(0, 0.01)
            values = {("haaqi", "mean"): value, ("gains", "vocals"): applied}
            rows += pair_rows(song, listener, values | {("gains", "drums"): 0.0})
        board.append_scores(run_id, f"scene {song}", rows)


@pytest.fixture
def shared(tmp_path: Path) -> Board:
    board = Board(tmp_path)
    own_gains(board, "rcnn", "cnn", -7.0, 0.8)
    own_gains(board, "rfixed", "fixed", 3.0, 0.6)
    own_gains(board, "rftfixed", "fixed", 3.0, 0.65)
    return board


def test_rows_of_different_references_are_neither_ranked_nor_compared(shared: Board) -> None:
    table = build(shared, protocol="shared-gains")
    rows = systems(table)
    assert all(row.rank is None for row in rows.values())
    assert rows["hdemucs + cnn"].difference is None
    assert rows["hdemucs-ft + fixed"].difference is not None
    assert "different references" in told(table, "references")
    assert rows["hdemucs + cnn"].reference != rows[BASE].reference
    assert rows["hdemucs-ft + fixed"].reference == rows[BASE].reference
    contrast = build(shared, protocol="shared-gains", contrasts=[("hdemucs + cnn", BASE)])
    assert contrast.contrasts[0].comparison is None


def test_rows_of_one_reference_are_ranked_under_any_protocol(tmp_path: Path) -> None:
    board = Board(tmp_path)
    own_gains(board, "rfixed", "fixed", 3.0, 0.6)
    own_gains(board, "rftfixed", "fixed", 3.0, 0.65)
    table = build(board, protocol="shared-gains")
    assert [row.rank for row in table.systems] == [(1, 1), (2, 2)]
    assert not [line for line in table.notes if "references" in line]


def test_what_leaves_the_stems_alone_is_the_baseline_where_it_is_there(shared: Board) -> None:
    own_gains(shared, "rnone", "none", 0.0, 0.5)
    own_gains(shared, "rftnone", "none", 0.0, 0.55)
    table = build(shared, protocol="shared-gains")
    assert table.baseline == "hdemucs + none"
    compared = {label for label, row in systems(table).items() if row.difference is not None}
    assert compared == {"hdemucs-ft + none"}
    # Under the challenge's protocol the reference is the scene's, and the baseline is the suite's.
    assert build(known_board(shared.path / "other")).baseline == BASE


def test_effects_are_of_runs_that_share_their_reference(shared: Board) -> None:
    for run_id in ("rcnn", "rfixed", "rftfixed"):
        run = shared.run(run_id)
        assert run is not None
        parts = {name: {"name": run[name], "options": {}} for name in ("separator", "gains")}
        shared.write_run(run | {"spec_json": json.dumps(parts)})
    table = build(shared, protocol="shared-gains")
    found = {(one.factor, one.level) for one in main_effects(shared, table)}
    assert found == {("separator", "hdemucs-ft")}


# --- medians, two songs, listeners ---------------------------------------------------------------


def test_the_median_stands_beside_a_mean_that_has_no_bounds(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.write_run(run_row("ra", "hdemucs", "fixed", n_pairs=None))
    for song, sdr in enumerate((9.0, 8.0, 7.0, -82.0, 8.5)):
        values = {("haaqi", "mean"): 0.5, ("sdr", "mean"): sdr, ("clipping", "mean"): 0.1}
        board.append_scores("ra", f"scene {song}", pair_rows(song, "L1", values))
    table = build(board)
    [row] = table.rows
    assert row.values["sdr"].mean == pytest.approx(-9.9)
    assert row.medians["sdr"] == 8.0
    assert {column.key for column in table.columns if column.median} == {"sdr"}
    text = render(table)
    assert "M 8.00" in text
    assert "M is the median over songs" in " ".join(text.split())
    [record] = csv.DictReader(io.StringIO(render(table, "csv")))
    assert float(record["sdr_median"]) == 8.0
    assert "haaqi_median" not in record


def test_two_songs_have_no_intervals_and_it_is_said(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id, separator in (("ra", "hdemucs"), ("rb", "oracle")):
        board.write_run(run_row(run_id, separator, "fixed", n_pairs=None))
        fill(board, run_id, 0.5, songs=2, seed=ord(run_id[1]))
    table = build(board)
    assert all(math.isnan(row.values["haaqi"].low) for row in table.rows)
    assert "12.7 standard errors" in told(table, "With 2 songs there are no intervals")


def test_the_words_say_over_what_the_intervals_are(tmp_path: Path) -> None:
    few = build(known_board(tmp_path / "few"))
    assert "intervals over songs:" in few.interval_words
    assert "too few" in told(few, "these 3 listeners")
    board = Board(tmp_path / "many")
    rng = np.random.default_rng(0)
    board.write_run(run_row("ra", "hdemucs", "fixed", n_pairs=None))
    for song in range(8):
        rows = []
        for listener in range(7):
            rows += pair_rows(song, f"N{listener}", {("haaqi", "mean"): rng.normal(0.5, 0.1)})
        board.append_scores("ra", f"scene {song}", rows)
    many = build(board)
    assert many.rows[0].values["haaqi"].two_way
    assert "intervals over songs and listeners:" in many.interval_words
    assert not [line for line in many.notes if "listeners" in line]
