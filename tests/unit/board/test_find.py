"""A board knows what it holds, and is found from folders above and below it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bench as library
from bench.board.find import View, choose_view, find_board, views_of
from bench.board.store import Board
from bench.errors import BenchError
from tests.helpers.boards import fill, run_row
from tests.helpers.command_line import Bench

VIEWS = [
    View("demo", "eval", "challenge", 2),
    View("demo", "valid", "challenge", 3),
    View("demo", "valid", "shared-gains", 1),
]
PREFERRED = View("demo", "valid", "challenge")
NOTHING = View("", "", "")


def make(path: Path, **changes: str) -> Board:
    board = Board(path)
    for run_id, separator in (("ra", "hdemucs"), ("rb", "better")):
        board.write_run(run_row(run_id, separator, "fixed", **changes))
        fill(board, run_id, 0.6)
    return board


def test_the_one_view_of_a_board_is_taken() -> None:
    assert choose_view(VIEWS[:1], NOTHING, NOTHING, "b") == VIEWS[0]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (View("", "eval", ""), 0),
        (View("", "", "shared-gains"), 2),
        (View("demo", "", ""), 1),
        (View("demo", "", "shared-gains"), 2),
    ],
)
def test_what_is_named_decides(wanted: View, found: int) -> None:
    preferred = PREFERRED if wanted.suite else NOTHING
    assert choose_view(VIEWS, wanted, preferred, "b") == VIEWS[found]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (NOTHING, "Give --split and --protocol"),
        (View("", "valid", ""), "Give --protocol"),
        (View("", "", "challenge"), "Give --split"),
        (View("other", "", ""), "no runs of suite other"),
        (View("demo", "train", ""), "no runs of suite demo, split train"),
    ],
)
def test_several_are_asked_for_with_what_is_there(wanted: View, said: str) -> None:
    with pytest.raises(BenchError) as caught:
        choose_view(VIEWS, wanted, PREFERRED if wanted.suite else NOTHING, "b")
    assert said in str(caught.value)
    assert "demo, split valid, protocol challenge: 3 runs" in str(caught.value)


def test_folders_above_and_below_a_board_are_recognised(tmp_path: Path) -> None:
    board = make(tmp_path / "all" / "one")
    (board.path / "report").mkdir()
    for folder in (".", "report", "runs", "scores/run_id=ra", ".."):
        assert find_board(board.path / folder).resolve() == board.path
    assert find_board(tmp_path) == board.path
    make(tmp_path / "all" / "two")
    with pytest.raises(BenchError, match="2 boards are below"):
        find_board(tmp_path / "all")
    with pytest.raises(BenchError, match="no board here") as caught:
        find_board(tmp_path / "all" / "three")
    assert "one" in caught.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match="no runs here yet"):
        find_board(tmp_path / "empty")


def test_commands_take_suite_split_and_protocol_from_the_board(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, suite="mine", split="eval", protocol="shared-gains")
    assert [view.words for view in views_of(Board(tmp_path))] == [
        "mine, split eval, protocol shared-gains: 2 runs"
    ]
    assert bench("leaderboard", "--out", tmp_path) == 0
    assert "mine, split eval, protocol shared-gains" in capsys.readouterr().out
    assert bench("report", "--out", tmp_path) == 0
    assert (tmp_path / "report" / "index.html").is_file()
    assert bench("compare", "hdemucs + fixed", "better + fixed", "--out", tmp_path) == 0
    capsys.readouterr()
    # To listen, the suite's data are needed, which a board does not keep.
    assert bench("listen", "--out", tmp_path) == 2
    assert "there is no suite 'mine'" in capsys.readouterr().err
    assert bench("leaderboard", "--out", tmp_path, "--split", "valid") == 2
    assert "mine, split eval, protocol shared-gains: 2 runs" in capsys.readouterr().err
    assert len(library.read_leaderboard(tmp_path).rows) == 2


def test_the_runs_of_a_board_are_listed_and_filtered(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    assert [row["run_id"] for row in library.list_runs(tmp_path)] == ["ra", "rb"]
    assert [row["run_id"] for row in library.list_runs(tmp_path, where=["separator=bett*"])] == [
        "rb"
    ]
    assert library.list_runs(tmp_path, where=["separator=b*", "status!=done"]) == []
    assert bench("runs", "--out", tmp_path, "--where", "separator!=hdemucs") == 0
    said = capsys.readouterr().out
    assert "better + fixed" in said
    assert "hdemucs + fixed" not in said
    assert bench("runs", "--out", tmp_path, "--where", "seperator=x") == 2
    assert "Did you mean 'separator'" in capsys.readouterr().err
    assert bench("runs", "--out", tmp_path, "--where", "separator") == 2
    assert bench("suites") == 0
    assert "cadenza-icassp-2024" in capsys.readouterr().out


def test_a_typed_suite_that_is_not_installed_is_the_boards(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, suite="mine", split="eval")
    for command in ("leaderboard", "report", "runs"):
        assert bench(command, "--out", tmp_path, "--suite", "mine") == 0
    board = Board(tmp_path)
    board.write_run(run_row("rc", "hdemucs", "fixed", suite="mine", split="valid"))
    board.write_run(run_row("rd", "hdemucs", "fixed", suite="yours", split="eval"))
    capsys.readouterr()
    assert bench("leaderboard", "--out", tmp_path, "--suite", "mine") == 2
    said = capsys.readouterr().err
    assert "it holds several splits" in said
    assert "Give --split:" in said
    assert "yours" not in said
    assert bench("leaderboard", "--out", tmp_path, "--suite", "yours") == 0
    assert "yours, split eval" in capsys.readouterr().out
    assert bench("leaderboard", "--out", tmp_path, "--suite", "theirs") == 2
    said = capsys.readouterr().err
    assert "theirs" in said
    assert "yours, split eval, protocol challenge: 1 run" in said


def test_a_folder_without_runs_says_what_is_there(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "notes.txt").touch()
    assert bench("leaderboard", "--out", tmp_path) == 2
    said = capsys.readouterr().err
    assert "there are no runs here yet" in said
    assert "It holds checkpoints, notes.txt" in said
    make(tmp_path / "hurt")
    for file in (tmp_path / "hurt" / "runs").iterdir():
        file.write_bytes(b"no table")
    page = tmp_path / "hurt" / "report" / "index.html"
    page.parent.mkdir()
    page.write_text("a good report")
    assert bench("report", "--out", tmp_path / "hurt") == 2
    said = capsys.readouterr().err
    assert "2 files cannot be read" in said
    assert page.read_text() == "a good report"


def test_of_many_boards_below_a_few_are_named(tmp_path: Path) -> None:
    for number in range(8):
        make(tmp_path / f"board-{number}")
    with pytest.raises(BenchError, match="8 boards are below it") as caught:
        find_board(tmp_path)
    assert "board-4 and 3 more" in caught.value.hint
    assert "board-5" not in caught.value.hint


def test_folders_that_cannot_be_read_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of other users are, below /tmp: neither listed nor looked into."""
    make(tmp_path / "mine")
    closed = make(tmp_path / "closed").path
    for name in ("iterdir", "stat"):
        monkeypatch.setattr(
            Path, name, refusing(getattr(Path, name), closed, inside=name == "stat")
        )
    assert find_board(tmp_path) == tmp_path / "mine"
    with pytest.raises(BenchError, match="there are no runs here yet"):
        find_board(closed)


def refusing(method: Callable[..., Any], closed: Path, *, inside: bool) -> Callable[..., Any]:
    """A method of paths that may not be called for a folder, or for what is inside of it alone."""

    def call(path: Path, **how: Any) -> Any:
        if closed in path.parents or (path == closed and not inside):
            raise PermissionError(13, "Permission denied", str(path))
        return method(path, **how)

    return call
