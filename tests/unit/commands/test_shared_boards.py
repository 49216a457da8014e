"""Boards that travel: listed, merged, cut down, and verified by others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import bench
from bench.board.layout import CONSOLIDATED, checkpoint_folder, scores_folder
from bench.board.store import Board
from bench.commands.shared_boards import list_boards
from bench.errors import BenchError
from bench.leaderboard.export import render
from tests.helpers.boards import fill, known_board, pair_rows, run_row
from tests.helpers.command_line import Bench
from tests.helpers.suites import WriteSuite


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return known_board(tmp_path_factory.mktemp("template")).path


@pytest.fixture
def board(template: Path, tmp_path: Path) -> Board:
    shutil.copytree(template, tmp_path / "board")
    return Board(tmp_path / "board")


@pytest.fixture
def other(tmp_path: Path) -> Board:
    """A board with a run of its own, and its checkpoint."""
    found = Board(tmp_path / "other")
    found.write_run(run_row("rother", "open-unmix", "fixed"))
    fill(found, "rother", 0.5, seed=9)
    found.consolidate("rother")
    found.append_epoch("rother", {"epoch": 1, "loss": 2.0})
    weights = checkpoint_folder(found.path, "rother") / "best.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    return found


def test_merged_boards_hold_all_runs(board: Board, other: Board) -> None:
    [found] = bench.merge_boards(board.path, [other.path])
    assert found.new == ("rother",)
    assert len(board.runs()) == 6
    assert board.scores("rother").equals(other.scores("rother"))
    assert board.training("rother").equals(other.training("rother"))
    assert (checkpoint_folder(board.path, "rother") / "best.safetensors").read_bytes() == b"weights"
    # Again changes nothing; the other way round gives the same.
    assert bench.merge_boards(board.path, [other.path])[0].new == ()
    bench.merge_boards(other.path, [board.path])
    assert set(other.runs()["run_id"]) == set(board.runs()["run_id"])
    assert bench.compare_boards(board.path, other.path).same


def test_a_board_that_is_not_there_is_made(board: Board, tmp_path: Path) -> None:
    bench.merge_boards(tmp_path / "new", [board.path])
    assert bench.compare_boards(tmp_path / "new", board.path).same


def test_a_run_of_which_each_board_has_a_half_is_made_whole(board: Board, tmp_path: Path) -> None:
    halves = [Board(tmp_path / name) for name in ("one", "two")]
    rows = board.scores_table("ra").to_pylist()
    scenes = sorted({row["scene"] for row in rows})
    for number, half in enumerate(halves):
        half.write_run(run_row("ra", "hdemucs-ft", "fixed", status="running"))
        # The middle one is on both.
        for scene in (scenes[:9], scenes[8:])[number]:
            half.append_scores("ra", scene, [row for row in rows if row["scene"] == scene])
    [found] = bench.merge_boards(halves[0].path, [halves[1].path])
    assert found.completed == ("ra",)
    place = ["scene", "listener", "metric", "part"]
    merged, whole = (
        b.scores("ra").sort_values(place, ignore_index=True) for b in (halves[0], board)
    )
    assert merged.equals(whole)


def test_boards_that_disagree_are_named_and_nothing_is_written(
    board: Board, other: Board, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    other.write_run(run_row("ra", "hdemucs-ft", "fixed"))
    other.append_scores("ra", "scene 0-0", pair_rows(0, "L1", {("haaqi", "mean"): 0.123}))
    assert bench("board", "merge", board.path, other.path) == 2
    said = capsys.readouterr().err
    assert "ra: 1 scores, as scene 0-0, L1, haaqi, mean" in said
    assert "0.123" in said
    assert "rother" not in set(board.runs()["run_id"])


def test_boards_of_two_suites_are_not_merged(board: Board, other: Board) -> None:
    other.write_run(run_row("rx", "a", "b", suite="another"))
    with pytest.raises(BenchError, match="another and demo"):
        bench.merge_boards(board.path, [other.path])


def test_a_damaged_board_is_not_merged(board: Board, other: Board) -> None:
    board.write_run(run_row("rother", "open-unmix", "fixed"))
    (scores_folder(other.path, "rother") / CONSOLIDATED).write_bytes(b"no")
    with pytest.raises(BenchError, match="cannot be read"):
        bench.merge_boards(board.path, [other.path])


def test_a_removed_run_leaves_nothing(board: Board, other: Board) -> None:
    bench.merge_boards(board.path, [other.path])
    assert bench.remove_run("open-unmix + fixed", board.path) == "rother"
    assert not list(board.path.rglob("*rother*"))
    with pytest.raises(BenchError, match="there is no run"):
        bench.remove_run("rother", board.path)


def test_boards_are_listed(
    board: Board, other: Board, tmp_path: Path, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("board", "list", tmp_path, "--format", "csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert any("demo, split valid, protocol challenge: 5 runs" in line for line in lines)
    assert bench("board", "list", tmp_path / "none") == 2


@pytest.fixture(scope="module")
def scored(small_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small suite and a board of it."""
    suite, out = small_suite(), tmp_path_factory.mktemp("scored")
    bench.run(suite=str(suite), separator="oracle", baselines=False, out=out, workers=1)
    return suite, out


def test_a_run_that_can_be_scored_again_alike_is_marked(
    scored: tuple[Path, Path], bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, out = scored
    run = Board(out).runs()["run_id"][0]
    told = ("--suite", suite, "--out", out, "--by", "Anna", "--share", 0.3, "--workers", 1)
    assert bench("board", "verify", run, *told) == 0
    assert "agrees: 2 of 4 pairs scored again by Anna" in capsys.readouterr().out
    [mark] = Board(out).verifications(run)
    assert (mark["by"], mark["pairs"], mark["difference"], mark["agrees"]) == ("Anna", 2, 0.0, True)
    assert bench("board", "show", "--out", out) == 0
    assert "Anna" in capsys.readouterr().out
    assert bench("leaderboard", "--out", out) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "2 pairs (a share of 0.5) scored again by Anna" in said
    assert "the scores agree" in said
    assert "verified" in said.partition("Brackets")[0]


def test_a_score_that_was_changed_is_found(scored: tuple[Path, Path], tmp_path: Path) -> None:
    suite, out = scored
    copy = Board(tmp_path / "copy")
    shutil.copytree(out, copy.path)
    run = copy.runs()["run_id"][0]
    rows = copy.scores_table(run).to_pylist()
    [better] = [row for row in rows if row["metric"] == "lufs"][:1]
    better["value"] += 0.5
    scene = better["scene"]
    copy.append_scores(run, scene, [row for row in rows if row["scene"] == scene])
    found = bench.verify_run(run, copy.path, suite=str(suite), share=1.0, workers=1)
    assert not found.agrees
    assert found.difference == pytest.approx(0.5)
    assert scene in found.where
    assert not copy.verifications(run)[-1]["agrees"]
    [row] = bench.read_leaderboard(copy.path).rows
    assert row.verification is not None
    text = render(bench.read_leaderboard(copy.path), "markdown")
    assert "disputed" in text
    assert "the scores DISAGREE; the largest difference is 0.5" in text


def test_boards_are_listed_however_folders_are_nested(
    bench: Bench, template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("one", "measured/two/board", ".hidden/three"):
        shutil.copytree(template, tmp_path / place)
    (tmp_path / "empty").mkdir()
    folders = [one.folder.relative_to(tmp_path) for one in list_boards(tmp_path)]
    assert folders == [Path("measured/two/board"), Path("one")]
    assert [one.folder for one in list_boards(tmp_path / "one")] == [tmp_path / "one"]
    assert bench("board", "list", tmp_path / "empty") == 0
    done = capsys.readouterr()
    assert f"No board is in or below {tmp_path / 'empty'}; bench run makes one." in done.err
    assert bench("board", "list", tmp_path) == 0
    assert "0.0000" not in capsys.readouterr().out
