"""The seed paper's tables: from a board whose truth is known, with the published values beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.board.store import Board
from bench.leaderboard.published import published_table
from bench.leaderboard.seed_paper import Trial, seed_paper_sections
from bench.report.seed_paper import write_seed_paper
from bench.tables.sections import Section
from tests.helpers.boards import fill, run_row

OTHERS = {"mse": 1.0, "sdr": 0.3, "loudness": 2.0}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    board = Board(tmp_path_factory.mktemp("board"))
    qualities = {"base": (0.6, 0.6), "paper": (0.8, 0.62)}
    for name, (shared, challenge) in qualities.items():
        for protocol, quality in (("shared-gains", shared), ("challenge", challenge)):
            run_id = f"r{name}{protocol[0]}"
            board.write_run(run_row(run_id, "hdemucs", name, protocol=protocol))
            fill(board, run_id, quality)
    for epoch in range(3):
        row = {"epoch": epoch, "valid/haaqi/mean": 0.7 + 0.01 * epoch, "valid/lufs/mean": 0.2}
        row |= {"valid/haaqi/left": 0.69, "valid/haaqi/right": 0.71}
        if epoch:
            row |= {"loss/mse@stems": 0.01, "loss/sdr@stems": -4.0, "loss/loudness@stems": 0.5}
            row |= {"loss/haaqi-net@stems": 0.2, "loss": 0.01 - 1.2 + 1.0 + 10 * 0.2}
        board.append_epoch("rpapers", row)
    return board


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    runs = {n: {"shared-gains": f"r{n}s", "challenge": f"r{n}c"} for n in ("base", "paper")}
    return [
        Trial("", "hdemucs + fixed (8 pairs)", None, {}, runs["base"]),
        Trial("as published", "hdemucs-ft + cnn", 10.0, OTHERS, runs["paper"]),
    ]


@pytest.fixture(scope="module")
def tables(board: Board, trials: list[Trial]) -> dict[str, Section]:
    return {table.title: table for table in seed_paper_sections(board, trials)}


def test_the_moved_reference_is_the_paired_difference(tables: dict[str, Section]) -> None:
    rows = {row["system"]: row for row in tables[next(iter(tables))].rows}
    ours = rows["as published, alpha 10"]
    assert ours["difference"] == pytest.approx(0.18, abs=0.01)
    assert ours["difference_low"] <= ours["difference"] <= ours["difference_high"]
    assert rows["hdemucs + fixed (8 pairs)"]["difference"] == pytest.approx(0, abs=1e-9)
    published = {name: row for name, row in rows.items() if name.startswith("published")}
    assert [row["shared-gains"] for row in published.values()] == [0.756, None]
    assert [row["challenge"] for row in published.values()] == [None, 0.6677]


def test_the_papers_comparison_is_the_sum_of_its_two_parts(tables: dict[str, Section]) -> None:
    [table] = [table for title, table in tables.items() if "taken apart" in title]
    ours, published = table.rows
    whole = ours["difference_of_references"] + ours["difference_of_systems"]
    assert ours["difference_as_published"] == pytest.approx(whole, abs=1e-9)
    assert published["difference_as_published"] == pytest.approx(0.756 - 0.6677)
    assert "difference_of_references" not in published


def test_the_tables_have_the_papers_form(tables: dict[str, Section]) -> None:
    first, second, third = (table for title, table in tables.items() if title.startswith("Table"))
    measured = {row["epoch"]: row for row in first.rows}
    assert measured[1]["HAAQI-Net, alpha 10"] == pytest.approx(0.8)
    assert measured[1]["HAAQI-Net, published"] == 0.518
    assert measured[10]["HAAQI-Net, published"] == 0.974
    assert measured[2]["SDR, alpha 10"] == pytest.approx(4.0)
    losses = second.rows[0]
    # Its perceptual loss is minus the score, ours one minus it.
    assert losses["haaqi-net"] == pytest.approx(-0.8)
    assert losses["total"] == pytest.approx(0.01 - 1.2 + 1.0 - 8.0)
    assert losses["share of HAAQI-Net"] == pytest.approx(8.0 / (0.01 + 1.2 + 1.0 + 8.0))
    validated = {row["epoch"]: row for row in third.rows}
    assert len(validated) == 11
    assert validated[6]["HAAQI, published"] == 0.7743
    assert validated[2]["HAAQI"] == pytest.approx(0.72)
    assert validated[2]["difference of LUFS"] == pytest.approx(0.2)
    for number, table in enumerate((first, second, third), start=1):
        for missing in published_table(number)["missing"]:
            assert missing in table.note


def test_the_page_has_the_tables_and_the_three_figures(
    board: Board, trials: list[Trial], tables: dict[str, Section], tmp_path: Path
) -> None:
    path = write_seed_paper(board, trials, list(tables.values()), tmp_path, "what it asks")
    page = path.read_text(encoding="utf-8")
    for title in tables:
        assert title in page
    for number in (1, 2, 3):
        assert f"<h3>Figure {number}, as published" in page
    assert page.count("<svg") == 2 + 1 + 5 + 1
    assert "src=" not in page
