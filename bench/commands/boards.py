"""Boards: ``bench leaderboard``, ``bench compare`` and ``bench report``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.checks import checked
from bench.errors import BenchError
from bench.spec.defaults import DEFAULT_LISTENERS, DEFAULT_POWER, DEFAULT_SUITE

if TYPE_CHECKING:
    from bench.board.compare import BoardDifference
    from bench.board.store import Board
    from bench.leaderboard.comparison import PairOfRuns
    from bench.leaderboard.model import Leaderboard
    from bench.spec.suite import Suite
    from bench.tables.sections import Section


def board_folder(out: Path | str | None, suite: str) -> Path:
    """The folder of a suite's board.

    Example:
        >>> board_folder(None, "demo").as_posix()
        'leaderboards/demo'
    """
    return Path(out) if out is not None else Path("leaderboards") / Path(suite).stem


def existing_board(
    suite: str | Path, split: str, protocol: str, out: Path | str | None, *, known: bool = False
) -> tuple[Board, Suite, str, str]:
    """The board to show, its suite, and the split and protocol to show.

    What is not named is taken from the board; if it holds several, those of the suite are used,
    provided that the suite was named.

    Args:
        suite: a suite that bench has, or the path of a TOML file; empty for the board's.
        split: empty for the board's.
        protocol: empty for the board's.
        out: folder of the board, or one above or below it; by default that of the suite.
        known: whether the suite's file is needed, as for its data.

    Raises:
        BenchError: there is no such suite, protocol or board, or the board has no such runs, or
            several.
    """
    from bench.board.find import View, choose_view, views_of
    from bench.spec.suite import check_protocol

    if protocol:
        check_protocol(protocol, where="--protocol")
    board = open_board(out, suite)
    named = _suite_of(suite, bare=not known) if suite else None
    preferred = View(named.name, named.split, named.protocol) if named else View("", "", "")
    wanted = View(preferred.suite, split, protocol)
    view = choose_view(views_of(board), wanted, preferred, str(board.path), _unread(board))
    loaded = named or _suite_of(view.suite, bare=not known)
    if not loaded.dataset:  # the board knows its suite's name, and the rules that it had
        loaded = _with_rules(loaded, board)
    return board, loaded, view.split, view.protocol


def _unread(board: Board) -> str:
    """The message on the board's files that cannot be read."""
    if not board.damaged:
        return ""
    path, why = next(iter(board.damaged.items()))
    return f"{len(board.damaged)} files cannot be read, as {path}: {why}"


def _with_rules(suite: Suite, board: Board) -> Suite:
    """A suite of which the board alone is known, with the rules of its oldest run."""
    from bench.board.rules import Rules
    from bench.leaderboard.selection import run_rows

    rows = [row for row in run_rows(board) if row["suite"] == suite.name]
    known = [rules for row in rows if (rules := Rules.of(row)) is not None]
    if not known:
        return suite
    rules = known[0]
    return replace(
        suite,
        baseline=rules.baseline,
        contrasts=rules.contrasts,
        hearing_loss_below=rules.hearing_loss_below,
    )


def open_board(out: Path | str | None, suite: str | Path = "") -> Board:
    """The board that a folder is, lies in or holds; by default that of the suite.

    Raises:
        BenchError: there is none, or there are several below the folder.
    """
    from bench.board.find import find_board, is_board
    from bench.board.store import Board

    # Where the board is there, its suite may be one that is not here.
    if suite and out is None and is_board(board_folder(None, str(suite))):
        return Board(board_folder(None, str(suite)))
    return Board(find_board(_place_of(out, _suite_of(suite) if suite and out is None else None)))


def row_on_board(
    run: str, suite: str | Path, out: Path | str | None
) -> tuple[Board, dict[str, Any]]:
    """The board that has a run, and the run's row, by its id, label or name on a leaderboard.

    Raises:
        BenchError: there is no such board or run.
    """
    from bench.leaderboard.selection import run_id_of
    from bench.runs.restore import row_of

    board = open_board(out, suite)
    return board, row_of(board, run_id_of(board, run))


def board_of_run(run: str, suite: str | Path, out: Path | str | None) -> tuple[Board, Suite, str]:
    """The board that has a run, the run's suite unless another is named, and the run's id.

    Raises:
        BenchError: there is no such board, run or suite.
    """
    board, row = row_on_board(run, suite, out)
    return board, _suite_of(suite or str(row["suite"])), str(row["run_id"])


def _place_of(out: Path | str | None, suite: Suite | None) -> Path:
    """The folder in which a board is looked for."""
    from bench.board.find import is_board

    if out is not None or suite is not None:
        return board_folder(out, suite.name if suite else "")
    default = board_folder(None, DEFAULT_SUITE)
    return default if is_board(default) or not default.parent.is_dir() else default.parent


def _suite_of(name: str | Path, *, bare: bool = False) -> Suite:
    """A suite; with `bare` one without data and baseline where bench has none of that name."""
    from bench.spec.suite import load_suite, suite_names, unknown_suite

    if bare and str(name) not in suite_names() and not str(name).endswith(".toml"):
        return unknown_suite(str(name))
    return load_suite(str(name))


def suite_leaderboard(
    board: Board, suite: Suite, split: str, protocol: str, baseline: str = ""
) -> Leaderboard:
    """The rows of one split and protocol, with the suite's baseline and contrasts."""
    import bench.leaderboard.export  # noqa: F401  # how a leaderboard shows itself
    from bench.leaderboard.table import leaderboard

    return leaderboard(
        board,
        suite.name,
        split,
        protocol,
        baseline=baseline or suite.baseline,
        contrasts=suite.contrasts,
        hearing_loss_below=suite.hearing_loss_below,
    )


@dataclass(frozen=True)
class BoardView:
    """A leaderboard with the requested tables beside it.

    Attributes:
        leaderboard: None if there is no board and only published results were requested.
        sections: the tables.
    """

    leaderboard: Leaderboard | None
    sections: Sequence[Section] = ()


def read_leaderboard(
    out: Path | str | None = None,
    *,
    suite: str | Path = "",
    split: str = "",
    protocol: str = "",
    baseline: str = "",
) -> Leaderboard:
    """The rows of a board that may be compared, best first.

    Args:
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        suite: its name, or the path of a TOML file; the board's by default.
        split: the board's by default.
        protocol: the board's by default.
        baseline: row that the others are compared with, the suite's by default.

    Raises:
        BenchError: there is no such suite, protocol or board.
    """
    board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    return suite_leaderboard(board, loaded, split, protocol, baseline)


def view_board(
    out: Path | str | None = None,
    *,
    suite: str | Path = "",
    split: str = "",
    protocol: str = "",
    baseline: str = "",
    metric: Sequence[str] = (),
    sort: str = "",
    where: Sequence[str] = (),
    effects: bool = False,
    published: bool = False,
) -> BoardView:
    """A leaderboard, the effect of each part, and published results: ``bench leaderboard``.

    Args:
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        suite: its name, or the path of a TOML file; the board's by default.
        split: the board's by default.
        protocol: the board's by default.
        baseline: row that the others are compared with, the suite's by default.
        metric: names of the metrics that are shown; all by default.
        sort: column that the rows are sorted by, best on top; the first one by default.
        where: conditions on the runs that are shown, as ``"separator=hdemucs*"``; ranks,
            differences and p-values stay those of all.
        effects: show the effect of each part of the systems.
        published: show published results; this needs no board.

    Raises:
        BenchError: there is no such suite, protocol or board.
    """
    from bench.leaderboard.effects import main_effects
    from bench.leaderboard.published import published_sections
    from bench.leaderboard.summaries import effects_section
    from bench.leaderboard.view import shown

    sections = published_sections() if published else []
    try:
        board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    except BenchError:
        # What others published needs no board; a folder that was named must be there.
        if not published or out is not None:
            raise
        return BoardView(None, sections)
    table = suite_leaderboard(board, loaded, split, protocol, baseline)
    if effects:
        sections = [effects_section(main_effects(board, table)), *sections]
    return BoardView(shown(table, metric=metric, sort=sort, where=where), sections)


def compare(
    a: str,
    b: str,
    out: Path | str | None = None,
    *,
    suite: str | Path = "",
    split: str = "",
    protocol: str = "",
) -> PairOfRuns:
    """Two runs of a board in full, a minus b: ``bench compare``.

    Args:
        a: id or label of a run.
        b: of another.
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        suite: its name, or the path of a TOML file; the board's by default.
        split: the board's by default.
        protocol: the board's by default.

    Raises:
        BenchError: there is no such suite, protocol, board or run.
    """
    import bench.leaderboard.summaries  # noqa: F401  # how a comparison shows itself
    from bench.leaderboard.comparison import compare_runs, find_run

    board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    ours, theirs = (find_run(board, name, loaded.name, split, protocol) for name in (a, b))
    return compare_runs(ours, theirs, board, loaded.rules)


def compare_boards(a: Path | str, b: Path | str) -> BoardDifference:
    """Compare two boards to the last bit: ``bench compare FOLDER FOLDER``.

    Runs are matched by their specs, since ids change with the code.

    Args:
        a: folder of a board.
        b: of another.

    Raises:
        BenchError: there is no board in one of the folders.
    """
    from bench.board.compare import difference_of
    from bench.board.find import find_board
    from bench.board.store import Board

    return difference_of(Board(find_board(Path(a))), Board(find_board(Path(b))))


@checked
def power(
    out: Path | str | None = None,
    *,
    suite: str | Path = "",
    split: str = "",
    protocol: str = "",
    baseline: str = "",
    detect: float = 0.01,
    share: float = DEFAULT_POWER,
    listeners: Sequence[int] = DEFAULT_LISTENERS,
) -> Section:
    """Plan how many songs and listeners it takes to detect a difference: ``bench power``.

    The standard deviations are those of each row's paired difference to the baseline.

    Args:
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        suite: its name, or the path of a TOML file; the board's by default.
        split: the board's by default.
        protocol: the board's by default.
        baseline: row that the others are compared with, the suite's by default.
        detect: the true difference, in the unit of the first column.
        share: of studies that should detect it, 0 to 1.
        listeners: numbers of listeners to plan for, beside the board's.

    Raises:
        BenchError: there is no such suite, protocol or board, or a number is out of range.
    """
    from bench.leaderboard.power import plans, power_section

    if not (detect > 0 and 0 < share < 1 and listeners and min(listeners) > 1):
        hint = "detect must be above 0, power between 0 and 1, and listeners at least 2."
        raise BenchError("these values do not describe a study", where="power", hint=hint)
    board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    table = suite_leaderboard(board, loaded, split, protocol, baseline)
    found = list(plans(table, detect=detect, share=share, listeners=listeners))
    if not found:
        hint = "This needs two rows with scores of the same pairs, from at least three songs."
        raise BenchError("no row is compared with a baseline", where=str(board.path), hint=hint)
    return power_section(found, table, detect, share)


def write_report(
    out: Path | str | None = None,
    *,
    to: Path | str | None = None,
    suite: str | Path = "",
    split: str = "",
    protocol: str = "",
) -> Path:
    """Write a board's report, and return its page: ``bench report``.

    Args:
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        to: folder of the report, ``report/`` in the board by default.
        suite: its name, or the path of a TOML file; the board's by default.
        split: the board's by default.
        protocol: the board's by default.

    Raises:
        BenchError: there is no such suite, protocol or board, or the report cannot be written.
    """
    from bench.board.layout import report_folder
    from bench.report import page

    board, loaded, split, protocol = existing_board(suite, split, protocol, out)
    folder = Path(to) if to is not None else report_folder(board.path)
    return page.write_report(
        board,
        folder,
        loaded.name,
        split,
        protocol,
        baseline=loaded.baseline,
        contrasts=loaded.contrasts,
        hearing_loss_below=loaded.hearing_loss_below,
    )
