"""What is asked of a board: power, contrasts of its suite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bench as library
from bench.board.store import Board
from tests.helpers.boards import fill, run_row
from tests.helpers.command_line import Bench


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    board = Board(tmp_path_factory.mktemp("board"))
    for run_id, separator, quality in (("ra", "hdemucs", 0.6), ("rb", "better", 0.65)):
        board.write_run(run_row(run_id, separator, "fixed"))
        fill(board, run_id, quality, seed=ord(run_id[1]))
    return board.path


def test_power_says_how_many_songs_it_takes(
    bench: Bench, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("power", "--out", path, "--listeners", "6,100", "--format", "json")
    needs = {}
    for detect in (0.01, 0.001):
        assert bench(*arguments, "--detect", detect) == 0
        ((row,),) = (one["rows"] for one in json.loads(capsys.readouterr().out)["sections"])
        assert row["system"] == "better + fixed"
        assert row["with_6"] is None or row["with_6"] >= row["with_100"]
        needs[detect] = row["with_100"]
    assert 2 < needs[0.01] < needs[0.001]
    assert library.power(path, detect=0.01).rows[0]["with_100"] == needs[0.01]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--detect", "0"), "these values do not describe a study"),
        (("--power", "1"), "these values do not describe a study"),
        (("--listeners", "1"), "these values do not describe a study"),
        (("--listeners", "many"), "'many' is not a list of numbers"),
        (("--baseline", "nothing + fixed"), "no row is compared with a baseline"),
    ],
)
def test_a_plan_that_makes_no_sense(
    bench: Bench,
    path: Path,
    options: tuple[str, str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bench("power", "--out", path, *options) == 2
    assert message in capsys.readouterr().err


def test_the_contrasts_of_a_suite_have_the_p_values(path: Path, tmp_path: Path) -> None:
    suite = tmp_path / "demo.toml"
    text = """
    name = "demo"
    [dataset]
    name = "demo"
    [evaluation]
    split = "valid"
    metrics = ["haaqi"]
    [ranking]
    baseline = "hdemucs + fixed"
    """
    suite.write_text(text, encoding="utf-8")
    plain = library.read_leaderboard(path, suite=suite)
    pairs = [["better + fixed", "hdemucs + fixed"], ["absent + fixed", "hdemucs + fixed"]]
    suite.write_text(f"{text}\n[contrasts]\npairs = {json.dumps(pairs)}\n", encoding="utf-8")
    named = library.read_leaderboard(path, suite=suite)
    assert not plain.contrasts
    assert [(one.ours, one.theirs) for one in named.contrasts] == [tuple(pair) for pair in pairs]
    # Corrected over both, though only one of them is there.
    assert named.contrasts[0].p == pytest.approx(min(1.0, 2 * plain.rows[0].p))
