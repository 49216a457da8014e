"""Two runs beside each other, groups of pairs, and sections of text: the truth is known."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from bench.board.pairs import PairScores
from bench.board.store import Board
from bench.errors import BenchError
from bench.leaderboard.comparison import PairOfRuns, compare_runs, find_run, settings_that_differ
from bench.leaderboard.groups import group_effects
from bench.leaderboard.statistics import holm
from bench.leaderboard.summaries import comparison_sections, comparison_words
from bench.tables import FORMATS
from bench.tables.sections import render_sections
from tests.helpers.boards import LISTENERS, fill, pair_rows, run_row

SONGS = 4


def add(
    board: Board, run_id: str, gains: str, offsets: dict[str, float], right: float = 0.0
) -> None:
    """A run whose HAAQI differs by listener, and in the right ear."""
    board.write_run(run_row(run_id, "hdemucs", gains))
    rng = np.random.default_rng(0)
    for song in range(SONGS):
        rows = []
        for listener, offset in offsets.items():
            left = 0.5 + rng.normal(0, 0.05) + offset
            values = {("haaqi", "left"): left, ("haaqi", "right"): left + right}
            values[("haaqi", "mean")] = left + right / 2
            rows += pair_rows(song, listener, values | {("gains", "vocals"): 1.0})
        board.append_scores(run_id, f"scene {song}", rows)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    board = Board(tmp_path)
    add(board, "ra", "cnn", {"L1": 0.02, "L2": -0.03, "L3": 0.0}, right=0.04)
    add(board, "rb", "fixed", dict.fromkeys(LISTENERS, 0.0))
    return board


def pair(board: Board) -> PairOfRuns:
    runs = [board.run(run_id) for run_id in ("ra", "rb")]
    assert runs[0] is not None
    assert runs[1] is not None
    return compare_runs(runs[0], runs[1], board)


def test_groups_find_where_the_difference_is(board: Board) -> None:
    effects = group_effects(PairScores(board, ["ra", "rb"]), "ra", "rb", metric="haaqi")
    found = {(e.by, e.group): e.comparison.difference for e in effects}
    assert list(found) == [
        # WHO grades of better ears of 20, 40 and 60 dB HL.
        ("hearing loss", "mild"),
        ("hearing loss", "moderate"),
        ("hearing loss", "moderately severe"),
        ("ear", "left"),
        ("ear", "right"),
        ("genre", "Jazz"),
        ("genre", "Rock"),
    ]
    truth = [0.02 + 0.02, -0.03 + 0.02, 0.02, -0.01 / 3, 0.04 - 0.01 / 3]
    for difference, expected in zip(found.values(), truth, strict=False):
        assert difference.mean == pytest.approx(expected, abs=1e-9)
    assert [d.n for d in found.values()] == [4, 4, 4, 12, 12, 6, 6]
    for effect in effects:
        gap = effect.ours.mean - effect.theirs.mean
        assert effect.comparison.difference.mean == pytest.approx(gap, abs=1e-12)
    assert [e.p for e in effects] == holm([e.comparison.p for e in effects])


def test_listeners_of_unknown_hearing_loss_and_one_genre_make_no_groups(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id in ("ra", "rb"):
        board.write_run(run_row(run_id, "hdemucs", run_id))
        rows = pair_rows(0, "L1", {("haaqi", "mean"): 0.5}, pta_left=None)
        board.append_scores(run_id, "scene", rows)
    assert group_effects(PairScores(board, ["ra", "rb"]), "ra", "rb", metric="haaqi") == []


def test_a_pair_in_full(board: Board) -> None:
    both = pair(board)
    parts = [(one.metric, one.part) for one in both.measures]
    assert set(parts) == {("haaqi", "mean"), ("haaqi", "left"), ("haaqi", "right")}
    assert parts[0] == ("haaqi", "mean")
    headline = both.measures[0]
    expected = (board.scores("ra").query("metric == 'haaqi' and part == 'mean'").value.mean()) - (
        board.scores("rb").query("metric == 'haaqi' and part == 'mean'").value.mean()
    )
    assert headline.comparison.difference.mean == pytest.approx(expected, rel=1e-12)
    assert headline.comparison.difference.n == SONGS * len(LISTENERS)
    assert [one.p for one in both.measures] == holm([o.comparison.p for o in both.measures])
    assert both.notes == (
        "With 4 songs p cannot be below 0.125: use the intervals instead.",
        "The intervals hold for these 3 listeners only: they are too few, or hear too few songs "
        "each, to generalise to others.",
    )


def test_scenes_are_in_the_order_of_their_difference(board: Board) -> None:
    rows = [row for name in LISTENERS for row in pair_rows(2, name, {("haaqi", "mean"): 0.9})]
    board.append_scores("ra", "scene 2", rows)
    both = pair(board)
    assert both.scenes[0].scene == "scene 2"
    assert both.scenes[0].ours == pytest.approx(0.9)
    differences = [one.difference for one in both.scenes]
    assert differences == sorted(differences, reverse=True)
    assert {one.n for one in both.scenes} == {3}


def test_pairs_that_one_run_lacks_are_told(board: Board) -> None:
    failed = [row for name in LISTENERS for row in pair_rows(0, name, {("haaqi", "mean"): None})]
    board.append_scores("ra", "scene 0", failed)
    both = pair(board)
    assert "3 pairs of hdemucs + fixed are left out, as the other run lacks them." in both.notes
    assert "3 pairs of hdemucs + cnn failed (bench show ra --failures)." in both.notes
    assert both.measures[0].comparison.difference.n == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": "shared-gains"}, "different protocols: challenge and shared-gains"),
        ({"split": "eval"}, "different splits"),
        ({"dataset_fingerprint": json.dumps({"valid": "x"})}, "scored on different data"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    board: Board, changes: dict[str, str], message: str
) -> None:
    board.write_run(run_row("rb", "hdemucs", "fixed", **changes))
    with pytest.raises(BenchError, match=message):
        pair(board)


def test_runs_without_a_common_pair_are_refused(board: Board) -> None:
    board.forget("rb")
    board.write_run(run_row("rb", "hdemucs", "fixed"))
    with pytest.raises(BenchError, match="no scored pair in common"):
        pair(board)


def test_runs_are_found_by_id_label_and_parts(board: Board) -> None:
    where = ("demo", "valid", "challenge")
    board.write_run(run_row("rold", "hdemucs", "cnn", status="running"))
    board.write_run(run_row("ropt", "hdemucs", "table", label="hdemucs + table[path=x]"))
    assert find_run(board, "rold", *where)["run_id"] == "rold"
    assert find_run(board, "hdemucs + cnn", *where)["run_id"] == "ra"
    assert find_run(board, "hdemucs + table", *where)["run_id"] == "ropt"
    # The row with the least else to tell, and not the newest with another prescription.
    board.write_run(
        run_row("rfit", "hdemucs", "table", label="hdemucs + table (nalr-fit, 8 pairs)")
    )
    board.write_run(run_row("rtable", "hdemucs", "table", label="hdemucs + table (8 pairs)"))
    assert find_run(board, "hdemucs + table", *where)["run_id"] == "rtable"
    with pytest.raises(BenchError, match="hdemucs \\+ cnn"):
        find_run(board, "hdemucs + cn", *where)
    with pytest.raises(BenchError, match="no run"):
        find_run(board, "hdemucs + cnn", "demo", "valid", "shared-gains")


def test_only_settings_that_differ_are_listed() -> None:
    def spec(gains: str, **more: object) -> dict[str, str]:
        content = {"separator": {"name": "hdemucs", "options": {"overlap": 0.1}}, **more}
        return {"spec_json": json.dumps(content | {"gains": {"name": gains, "options": {}}})}

    trained = {"loss": "mse", "losses": [{"name": "mse", "options": {}}], "seed": 1}
    found = settings_that_differ(spec("cnn", **trained, training={"epochs": 1}), spec("fixed"))
    assert found == [("loss", "mse", ""), ("gains", "cnn", "fixed")]
    found = settings_that_differ(
        spec("cnn", **trained, training={"epochs": 1}),
        spec("cnn", **trained | {"seed": 2}, training={"epochs": 3}),
    )
    assert sorted(found) == [("seed", "1", "2"), ("training.epochs", "1", "3")]


HOSTILE = "<script>alert(1)</script>|[red]\x1b[31m\u202e`x`_&%\n\\end{tabular}"


@pytest.fixture
def hostile(tmp_path: Path) -> PairOfRuns:
    board = Board(tmp_path)
    for run_id in ("ra", "rb"):
        board.write_run(run_row(run_id, "hdemucs", run_id, label=HOSTILE))
        fill(board, run_id, 0.5, songs=2, seed=ord(run_id[1]))
        rows = pair_rows(0, "L1", {("haaqi", "mean"): 0.5, (HOSTILE, HOSTILE): 0.5})
        board.append_scores(
            run_id, HOSTILE, [row | {"song": HOSTILE, "genre": HOSTILE} for row in rows]
        )
    return pair(board)


@pytest.mark.parametrize("format", FORMATS)
def test_names_are_harmless_in_every_format(hostile: PairOfRuns, format: str) -> None:
    words, sections = comparison_words(hostile), comparison_sections(hostile)
    text = render_sections("two runs", sections, format, words=words)
    assert "alert(1)" in text
    assert all(c.isprintable() or c == "\n" for c in text)
    if format == "markdown":
        assert "<script>" not in text
        for block in text.split("\n\n"):
            lines = [line.replace("\\|", "") for line in block.split("\n")]
            assert len({line.count("|") for line in lines if line.startswith("|")}) <= 1
    if format == "latex":
        assert "\\&\\%" in text
        ends = text.count("\n\\end{tabular}\n")
        assert ends == text.count("\\end{tabular}") == text.count("\\begin{tabular}") == 5
    if format == "json":
        rows = json.loads(text)["sections"][-1]["rows"]
        assert HOSTILE in {row["song"] for row in rows}
    if format == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {row["section"] for row in rows} == {s.title for s in sections if s.rows}
