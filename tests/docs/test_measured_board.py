"""The measured boards that the repository carries can be read, and are what their pages say."""

from __future__ import annotations

import pytest

from bench.ablation.design import read_ablation
from bench.ablation.matrix import expand
from bench.board.store import Board
from bench.leaderboard.effects import main_effects
from bench.leaderboard.seed_paper import scores_of
from bench.leaderboard.table import leaderboard
from bench.plugins import installed
from bench.spec.suite import load_suite
from tests.helpers.paths import ROOT

FOLDER = ROOT / "leaderboards" / "measured" / "demo-ablation"


@pytest.fixture(scope="module")
def board() -> Board:
    return Board(FOLDER / "board")


def test_the_runs_are_those_of_the_file(board: Board) -> None:
    runs = board.runs()
    assert board.damaged == {}
    assert set(runs.status) == {"done"}
    assert len(runs) >= 12
    ablation = read_ablation(FOLDER / "ablation.toml")
    specs = expand(ablation, installed(), load_suite(ablation.suite)).specs
    assert {spec.label for spec in specs} == set(runs.label) - {
        "mixture + fixed (8 pairs)",
        "oracle + fixed (8 pairs)",
    }


def test_its_page_shows_the_boards_rows_and_effects(board: Board) -> None:
    page = (FOLDER / "board.md").read_text(encoding="utf-8").replace("\\", "")
    table = leaderboard(board, "demo", "valid", "challenge", baseline="hdemucs + fixed")
    for row in table.rows:
        assert f"| {row.shown} | {row.n} | {row.values['haaqi'].mean:.3f} " in page
    effects = main_effects(board, table)
    assert {e.factor for e in effects} == {"separator", "gains", "weight of haaqi-light"}
    for effect in effects:
        mean = effect.comparison.difference.mean
        assert f"| {effect.factor} | {effect.level} | {effect.reference} | {mean:+.3f} " in page


def test_it_is_small_and_holds_no_weights() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3_000_000
    assert {path.suffix for path in files} <= {
        ".parquet", ".md", ".toml", ".html", ".csv", ".json"
    }  # fmt: skip


STUDY = FOLDER.parent / "seed-paper"


def test_the_studys_tables_are_those_of_its_board() -> None:
    board = Board(STUDY / "board")
    runs = board.runs()
    assert set(runs.status) == {"done"}
    assert runs.groupby("protocol").size().to_dict() == {"challenge": 10, "shared-gains": 10}
    page = (STUDY / "tables.md").read_text(encoding="utf-8")
    [untrained] = [line for line in page.split("\n") if line.startswith("| hdemucs + none (4 p")][
        :1
    ]
    means = {
        row.protocol: scores_of(board, row.run_id).mean()
        for row in runs.itertuples()
        if row.label == "hdemucs + none (4 pairs)"
    }
    assert f"| {means['shared-gains']:.3f} " in untrained
    assert f"| {means['challenge']:.3f} " in untrained
    assert f"| {means['shared-gains'] - means['challenge']:+.3f} " in untrained
    files = [path for path in STUDY.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3_000_000
