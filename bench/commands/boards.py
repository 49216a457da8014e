"""A board, its leaderboard, a comparison of two runs and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.leaderboard.comparison import PairOfRuns
    from bench.leaderboard.model import Leaderboard
    from bench.spec.suite import Suite


def board_folder(out: Path | str | None, suite: str) -> Path:
    """The folder of a suite's board."""
    return Path(out) if out is not None else Path("leaderboards") / Path(suite).stem


def existing_board(
    suite: str, split: str, protocol: str, out: Path | str | None
) -> tuple[Board, Suite, str, str]:
    """The board of a suite, the suite, and the split and protocol to show.

    Raises:
        BenchError: there is no such suite, protocol or board.
    """
    from bench.board.store import Board
    from bench.spec.suite import check_protocol, load_suite

    loaded = load_suite(suite)
    board = Board(board_folder(out, loaded.name))
    if not board.path.is_dir():
        hint = f"Make one: bench run --suite {suite}"
        raise BenchError("there is no board here", where=str(board.path), hint=hint)
    check_protocol(protocol or loaded.protocol, where="--protocol")
    return board, loaded, split or loaded.split, protocol or loaded.protocol


def read_leaderboard(
    out: Path | str | None = None,
    *,
    suite: str | Path = "demo",
    split: str = "",
    protocol: str = "",
    baseline: str = "",
) -> Leaderboard:
    """The rows of a board that may be compared, best first: ``bench leaderboard``.

    Args:
        out: folder of the board, ``leaderboards/SUITE`` unless given.
        suite: its name, or the path of a TOML file.
        split: the suite's unless given.
        protocol: the suite's unless given.
        baseline: row that the others are compared with, the suite's unless given.

    Raises:
        BenchError: there is no such suite, protocol or board.
    """
    from bench.leaderboard.table import leaderboard

    board, loaded, split, protocol = existing_board(str(suite), split, protocol, out)
    return leaderboard(board, loaded.name, split, protocol, baseline=baseline or loaded.baseline)


def compare(
    a: str,
    b: str,
    out: Path | str | None = None,
    *,
    suite: str | Path = "demo",
    split: str = "",
    protocol: str = "",
) -> PairOfRuns:
    """Two runs of a board in full, a minus b: ``bench compare``.

    Args:
        a: id or label of a run.
        b: of another.
        out: folder of the board, ``leaderboards/SUITE`` unless given.
        suite: its name, or the path of a TOML file.
        split: the suite's unless given.
        protocol: the suite's unless given.

    Raises:
        BenchError: there is no such suite, protocol, board or run.
    """
    from bench.leaderboard.comparison import compare_runs, find_run

    board, loaded, split, protocol = existing_board(str(suite), split, protocol, out)
    ours, theirs = (find_run(board, name, loaded.name, split, protocol) for name in (a, b))
    return compare_runs(ours, theirs, board)


def write_report(
    out: Path | str | None = None,
    *,
    to: Path | str | None = None,
    suite: str | Path = "demo",
    split: str = "",
    protocol: str = "",
) -> Path:
    """Write a board's report, and return its page: ``bench report``.

    Args:
        out: folder of the board, ``leaderboards/SUITE`` unless given.
        to: folder of the report, ``report/`` in the board unless given.
        suite: its name, or the path of a TOML file.
        split: the suite's unless given.
        protocol: the suite's unless given.

    Raises:
        BenchError: there is no such suite, protocol or board, or the report cannot be written.
    """
    from bench.report import page

    board, loaded, split, protocol = existing_board(str(suite), split, protocol, out)
    folder = Path(to) if to is not None else board.path / "report"
    return page.write_report(board, folder, loaded.name, split, protocol)
