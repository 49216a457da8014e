"""What a report takes from a board."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.board.pairs import PairScores
from bench.board.store import Board
from bench.leaderboard.table import leaderboard
from bench.report import content
from tests.helpers.boards import build


def test_listeners_against_hearing_loss(board: Board) -> None:
    scores = board.scores("ra")
    found = content.by_listener(scores, "haaqi").set_index("listener")
    assert found.pta.to_dict() == {"L1": 22.5, "L2": 42.5, "L3": 67.5}
    own = scores[(scores.metric == "haaqi") & (scores.part == "mean") & (scores.listener == "L2")]
    assert found.value["L2"] == pytest.approx(own.value.mean())


def test_stems_count_once_a_scene(board: Board) -> None:
    found = content.by_stem(board.scores("ra"), "sdr")
    assert found.groupby("part").size().to_dict() == {"vocals": 16, "drums": 16}


def test_gains_go_with_the_hearing_loss_of_their_ear(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    found = content.learned_gains(board.scores(), table.rows)
    assert set(found.run_id) == {"revil", "rb"}
    drums = found[found.part == "drums"].set_index("value").pta.to_dict()
    assert drums == {-2.0: 45.0, 4.0: 40.0}
    assert set(found[found.part == "vocals"].pta) == {22.5, 42.5, 67.5}


def test_gains_beyond_the_request(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    found = content.learned_gains(board.scores(), table.rows, beyond=True)
    # Vocals were asked for at 3 dB and given at 3 dB; what was asked of the drums is not known.
    assert set(found.part) == {"vocals"}
    assert set(found.value) == {0.0}
    without_fixed = [row for row in table.rows if row.run["gains"] != "fixed"]
    assert content.learned_gains(board.scores(), without_fixed, beyond=True).empty


def test_groups_of_pairs(board: Board) -> None:
    scores = board.scores("ra")
    # Better ears at 20, 40 and 60 dB HL.
    grades = content.by_grade(scores, "haaqi")
    assert list(grades.part.cat.categories) == ["mild", "moderate", "moderately severe"]
    assert grades.part.value_counts().tolist() == [16, 16, 16]
    ears = content.by_ear(scores, "haaqi").groupby("part", observed=True).value.mean()
    assert ears["left"] - ears["right"] == pytest.approx(0.02)
    genres = content.by_genre(scores, "haaqi")
    assert list(genres.part.cat.categories) == ["Jazz", "Rock"]
    jazz = scores[(scores.metric == "haaqi") & (scores.part == "mean") & (scores.genre == "Jazz")]
    assert genres.value[genres.part == "Jazz"].mean() == pytest.approx(jazz.value.mean())
    assert content.by_genre(scores.assign(genre=""), "haaqi").empty


def test_times_are_means_over_pairs(board: Board) -> None:
    found = content.stage_times(board.scores(["ra", "revil"]))
    assert found.loc["ra"].to_dict() == {"separate": 1.5, "render": 0.0}
    assert found.loc["revil", "render"] == pytest.approx(0.5 / 43)
    assert found.loc["revil", "separate"] == pytest.approx(1.5 * 42 / 43)


def test_times_of_a_profile_come_first(board: Board) -> None:
    scores = board.scores("ra")
    profile = scores[scores.metric == "time"].assign(metric="seconds", part="prescribe", value=0.25)
    found = content.stage_times(pd.concat([scores, profile]))
    assert found.loc["ra"].to_dict() == {"prescribe": 0.25}


def test_each_cause_of_a_failure_is_listed_once(board: Board) -> None:
    found = content.failures(build(board))
    ((label, failure),) = found
    assert label.startswith("<script>alert(1)")
    assert "\x1b" not in label
    assert (failure.pairs, failure.metrics, failure.whole) == (1, ("haaqi", "sdr"), True)


def test_numbers_kept_by_pair_give_the_same_as_the_long_form(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    ids = [str(row.run["run_id"]) for row in table.rows]
    long, kept = board.scores(ids), PairScores(board, ids)
    for give in (content.by_listener, content.by_grade, content.by_ear, content.by_genre):
        expected, found = give(long, "haaqi"), give(kept.frame("haaqi"), "haaqi")
        assert len(expected)
        columns = [name for name in expected if name != "value"]
        one, two = (
            frame.astype(dict.fromkeys(columns, str)).sort_values([*columns, "value"])
            for frame in (expected, found)
        )
        assert one[columns].to_numpy().tolist() == two[columns].to_numpy().tolist()
        assert one.value.to_numpy() == pytest.approx(two.value.to_numpy(), rel=1e-12)
    times = content.stage_times(kept.frame("time", "seconds"))
    expected = content.stage_times(long).loc[list(times.index)]
    pd.testing.assert_frame_equal(times[list(expected)], expected, check_names=False)
    for beyond in (False, True):
        one = content.learned_gains(long, table.rows, beyond=beyond)
        two = content.learned_gains(kept.frame("gains"), table.rows, beyond=beyond)
        assert sorted(one.value) == sorted(two.value)
        assert len(one)
