"""bench from Python: what the commands do, each in a call. All of it is in ``bench`` itself.

The command line calls the same functions. Importing this is cheap; a call imports what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bench.choices import Choices, board_folder, existing_board, resolve
from bench.choices import resolve_sections as resolve_sections

if TYPE_CHECKING:
    from bench.ablation.design import Ablation
    from bench.execute import Outcome, PlannedRun, Show
    from bench.leaderboard.comparison import PairOfRuns
    from bench.leaderboard.model import Leaderboard
    from bench.leaderboard.store import Board


@dataclass(frozen=True)
class Ran:
    """What :func:`run` or :func:`ablate` has done.

    Attributes:
        board: where everything is kept: ``board.scores()`` is a pandas frame of every score.
        runs: the runs, and the baselines before them.
        outcome: what failed; ``outcome.ok`` where nothing did.
        leaderboard: the rows that may be compared with them.
    """

    board: Board
    runs: Sequence[PlannedRun]
    outcome: Outcome
    leaderboard: Leaderboard


def run(
    *,
    out: Path | str | None = None,
    baselines: bool = True,
    workers: int = 0,
    fresh: bool = False,
    show: Show | None = None,
    **choices: Unpack[Choices],
) -> Ran:
    """Train a system, score it beside the baselines, and keep every row: ``bench run``.

    What the board has already is not done again; an interrupted run goes on where it stopped.

    Args:
        out: folder of the board, ``leaderboards/SUITE`` unless given.
        baselines: whether the suite's baselines are scored beside it.
        workers: scoring processes; 0 for one a core. A script that uses several needs the usual
            ``if __name__ == "__main__":``, since they import it.
        fresh: forget what the board has of these runs.
        show: progress, as ``bench.cli.progress.ConsoleShow()``.
        **choices: see :class:`Choices`.

    Raises:
        BenchError: something in the choices, the data or the weights is wrong. A scene that
            fails is a failed row instead.
    """
    from bench.execute import execute, plan_runs
    from bench.leaderboard.store import Board
    from bench.leaderboard.table import leaderboard
    from bench.spec import open_dataset

    plugins, suite, spec = resolve(**choices)
    dataset = open_dataset(spec, plugins)
    board = Board(board_folder(out, suite.name))
    runs = plan_runs(spec, suite, plugins, dataset, baselines=baselines)
    outcome = execute(runs, board, plugins, dataset, workers=workers, fresh=fresh, show=show)
    table = leaderboard(board, suite.name, spec.split, spec.protocol, baseline=suite.baseline)
    return Ran(board, runs, outcome, table)


def plan(*, baselines: bool = True, **choices: Unpack[Choices]) -> list[PlannedRun]:
    """The run and its baselines with their ids, as :func:`run` would do them. Runs nothing.

    Raises:
        BenchError: something in the choices or the data is wrong.
    """
    from bench.execute import plan_runs
    from bench.spec import open_dataset

    plugins, suite, spec = resolve(**choices)
    dataset = open_dataset(spec, plugins)
    return plan_runs(spec, suite, plugins, dataset, baselines=baselines)


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


def ablate(
    ablation: Ablation,
    *,
    out: Path | str | None = None,
    baselines: bool = True,
    workers: int = 0,
    show: Show | None = None,
) -> Ran:
    """Run every combination of parts: ``bench ablate``.

    ``bench.main_effects(ran.board, ran.leaderboard)`` says what each part brought. Combinations
    that make no sense are left out, and a run that fails stops no other.

    Args:
        ablation: what varies.
        out: folder of the board, ``leaderboards/SUITE`` unless given.
        baselines: whether the suite's baselines are scored beside.
        workers: as of :func:`run`.
        show: progress.

    Raises:
        BenchError: something in the ablation, the data or the weights is wrong.
    """
    from bench.ablation.execute import execute_all
    from bench.ablation.matrix import expand, plan_matrix
    from bench.leaderboard.store import Board
    from bench.leaderboard.table import leaderboard
    from bench.plugins import installed
    from bench.spec import open_dataset
    from bench.suites import load_suite

    plugins, suite = installed(), load_suite(ablation.suite)
    matrix = expand(ablation, plugins, suite)
    # One that trains reads all the splits that are needed.
    dataset = open_dataset(max(matrix.specs, key=lambda spec: spec.trains), plugins)
    runs = plan_matrix(matrix, suite, plugins, dataset, baselines=baselines)
    board = Board(board_folder(out, suite.name))
    outcome = execute_all(runs, board, plugins, dataset, workers=workers, show=show)
    spec = runs[0].spec
    table = leaderboard(board, suite.name, spec.split, spec.protocol, baseline=suite.baseline)
    return Ran(board, runs, outcome, table)


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
