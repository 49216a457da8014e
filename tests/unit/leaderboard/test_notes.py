"""What is said below a leaderboard."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.board.failures import Failure
from bench.board.store import Board
from bench.leaderboard.model import Column, Leaderboard, Row
from bench.leaderboard.notes import board_notes
from bench.leaderboard.statistics import Comparison, Interval
from tests.helpers.boards import (
    LISTENERS,
    SONGS,
    build,
    fill,
    note,
    pair_rows,
    run_row,
)

PAIRS = SONGS * 2 * len(LISTENERS)


def test_pairs_that_are_missing_are_told(board: Board) -> None:
    board.write_run(run_row("rpart", "open-unmix", "fixed"))
    fill(board, "rpart", 0.65, songs=6)
    assert f"12 pairs of {PAIRS} are not scored" in note(build(board), "not scored")


def test_a_training_that_kept_what_it_began_with_is_told(board: Board) -> None:
    for run_id, gains, truth in (("rworse", "cnn", (0.5, 0.49)), ("rbetter", "table", (0.5, 0.51))):
        board.write_run(run_row(run_id, "hdemucs-ft", gains))
        fill(board, run_id, 0.6)
        for epoch, value in enumerate(truth):
            # Whatever else grows is not what is kept by.
            others = {"loss": 1.0 + epoch, "valid/sdr/mean": 9.0 + epoch}
            board.append_epoch(run_id, {"epoch": epoch, "valid/haaqi/mean": value, **others})
    told = note(build(board), "no epoch of its training")
    assert told.startswith("hdemucs-ft + cnn: ")
    assert "hdemucs-ft + table: no epoch" not in " ".join(build(board).notes)


def test_metrics_that_are_not_computed_alike_are_told(board: Board) -> None:
    def metrics(noise: str) -> str:
        haaqi = {"name": "haaqi", "options": {"noise": noise}}
        return json.dumps({"metrics": [haaqi, {"name": "sdr", "options": {}}]})

    for number, noise in enumerate(("table", "recipe")):
        row = run_row(f"rn{number}", "open-unmix", "fixed") | {"spec_json": metrics(noise)}
        board.write_run(row)
        fill(board, f"rn{number}", 0.6)
    told = note(build(board), "not computed alike")
    assert told == "haaqi is not computed alike in all rows: noise=recipe or noise=table."


def test_the_songs_of_the_data_are_told(board: Board) -> None:
    words = "967 excerpts of 50 songs, identified by the track list"
    board.write_run(run_row("rsongs", "open-unmix", "fixed") | {"songs": words})
    fill(board, "rsongs", 0.6)
    assert note(build(board), "The data") == f"The data: {words}."


def test_the_words_of_an_earlier_version_for_songs_are_understood(board: Board) -> None:
    field = "identified by the metadata field 'Original Track Name'"
    for run_id, words in (("rold", "by Original Track Name"), ("rnew", field)):
        row = run_row(run_id, run_id, "fixed") | {"songs": f"12 songs, {words}"}
        board.write_run(row)
        fill(board, run_id, 0.6)
    assert note(build(board), "The data") == f"The data: 12 songs, {field}."


@pytest.mark.parametrize("whole", ["stopped: it broke", "the disk is full"])
def test_one_cause_of_a_failed_run_is_told_once(whole: str) -> None:
    failures = (Failure("it broke", 3, 1, ("haaqi",), "s", "L", "", whole=True),)
    failed = {"status": "failed", "failure": whole}
    reason = f"it failed: {whole}"
    found = notes(row("a + fixed", 0, n_failed=3, unranked_reason=reason, failures=failures,
                      run=failed))  # fmt: skip
    same = "it broke" in whole
    assert len([one for one in found if "it broke" in one]) == 1
    assert len([one for one in found if whole in one]) == 1
    assert len(found) == (1 if same else 2)
    assert all("--failures" in one for one in found if "it broke" in one)


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
    assert "scene requests" in build(board).protocol_words


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
    assert "8 pairs of 16 do not distinguish the systems" in note(table, "N7")


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


def row(label: str, n: int = 12, **changes: Any) -> Row:
    """A row of a leaderboard that has nothing worth a note."""
    separator, _, gains = label.partition(" + ")
    run = run_row("r", separator, gains, n_pairs=changes.pop("n_pairs", n))
    run |= changes.pop("run", {})
    interval = Interval(0.5, 0.4, 0.6, n, changes.pop("songs", 8))
    values = {"haaqi": interval} if n else {}
    failed = changes.pop("n_failed", 0)
    return Row(run, label, None, changes.pop("unranked_reason", ""), n, failed, values, **changes)


def table(*rows: Row, **changes: Any) -> Leaderboard:
    known = {"suite": "demo", "split": "valid", "protocol": "challenge", "baseline": ""}
    return Leaderboard(
        **(known | changes),
        columns=(Column("haaqi", "HAAQI"),),
        rows=rows,
        notes=(),
    )


def notes(*rows: Row, baseline: str = "", hidden: int = 0, **changes: Any) -> tuple[str, ...]:
    return board_notes(table(*rows, **changes), baseline, hidden, (), {})


def test_nothing_is_said_where_nothing_limits_a_comparison() -> None:
    assert notes(row("a + fixed"), row("b + fixed")) == ()


@pytest.mark.parametrize(
    ("gains", "blind"),
    [
        ("fixed", False),  # it does not learn
        ("table", False),  # it does not learn either, though it does not see the request
        ("cnn", True),
        ("cnn-residual", False),  # it sees the request
        ("a-strangers", False),  # nothing is known of it
    ],
)
def test_strategies_that_learn_without_the_request_are_told_by_their_spec(
    gains: str, blind: bool
) -> None:
    found = notes(row(f"hdemucs + {gains}"))
    assert len(found) == blind
    if blind:
        assert found[0].startswith(f"hdemucs + {gains}: the gain strategy {gains} sees")
    assert notes(row(f"hdemucs + {gains}"), protocol="shared-gains") == ()


def test_rows_of_several_lengths_are_told_with_the_longest() -> None:
    long, short, empty = row("a + fixed", 12), row("b + fixed", 9), row("c + fixed", 0, n_pairs=0)
    (said,) = notes(long, short, empty)
    assert said.startswith("n differs: up to 12 pairs, fewer for b + fixed (9). ")


def test_failed_and_missing_pairs_are_counted_apart() -> None:
    why = Failure("no vocals", 1, 1, ("haaqi",), "s1", "L1", "", whole=True)
    failed = replace(row("a + fixed", 11, n_pairs=12), n_failed=1, failures=(why,))
    run = failed.run["run_id"]
    told = f"(bench show {run} --failures)."
    assert notes(failed) == (f"a + fixed: 1 pair failed: no vocals: 1 pair {told}",)
    both = replace(row("a + fixed", 8, n_pairs=12), n_failed=2, failures=(why, why))
    assert notes(both) == (
        f"a + fixed: 2 pairs failed: no vocals: 1 pair; no vocals: 1 pair {told}",
        "a + fixed: 2 pairs of 12 are not scored.",
    )
    # A run that goes on has not lost any pair yet.
    assert notes(row("a + fixed", 8, n_pairs=12, run={"status": "running"})) == ()


def test_why_a_row_is_not_ranked_is_told() -> None:
    said = notes(row("oracle + fixed", unranked_reason="it is given the clean stems"))
    assert said == ("oracle + fixed is not ranked: it is given the clean stems.",)


def test_a_baseline_that_is_not_there_is_told_once_there_are_rows() -> None:
    (said,) = notes(row("a + fixed"), baseline="b + fixed")
    assert said.startswith("The baseline 'b + fixed' is not on this board")
    assert notes(baseline="b + fixed") == ()
    known = table(row("b + fixed"), baseline="b + fixed")
    assert board_notes(known, "b + fixed", 0, (), {}) == ()


@pytest.mark.parametrize(("songs", "said"), [(1, "one song"), (5, "0.0625"), (6, "")])
def test_too_few_songs_for_a_p_of_five_percent(songs: int, said: str) -> None:
    """Flips of the signs of n songs have 2^n outcomes, two of them as far out as can be."""
    difference = Comparison(Interval(0.1, 0.0, 0.2, 12, songs), 0.03)
    found = notes(row("a + fixed", songs=songs, difference=difference))
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_older_runs_codes_and_prescriptions_are_told() -> None:
    assert notes(row("a + fixed"), hidden=1) == (
        "1 older run of the same configurations is not shown.",
    )
    mixed = (row("a + fixed"), row("b + fixed", run={"code_hash": "0ther"}))
    (told,) = notes(*mixed)
    assert told.startswith("The rows were computed by 2 versions of bench's code, so a difference")
    assert "bench board verify RUN" in told
    mixed = (row("a + fixed"), row("b + fixed", run={"prescription": "camfit"}))
    assert notes(*mixed) == ("The rows use different prescriptions: camfit, nalr.",)
    # A row without scores was not computed by anything.
    assert notes(row("a + fixed"), row("b + fixed", 0, n_pairs=0, run={"code_hash": "x"})) == ()


def test_long_lists_are_cut() -> None:
    rows = [row("a + fixed", 20), *(row(f"s{k} + fixed", 3, n_pairs=3) for k in range(8))]
    (said,) = notes(*rows)
    assert "s5 + fixed (3) and 2 more." in said
    assert "s6" not in said
