"""Scores by pair: what the long form says, kept by the content of the board's files."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from bench.board import pairs
from bench.board.failures import failures_of
from bench.board.layout import CONSOLIDATED, scores_folder
from bench.board.pairs import PairScores
from bench.board.store import Board
from tests.helpers.boards import fill, known_board, pair_rows, run_row


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "boards"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return known_board(tmp_path_factory.mktemp("template")).path


@pytest.fixture
def board(template: Path, tmp_path: Path) -> Board:
    shutil.copytree(template, tmp_path / "board")
    return Board(tmp_path / "board")


def values_by_duckdb(board: Board, run_id: str, metric: str, part: str) -> dict[object, float]:
    """The scores of a run, read by another engine."""
    files = f"{scores_folder(board.path, run_id)}/*.parquet"
    rows = duckdb.sql(
        f"SELECT song, scene, listener, value FROM '{files}' WHERE metric = '{metric}' "
        f"AND part = '{part}' AND status = 'ok'"
    ).fetchall()
    return {tuple(pair): value for *pair, value in rows}


def test_values_are_those_of_the_files(board: Board) -> None:
    scores = PairScores(board, ["ra", "rb"])
    for run_id in ("ra", "rb"):
        for metric, part in (("haaqi", "left"), ("sdr", "drums"), ("time", "separate")):
            found = scores.series(run_id, f"{metric}/{part}").dropna().to_dict()
            assert found == values_by_duckdb(board, run_id, metric, part)
    assert scores.pairs.names == ["song", "scene", "listener"]


def test_runs_of_other_pairs_stand_in_one_order(board: Board) -> None:
    board.write_run(run_row("rmore", "hdemucs", "fixed"))
    more = pair_rows(8, "L9", {("haaqi", "mean"): 0.5})
    board.append_scores("rmore", "scene 8-0", more)
    board.append_scores("rmore", "scene 3-1", pair_rows(3, "L2", {("haaqi", "mean"): 0.25}))
    scores = PairScores(board, ["ra", "rmore", "rnone"])
    assert len(scores.pairs) == 48 + 1
    found = scores.series("rmore", "haaqi").dropna()
    assert found.to_dict() == {
        ("song 8", "scene 8-0", "L9"): 0.5,
        ("song 3", "scene 3-1", "L2"): 0.25,
    }
    assert np.isnan(scores.values("rnone", "haaqi")).all()
    assert scores.keys("rnone") == []
    where = scores.pairs.get_loc(("song 8", "scene 8-0", "L9"))
    assert np.isnan(scores.values("ra", "haaqi")[where])
    assert scores.hearing[where].tolist() == [100.0, 110.0]
    assert scores.genres[where] == "Jazz"


def test_what_failed_has_no_value_and_is_counted(board: Board) -> None:
    board.write_run(run_row("rbad", "hdemucs", "fixed"))
    rows = pair_rows(0, "L1", {("haaqi", "mean"): None, ("sdr", "mean"): 3.0})
    rows += pair_rows(0, "L2", {("haaqi", "mean"): 0.5, ("sdr", "mean"): 3.0})
    board.append_scores("rbad", "scene 0-0", rows)
    scores = PairScores(board, ["rbad"])
    assert scores.n_failed("rbad") == 1
    # Read anew, and from the cache.
    assert list(scores.failures("rbad")) == failures_of(board.scores("rbad"))
    assert PairScores(board, ["rbad"]).failures("rbad")[0].words == "it broke: 1 pair of haaqi"
    assert PairScores(board, ["ra"]).failures("ra") == ()
    assert scores.series("rbad", "haaqi").to_list() == [pytest.approx(np.nan, nan_ok=True), 0.5]
    assert scores.keys("rbad") == ["haaqi/mean", "sdr/mean"]


def test_the_headline_is_the_mean_or_the_first_part(board: Board) -> None:
    rows = pair_rows(0, "L1", {("haaqi", "left"): 0.1, ("haaqi", "mean"): 0.2, ("x", "b"): 3.0})
    board.append_scores("rhead", "scene 0-0", [*rows, *pair_rows(0, "L1", {("x", "a"): 4.0})])
    scores = PairScores(board, ["rhead"])
    assert scores.values("rhead", "haaqi").tolist() == [0.2]
    assert scores.values("rhead", "x").tolist() == [3.0]


def test_nothing_is_read_of_a_board_that_did_not_change(
    monkeypatch: pytest.MonkeyPatch, board: Board
) -> None:
    before = PairScores(board, ["ra", "rb"])
    monkeypatch.setattr(Board, "scores_table", lambda *_args, **_named: pytest.fail("it was read"))
    after = PairScores(board, ["ra", "rb"])
    assert after.pairs.equals(before.pairs)
    np.testing.assert_array_equal(after.values("rb", "haaqi"), before.values("rb", "haaqi"))
    # Nor of a copy: it is the content that counts.
    shutil.copytree(board.path, board.path.parent / "copy")
    PairScores(Board(board.path.parent / "copy"), ["ra"])


def test_a_board_that_changed_is_read_anew(board: Board) -> None:
    before = PairScores(board, ["ra"]).values("ra", "haaqi/mean")
    fill(board, "ra", 0.1, seed=7)
    after = PairScores(board, ["ra"]).values("ra", "haaqi/mean")
    assert abs(before.mean() - after.mean()) > 0.5


def test_a_damaged_copy_in_the_cache_is_made_again(board: Board, cache: Path) -> None:
    before = PairScores(board, ["ra"]).values("ra", "haaqi")
    [kept] = cache.iterdir()
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    np.testing.assert_array_equal(PairScores(board, ["ra"]).values("ra", "haaqi"), before)


def test_a_damaged_file_of_the_board_is_named_every_time(board: Board, cache: Path) -> None:
    file = scores_folder(board.path, "ra") / CONSOLIDATED
    file.write_bytes(b"no")
    for _ in range(2):
        fresh = Board(board.path)
        assert PairScores(fresh, ["ra"]).keys("ra") == []
        assert list(fresh.damaged) == [file]
    assert not list(cache.glob("*")) if cache.exists() else True


def test_the_cache_may_be_turned_off(
    monkeypatch: pytest.MonkeyPatch, board: Board, cache: Path
) -> None:
    monkeypatch.setenv("BENCH_CACHE_GB", "0")
    PairScores(board, ["ra"])
    assert not cache.exists()


def test_the_least_recently_used_give_way(
    monkeypatch: pytest.MonkeyPatch, board: Board, cache: Path
) -> None:
    PairScores(board, ["ra"])
    [one] = cache.iterdir()
    monkeypatch.setattr(pairs, "_LIMIT", int(1.5 * one.stat().st_size))
    PairScores(board, ["rb"])
    assert one not in set(cache.iterdir())


def test_a_file_that_lacks_columns_which_came_later_is_read(board: Board) -> None:
    board.append_scores("rold", "scene 0-0", pair_rows(0, "L1", {("haaqi", "mean"): None}))
    [file] = board.score_files("rold")
    pq.write_table(pq.read_table(file).drop_columns(["traceback", "genre", "seconds"]), file)
    scores = PairScores(board, ["ra", "rold"])
    assert scores.failures("rold")[0].words == "it broke: 1 pair"
    assert scores.n_failed("rold") == 1
    assert board.damaged == {}
