"""Leaderboards of synthetic boards whose truth is known."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from boards import LISTENERS, SONGS, fill, pair_rows, run_row, usual_board

from bench.board.store import Board
from bench.leaderboard.export import FORMATS, render
from bench.leaderboard.model import Leaderboard, Row
from bench.leaderboard.render import bracket, rank_text, render_text
from bench.leaderboard.statistics import holm
from bench.leaderboard.table import leaderboard
from bench.tables.markup import clean

PAIRS = SONGS * 2 * len(LISTENERS)
HOSTILE = "<script>alert(1)</script> | [red]\x1b[31m`x`"


def build(board: Board, **changes: str) -> Leaderboard:
    where = {"suite": "demo", "split": "valid", "protocol": "challenge"}
    return leaderboard(board, **(where | {"baseline": "hdemucs + fixed"} | changes))


def by_label(table: Leaderboard) -> dict[str, Row]:
    return {row.label: row for row in table.rows}


def note(table: Leaderboard, text: str) -> str:
    [found] = [line for line in table.notes if text in line]
    return found


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return usual_board(tmp_path_factory.mktemp("template")).path


@pytest.fixture
def board(template: Path, tmp_path: Path) -> Board:
    shutil.copytree(template, tmp_path / "board")
    return Board(tmp_path / "board")


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
    assert len(table.notes) == 1


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
    assert f"{PAIRS} pairs at most, fewer in open-unmix + fixed ({PAIRS - 3})" in note(
        table, "n differs"
    )
    assert "3 failed" in render(table)
    assert row.difference is not None
    assert row.difference.difference.n == PAIRS - 3


def test_pairs_that_are_missing_are_told(board: Board) -> None:
    board.write_run(run_row("rpart", "open-unmix", "fixed"))
    fill(board, "rpart", 0.65, songs=6)
    assert f"12 pairs of {PAIRS} not scored" in note(build(board), "not scored")


def test_of_one_configuration_the_newest_ended_run_is_shown(board: Board) -> None:
    base = run_row("rnew", "hdemucs", "fixed")
    board.write_run(base | {"created": datetime(2025, 1, 1, tzinfo=UTC), "code_hash": "new"})
    fill(board, "rnew", 0.62)
    row = base | {"run_id": "rnewest", "status": "running"}
    board.write_run(row | {"created": datetime(2025, 2, 1, tzinfo=UTC)})
    table = build(board)
    assert by_label(table)["hdemucs + fixed"].run["run_id"] == "rnew"
    assert note(table, "older") == "2 older runs of the same configurations not shown."
    assert note(table, "versions of bench's code").startswith("The rows were computed by 2")


def test_a_training_that_kept_what_it_began_with_is_told(board: Board) -> None:
    for run_id, gains, truth in (("rworse", "cnn", (0.5, 0.49)), ("rbetter", "table", (0.5, 0.51))):
        board.write_run(run_row(run_id, "hdemucs-ft", gains))
        fill(board, run_id, 0.6)
        for epoch, value in enumerate(truth):
            board.append_epoch(run_id, {"epoch": epoch, "valid/haaqi/mean": value})
    told = note(build(board), "no epoch of its training")
    assert told.startswith("hdemucs-ft + cnn: ")
    assert "hdemucs-ft + table: no epoch" not in " ".join(build(board).notes)


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
    table = build(board, baseline="nobody + fixed")
    assert table.baseline == ""
    assert all(row.difference is None for row in table.rows)
    assert "'nobody + fixed' is not on this board" in note(table, "baseline")


def test_runs_of_one_label_are_told_apart(board: Board) -> None:
    row = run_row("rtwin", "mixture", "fixed") | {"spec_json": json.dumps({"other": True})}
    board.write_run(row)
    fill(board, "rtwin", 0.3)
    labels = [row.label for row in build(board).rows]
    assert {"mixture + fixed [rtwin]", "mixture + fixed [rmixture]"} <= set(labels)


def test_cnn_gets_its_note_under_challenge_only(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for protocol in ("challenge", "shared-gains"):
        run_id = f"r{protocol[0]}"
        board.write_run(run_row(run_id, "hdemucs", "cnn", protocol=protocol))
        fill(board, run_id, 0.6)
    text = note(build(board), "hdemucs + cnn:")
    assert "one that sees both" in text
    assert "shared-gains" in text
    shared = build(board, protocol="shared-gains")
    assert not [line for line in shared.notes if "cnn" in line]
    assert "own gains" in shared.protocol_words
    assert "scene asks for" in build(board).protocol_words


def test_pairs_where_all_systems_score_alike_are_told(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for number, run_id in enumerate(("ra", "rb", "rc")):
        board.write_run(run_row(run_id, f"system-{number}", "fixed", n_pairs=16))
        for song in range(SONGS):
            values = {("haaqi", "mean"): 0.15 + 0.004 * number}
            other = {("haaqi", "mean"): 0.5 + 0.1 * number}
            rows = pair_rows(song, "N7", values) + pair_rows(song, "L1", other)
            board.append_scores(run_id, f"scene {song}", rows)
    table = build(board, baseline="")
    assert set(table.saturated) == {(f"scene {song}", "N7") for song in range(SONGS)}
    assert "8 pairs of 16 tell no systems apart" in note(table, "N7")


def test_few_songs_are_told(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id, separator, quality in (("ra", "hdemucs", 0.5), ("rb", "oracle", 0.9)):
        board.write_run(run_row(run_id, separator, "fixed", n_pairs=None))
        fill(board, run_id, quality, songs=4)
    assert "With 4 songs no p-value can be below 0.125" in note(build(board), "p-value")
    for run_id, quality in (("ra", 0.5), ("rb", 0.9)):
        board.forget(run_id)
        board.write_run(run_row(run_id, "hdemucs" if run_id == "ra" else "oracle", "fixed"))
        fill(board, run_id, quality, songs=1)
    table = build(board)
    assert "one song" in note(table, "one song")
    assert all(math.isnan(row.values["haaqi"].low) for row in table.rows)
    assert [row.rank for row in table.rows] == [(1, 2), (1, 2)]


def test_damaged_files_are_named(board: Board) -> None:
    (board.path / "runs" / "run_id=rbad.parquet").write_bytes(b"PAR1")
    assert "run_id=rbad.parquet" in note(build(board), "cannot be read")


def test_a_metric_of_a_stranger_has_a_column(board: Board) -> None:
    for row in board.runs().itertuples():
        rows = pair_rows(0, "L1", {("sparkle", "overall"): 0.5, ("sparkle", "detail"): 0.1})
        board.append_scores(str(row.run_id), "extra", rows)
    table = build(board)
    assert table.columns[-1].key == "sparkle"
    assert table.rows[0].values["sparkle"].mean == 0.5


# --- formats -----------------------------------------------------------------------------------


@pytest.fixture
def hostile(board: Board) -> Board:
    board.write_run(run_row("revil", "evil", "fixed", label=HOSTILE))
    fill(board, "revil", 0.5, songs=6)
    return board


@pytest.mark.parametrize("width", [80, 100, 140])
def test_text_fits_its_width(hostile: Board, width: int) -> None:
    text = render_text(build(hostile), width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "<script>" in text
    for label in ("oracle + fixed", "hdemucs + fixed"):
        assert label in text
    # Nothing is cut off at either side.
    table = build(hostile)
    for row in table.rows:
        assert bracket(row.values["haaqi"], table.columns[0]) in text
        assert rank_text(row) in text
        if row.difference is not None:
            assert bracket(row.difference.difference, table.columns[0], sign=True) in text
    left_out = re.findall("Left out for want of width: (.*) \\(", text)
    expected = {80: ["left, right, Clipped %"], 100: [], 140: []}
    assert left_out == expected[width]
    for heading in ("SDR dB", "to baseline"):
        assert heading in text


def test_csv_has_plain_values(hostile: Board) -> None:
    table = build(hostile)
    rows = {row["label"]: row for row in csv.DictReader(io.StringIO(render(table, "csv")))}
    assert set(rows) == {clean(row.label) for row in table.rows}
    assert "\x1b" not in render(table, "csv")
    row, expected = rows["hdemucs-ft + fixed"], by_label(table)["hdemucs-ft + fixed"]
    assert float(row["haaqi"]) == expected.values["haaqi"].mean
    assert float(row["haaqi_low"]) == expected.values["haaqi"].low
    assert float(row["p_holm"]) == expected.p
    assert float(row["clipping"]) == 0.125
    assert (row["rank_best"], row["rank_worst"]) == ("1", "2")
    assert rows["oracle + fixed"]["rank_best"] == ""


def test_json_is_strict(hostile: Board, tmp_path: Path) -> None:
    hostile.write_run(run_row("rrun", "open-unmix", "fixed", status="running"))
    table = build(hostile)
    content = json.loads(render(table, "json"), parse_constant=lambda name: pytest.fail(name))
    assert content["protocol"] == "challenge"
    assert content["baseline"] == "hdemucs + fixed"
    assert [row["label"] for row in content["rows"]] == [row.label for row in table.rows]
    assert content["rows"][-1]["haaqi"] is None
    assert content["notes"] == list(table.notes)


def test_markdown_escapes_names(hostile: Board) -> None:
    text = render(build(hostile), "markdown")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {11}
    assert len(lines) == 2 + 6


def test_nothing_steers_a_terminal_in_any_format(board: Board) -> None:
    """C0, C1 (``\\x9b`` is an escape sequence's start) and characters that turn the text around."""
    name = "a\x1b[31m\x9b31m\u202eb\u2028c\U000e0001"
    board.write_run(run_row("revil", "evil", "fixed", label=name))
    fill(board, "revil", 0.5, songs=2)
    table = build(board)
    for format in FORMATS:
        text = render(table, format)
        assert all(c.isprintable() or c == "\n" for c in text), format
    labels = {row["label"] for row in json.loads(render(table, "json"))["rows"]}
    assert name in labels


def test_latex_escapes_names(hostile: Board) -> None:
    hostile.write_run(run_row("rtex", "tex", "fixed", label=r"\input{x} & 50_% $"))
    text = render(build(hostile), "latex")
    assert r"\textbackslash{}input\{x\} \& 50\_\% \$" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1


def test_the_package_and_its_schema_import_nothing_heavy() -> None:
    code = (
        "import sys, bench.leaderboard, bench.board.schema, bench.report\n"
        "heavy = {'pandas', 'pyarrow', 'numpy', 'scipy', 'matplotlib', 'torch', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
