"""The guard against pleasing the proxy."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from bench.training.guard import GoodhartGuard

TRUTH, PROXY = "valid/haaqi/mean", "train/haaqi-net/mean"
Array = NDArray[np.float64]


def spoke(
    truth: Array,
    *,
    proxy: Array | None = None,
    loss: Array | None = None,
    songs: Array | None = None,
) -> list[int]:
    """Epochs, from 1, at which the guard speaks; `songs` has a row an epoch."""
    guard = GoodhartGuard(pd.DataFrame(), truth=TRUTH, proxy=PROXY)
    found = []
    for k, value in enumerate(truth):
        row = {"epoch": k + 1, TRUTH: value}
        if proxy is not None and not np.isnan(proxy[k]):
            row[PROXY] = proxy[k]
        if loss is not None:
            row["loss"] = loss[k]
        if songs is not None:
            row |= {f"song/haaqi/mean/song {s}": own for s, own in enumerate(songs[k])}
        guard.add(row)
        if guard.warning:
            found.append(k + 1)
    return found


def published(name: str) -> tuple[Array, Array]:
    """Epochs and values of a curve of the seed paper, as bench ships them."""
    text = resources.files("bench.leaderboard").joinpath("published.toml").read_text("utf-8")
    [curve] = [
        one
        for one in tomllib.loads(text)["curves"]
        if one["source"] == "seed-paper" and one["name"] == name
    ]
    return np.array(curve["epochs"]), np.array(curve["values"], dtype=float)


@pytest.fixture
def paper() -> tuple[Array, Array]:
    """True HAAQI in validation, and HAAQI-Net in training, where only some epochs are printed."""
    epochs, truth = published(TRUTH)
    return truth, np.interp(epochs, *published(PROXY))


# --- the seed paper's curves ---------------------------------------------------------------------


def test_the_papers_means_alone_make_it_speak(paper: tuple[Array, Array]) -> None:
    """.7743 at epoch 6, then .6351, .6973, .7119, .7560, while HAAQI-Net goes on to .974."""
    truth, proxy = paper
    assert spoke(truth, proxy=proxy) == [7]
    # The loss of which 91 % is that prediction tells the same.
    assert spoke(truth, loss=-proxy) == [7]
    # At epoch 10 the truth is back within the scatter: nothing more can be said by means.


def test_with_songs_it_can_say_more_of_the_papers_curves(paper: tuple[Array, Array]) -> None:
    """50 validation songs, as there were; differences of a song scatter by .035, as measured."""
    truth, proxy = paper
    rng = np.random.default_rng(0)
    songs = truth[:, None] + rng.normal(0, 0.035 / np.sqrt(2), (10, 50))
    assert {7, 8, 9} <= set(spoke(songs.mean(1), proxy=proxy, songs=songs))
    # Few songs that disagree are no evidence, however far the mean falls.
    lone = truth[:, None] + rng.normal(0, 0.035, (10, 3))
    lone[6:, 0] -= 2 * (truth[5] - truth[6:])
    lone[6:, 1:] = 0.78
    assert not {7, 8, 9, 10} & set(spoke(lone.mean(1), proxy=proxy, songs=lone))


def test_silent_where_what_is_optimised_gets_worse_too(paper: tuple[Array, Array]) -> None:
    truth, proxy = paper
    assert spoke(truth, proxy=-proxy) == []
    assert spoke(truth, loss=proxy) == []
    assert spoke(truth) == []


# --- what it says --------------------------------------------------------------------------------


def test_it_says_what_parted_and_how_sure_that_is() -> None:
    guard = GoodhartGuard(pd.DataFrame(), truth=TRUTH, proxy="valid/haaqi-light/mean")
    for epoch in range(3):
        row = {"epoch": epoch, TRUTH: 0.5 - 0.1 * epoch, "valid/haaqi-light/mean": 0.6 + epoch / 50}
        row |= {f"song/haaqi/mean/{s}": 0.5 - (0.1 + s / 999) * epoch for s in range(6)}
        guard.add(row | ({"loss": 3 - epoch} if epoch else {}))
    said = guard.warning
    assert "haaqi-light rose from 0.6000 to 0.6400" in said
    assert "the training loss fell from 2 to 1 since epoch 0" in said
    assert "true HAAQI fell from 0.5000 to 0.3000 (6 songs, difference -0.2" in said


def test_history_of_an_earlier_process_counts(paper: tuple[Array, Array]) -> None:
    truth, proxy = paper
    rows = [
        (epoch + 1, name, values[epoch])
        for name, values in ((TRUTH, truth), (PROXY, proxy))
        for epoch in range(6)
    ]
    history = pd.DataFrame(rows, columns=["epoch", "name", "value"])
    guard = GoodhartGuard(history, truth=TRUTH, proxy=PROXY)
    assert guard.warning == ""
    guard.add({"epoch": 7, TRUTH: truth[6], PROXY: proxy[6]})
    assert "fell from 0.7743 to 0.6351 (by more than the scatter of earlier epochs" in guard.warning


def test_a_steady_fall_from_the_start_is_told() -> None:
    truth = 0.5 - 0.02 * np.arange(8) + 0.001 * np.random.default_rng(1).normal(size=8)
    assert spoke(truth, loss=-np.arange(8.0))[0] <= 7


def test_silent_without_anything_to_watch() -> None:
    fall = 0.5 - 0.05 * np.arange(8)
    guard = GoodhartGuard(pd.DataFrame(), truth="", proxy="")
    for epoch, value in enumerate(fall):
        guard.add({"epoch": epoch, TRUTH: value, "loss": -float(epoch)})
        assert guard.warning == ""
    assert spoke(np.arange(8.0), loss=-np.arange(8.0)) == []


# --- how often it is wrong -----------------------------------------------------------------------

COURSES = {
    "stays": lambda k: 0 * k,
    "rises": lambda k: 0.7 * k,
    "levels off": lambda k: 6 * (1 - np.exp(-k / 3)),
}
RUNS = 250


@pytest.mark.parametrize("course", COURSES)
def test_by_means_it_is_seldom_wrong(course: str) -> None:
    rng = np.random.default_rng(2)
    k = np.arange(10.0)
    wrong = sum(bool(spoke(COURSES[course](k) + rng.normal(size=10), loss=-k)) for _ in range(RUNS))
    assert wrong / RUNS < 0.05


@pytest.mark.parametrize("songs", [4, 14])
def test_by_songs_it_is_seldom_wrong(songs: int) -> None:
    rng = np.random.default_rng(3)
    k = np.arange(10.0)
    wrong = 0
    for _ in range(RUNS):
        own = rng.normal(size=songs) + rng.normal(size=(10, songs))
        wrong += bool(spoke(own.mean(1), loss=-k, songs=own))
    assert wrong / RUNS < 0.05


# --- how sure it must be -------------------------------------------------------------------------


def either_side(risk: float, p_of: Callable[[float], float], most: float = 9.0) -> list[float]:
    """Amounts of which the p-value is a little above `risk`, and a little below it."""
    return [
        float(brentq(lambda amount, wanted=risk * share: p_of(amount) - wanted, 1e-9, most))
        for share in (1.02, 0.98)
    ]


@pytest.mark.parametrize("epochs", [2, 3, 5])
@pytest.mark.parametrize("songs", [3, 8])
def test_of_songs_by_scipys_t_test_over_all_pairs_of_epochs(epochs: int, songs: int) -> None:
    """At 5 %, one of ``looks * (looks + 1)`` comparisons, for each way, of epochs so far."""
    scatter = np.random.default_rng(songs).normal(size=songs)
    scatter -= scatter.mean()
    looks = epochs - 1

    def p_of(fall: float) -> float:
        return float(stats.ttest_1samp(scatter - fall, 0.0).pvalue)

    small, large = either_side(0.05 / (looks * (looks + 1)), p_of, 300.0)
    for fall, expected in ((small, []), (large, [epochs])):
        own = np.zeros((epochs, songs))
        own[1:-1] = -10_000  # the first one stays the best; these are surely told of
        own[-1] = scatter - fall
        spoken = spoke(own.mean(1), loss=-np.arange(float(epochs)), songs=own)
        assert spoken[epochs - 2 :] == expected


def test_of_two_songs_nothing_is_said() -> None:
    own = np.array([[0.5, 0.5], [0.1, 0.1]])
    assert spoke(own.mean(1), loss=np.array([2.0, 1.0]), songs=own) == []


def p_below_course(until: Array, since: Array) -> float:
    """Of a fall below a line's end, by the normal equations and scipy's t."""
    design = np.stack([np.ones(len(until)), np.arange(len(until))], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ until
    rest = until - design @ fitted
    variance = rest @ rest / (len(until) - 2)
    at = design[-1]
    error = np.sqrt(variance * (1 / len(since) + at @ inverse @ at))
    return float(2 * stats.t.sf((at @ fitted - since.mean()) / error, len(until) - 2))


@pytest.mark.parametrize("before", [4, 6])
@pytest.mark.parametrize("after", [1, 3])
def test_below_the_course_of_the_epochs_before(before: int, after: int) -> None:
    until = np.arange(before) + 0.3 * np.resize([0.0, 1.0, -1.0], before)
    until[-1] = until.max() + 0.1
    risk = 0.05 / 2 / (before + after - 1)
    small, large = either_side(
        risk, lambda fall: p_below_course(until, np.full(after, until[-1] - fall)), 1000.0
    )
    for fall, expected in ((small, False), (large, True)):
        truth = np.array([*until, *np.full(after, until[-1] - fall)])
        spoken = spoke(truth, loss=-np.arange(float(len(truth))))
        assert (len(truth) in spoken) is expected


def test_three_epochs_have_no_course() -> None:
    assert spoke(np.array([0.0, 1.0, 2.0, -1000.0]), loss=-np.arange(4.0)) == []


@pytest.mark.parametrize("after", [4, 7])
def test_a_fall_by_scipys_slope(after: int) -> None:
    """From the first epoch on, which leaves nothing before it to have a course."""
    scatter = np.resize([0.2, -0.3, 0.1], after)
    x = np.arange(after)

    def p_of(fall: float) -> float:
        found = stats.linregress(x, scatter - fall * x)
        return float(found.pvalue) if found.slope < 0 else 1.0

    small, large = either_side(0.05 / 2 / after, p_of, 50.0)
    for fall, expected in ((small, False), (large, True)):
        truth = np.array([100.0, *(scatter - fall * x)])
        assert (after + 1 in spoke(truth, loss=-np.arange(after + 1.0))) is expected


def test_three_epochs_fall_by_no_evidence() -> None:
    assert spoke(np.array([9.0, 3.0, 2.0, 1.0]), loss=-np.arange(4.0)) == []
