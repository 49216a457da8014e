"""Main effects on synthetic boards whose truth is known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.board.store import Board
from bench.leaderboard.effects import Effect, levels_of, main_effects
from bench.leaderboard.statistics import holm
from bench.leaderboard.table import leaderboard
from tests.helpers.boards import LISTENERS, pair_rows, run_row

SONGS = 4
GAINS = {"fixed": 0.0, "cnn": -0.05, "cnn-residual": 0.02}
SEPARATORS = {"hdemucs": 0.0, "hdemucs-ft": 0.04}
ALPHAS = {0: 0.0, 10: 0.01}


def spec(separator: str, gains: str, **more: Any) -> str:
    options = {"weights": "bundled"} if separator.startswith("hdemucs") else {}
    parts = {
        "separator": {"name": separator, "options": options},
        "gains": {"name": gains, "options": {}},
        "prescription": {"name": "nalr", "options": {}},
    }
    return json.dumps(parts | more)


def training(alpha: float, seed: int) -> dict[str, Any]:
    return {
        "loss": f"mse + {alpha}*haaqi-light",
        "losses": [{"name": "mse", "options": {}}, {"name": "haaqi-light", "options": {}}],
        "training": {"epochs": 2, "learning_rate": 1e-4},
        "seed": seed,
    }


def fill(board: Board, run_id: str, quality: float, rng: np.random.Generator) -> None:
    songs = np.random.default_rng(1).normal(0, 0.1, SONGS)
    for song in range(SONGS):
        rows = []
        for listener in LISTENERS:
            value = 0.5 + songs[song] + quality + rng.normal(0, 0.001)
            rows += pair_rows(song, listener, {("haaqi", "mean"): value})
        board.append_scores(run_id, f"scene {song}", rows)
    board.consolidate(run_id)


def add(board: Board, quality: float, rng: np.random.Generator, *names: str, **more: Any) -> None:
    run_id = f"r{len(board.runs()):03d}"
    label = ", ".join([" + ".join(names), *([str(more["loss"])] if more else [])])
    row = run_row(run_id, *names, spec_json=spec(*names, **more), label=label)
    row["created"] = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=int(run_id[1:]))
    board.write_run(row | {"n_pairs": SONGS * len(LISTENERS)})
    fill(board, run_id, quality, rng)


def ablation(path: Path, seeds: int = 2) -> Board:
    """Two separators, three gain strategies, two weights; hdemucs + fixed trains nothing."""
    board, rng = Board(path), np.random.default_rng(0)
    add(board, -0.2, rng, "mixture", "fixed")
    add(board, 0.0, rng, "hdemucs", "fixed")
    for separator, gains in product(SEPARATORS, GAINS):
        if (separator, gains) == ("hdemucs", "fixed"):
            continue
        for alpha, seed in product(ALPHAS, range(seeds)):
            quality = SEPARATORS[separator] + GAINS[gains] + ALPHAS[alpha] + 0.002 * seed
            add(board, quality, rng, separator, gains, **training(alpha, seed))
    return board


def effects_of(board: Board, baseline: str = "hdemucs + fixed", **more: Any) -> list[Effect]:
    table = leaderboard(board, "demo", "valid", "challenge", baseline=baseline)
    return main_effects(board, table, **more)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return ablation(tmp_path_factory.mktemp("ablation") / "board")


Found = dict[tuple[str, str], Effect]


@pytest.fixture(scope="module")
def found(board: Board) -> Found:
    return {(e.factor, e.level): e for e in effects_of(board)}


def test_the_truth_is_found(found: Found) -> None:
    truth = {
        ("separator", "mixture"): -0.2,
        # Where fixed gains are used, hdemucs is not trained: half of these matches have, beside
        # the separator's 0.04, what the weight (0.005 on average) and the seed (0.001) bring.
        ("separator", "hdemucs-ft"): 0.04 + 0.006 / 3,
        ("gains", "cnn"): -0.05 + 0.006 / 2,
        ("gains", "cnn-residual"): 0.02 + 0.006 / 2,
        ("weight of haaqi-light", "10"): 0.01,
    }
    assert set(found) == set(truth)
    for key, effect in found.items():
        assert effect.comparison.difference.mean == pytest.approx(truth[key], abs=5e-4)
        difference = effect.mean.mean - effect.reference_mean.mean
        assert effect.comparison.difference.mean == pytest.approx(difference, abs=1e-12)
        assert effect.comparison.difference.n == SONGS * len(LISTENERS)
        assert effect.comparison.difference.songs == SONGS
    matches = {key: effect.matches for key, effect in found.items()}
    assert matches == {
        ("separator", "mixture"): 1,
        ("separator", "hdemucs-ft"): 12,
        ("gains", "cnn"): 8,
        ("gains", "cnn-residual"): 8,
        ("weight of haaqi-light", "10"): 10,
    }
    assert [e.p for e in found.values()] == holm([e.comparison.p for e in found.values()])


def test_a_balanced_effect_is_the_difference_of_marginal_means(board: Board, found: Found) -> None:
    effect = found["weight of haaqi-light", "10"]
    runs = board.runs()
    trained = runs[runs.spec_json.str.contains("haaqi-light")]
    scores = board.scores(trained.run_id, metric="haaqi").merge(trained[["run_id", "spec_json"]])
    ten = scores.spec_json.str.contains("10\\*haaqi-light")
    assert effect.mean.mean == pytest.approx(scores[ten].value.mean(), rel=1e-12)
    assert effect.reference_mean.mean == pytest.approx(scores[~ten].value.mean(), rel=1e-12)


def test_seeds_are_paired_and_told_apart(found: Found) -> None:
    assert found["separator", "mixture"].by_seed == ()
    weight = dict(found["weight of haaqi-light", "10"].by_seed)
    assert set(weight) == {0, 1}
    # The seed's own 0.002 is in both runs of a match.
    assert weight[1] - weight[0] == pytest.approx(0.0, abs=4e-4)
    # Of hdemucs + fixed it is not: it has no seed.
    gains = dict(found["gains", "cnn"].by_seed)
    assert gains[1] - gains[0] == pytest.approx(0.001, abs=4e-4)


def test_the_reference_is_the_baseline_else_the_first(board: Board, found: Found) -> None:
    assert {e.reference for e in found.values()} == {"hdemucs", "fixed", "0"}
    assert {e.reference for e in effects_of(board, baseline="")} == {"mixture", "fixed", "0"}


def test_a_pair_that_one_run_lacks_is_averaged_over_the_others(tmp_path: Path) -> None:
    board = ablation(tmp_path, seeds=1)
    runs = board.runs()
    run = runs[runs.label == "hdemucs-ft + cnn, mse + 10*haaqi-light"].iloc[0]
    failed = [row for name in LISTENERS for row in pair_rows(0, name, {("haaqi", "mean"): None})]
    board.append_scores(run.run_id, "scene 0", failed)
    [effect] = [e for e in effects_of(board) if e.factor == "weight of haaqi-light"]
    assert effect.comparison.difference.n == SONGS * len(LISTENERS)
    assert effect.comparison.difference.mean == pytest.approx(0.01, abs=5e-4)


def test_runs_of_other_data_take_no_part(tmp_path: Path) -> None:
    board = ablation(tmp_path, seeds=1)
    row = board.run("r000")
    assert row is not None
    board.write_run(row | {"dataset_fingerprint": json.dumps({"valid": "other"})})
    assert "mixture" not in {e.level for e in effects_of(board)}


def test_a_board_of_equal_runs_has_no_effects(tmp_path: Path) -> None:
    board, rng = Board(tmp_path), np.random.default_rng(0)
    assert effects_of(board) == []
    add(board, 0.0, rng, "hdemucs", "fixed")
    assert effects_of(board) == []
    assert effects_of(board, key="sdr") == []


def rows_of(*specs: str) -> Any:
    board_rows = [run_row(f"r{i}", "x", "y", spec_json=text) for i, text in enumerate(specs)]
    return [type("R", (), {"run": row})() for row in board_rows]


def test_losses_that_differ_in_more_than_one_weight_are_one_factor() -> None:
    names = [{"name": name, "options": {}} for name in ("mse", "sdr")]
    one = spec("a", "cnn", loss="mse", losses=names[:1], training={}, seed=0)
    two = spec("a", "cnn", loss="0.5*mse + sdr", losses=names, training={}, seed=0)
    assert [levels["loss"] for levels in levels_of(rows_of(one, two))] == ["mse", "0.5*mse + sdr"]
    # A term that is not there weighs nothing.
    three = spec("a", "cnn", loss="mse + 2*sdr", losses=names, training={}, seed=0)
    found = [levels["weight of sdr"] for levels in levels_of(rows_of(one, three))]
    assert found == ["0", "2"]


def test_options_are_factors_only_where_they_were_chosen() -> None:
    def text(name: str, overlap: float) -> str:
        return json.dumps({"separator": {"name": name, "options": {"overlap": overlap}}})

    by_default = levels_of(rows_of(text("a", 0.1), text("b", 0.25)))
    assert by_default == [{"separator": "a"}, {"separator": "b"}]
    chosen = levels_of(rows_of(text("a", 0.1), text("a", 0.5), text("b", 0.1)))
    assert [levels["separator.overlap"] for levels in chosen] == ["0.1", "0.5", "0.1"]


def test_a_spec_that_cannot_be_read_has_no_levels() -> None:
    assert levels_of(rows_of("not JSON", "[1]")) == [{}, {}]
    older, newer = (json.dumps({"loss": text}) for text in ("mse - sdr", "mse + ?"))
    assert [found["loss"] for found in levels_of(rows_of(older, newer))] == ["mse - sdr", "mse + ?"]


@pytest.mark.slow
@pytest.mark.parametrize("songs", [5, 12])
def test_intervals_of_effects_cover_the_truth(songs: int) -> None:
    """600 boards of four runs (two factors): songs, and what a factor brings to a song, vary."""
    from bench.leaderboard.effects import _Data, _effect
    from bench.leaderboard.statistics import PAIR

    rng = np.random.default_rng(songs)
    index = pd.MultiIndex.from_product([range(songs), ["s"], ["L1", "L2"]], names=PAIR)
    levels = {f"{a}{b}": {"a": a, "b": b} for a, b in product("01", "01")}
    covered = 0
    for _ in range(600):
        song = rng.normal(0.5, 0.1, songs).repeat(2)
        brings = rng.normal(0.02, 0.03, songs).repeat(2)
        wide = pd.DataFrame(
            {r: song + (r[0] == "1") * brings + rng.normal(0, 0.03, 2 * songs) for r in levels},
            index=index,
        )
        matches = [("10", "00"), ("11", "01")]
        data = _Data(levels, wide, dict.fromkeys(levels, 1), None)
        difference = _effect("a", "1", "0", matches, data).comparison.difference
        covered += difference.low <= 0.02 <= difference.high
    assert covered / 600 == pytest.approx(0.95, abs=0.02 + 2 * np.sqrt(0.95 * 0.05 / 600))
