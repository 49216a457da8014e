"""bench from Python: what the commands do, each in a call. All of it is in ``bench`` itself.

The command line calls the same functions. Importing this is cheap; a call imports what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bench.commands.boards import board_folder
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.choices import Choices, resolve
from bench.spec.choices import resolve_sections as resolve_sections

if TYPE_CHECKING:
    from bench.ablation.design import Ablation
    from bench.board.store import Board
    from bench.leaderboard.model import Leaderboard
    from bench.runs.execute import Outcome
    from bench.runs.plan import PlannedRun


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
    progress: Progress = NO_PROGRESS,
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
        progress: told how far it is, as ``bench.runtime.console.ConsoleProgress()``.
        **choices: see :class:`Choices`.

    Raises:
        BenchError: something in the choices, the data or the weights is wrong. A scene that
            fails is a failed row instead.
    """
    from bench.board.store import Board
    from bench.leaderboard.table import leaderboard
    from bench.runs.execute import execute
    from bench.runs.plan import plan_runs
    from bench.spec.resolve import open_dataset

    plugins, suite, spec = resolve(**choices)
    dataset = open_dataset(spec, plugins)
    board = Board(board_folder(out, suite.name))
    runs = plan_runs(spec, suite, plugins, dataset, baselines=baselines)
    outcome = execute(
        runs, board, plugins, dataset, workers=workers, fresh=fresh, progress=progress
    )
    table = leaderboard(board, suite.name, spec.split, spec.protocol, baseline=suite.baseline)
    return Ran(board, runs, outcome, table)


def plan(*, baselines: bool = True, **choices: Unpack[Choices]) -> list[PlannedRun]:
    """The run and its baselines with their ids, as :func:`run` would do them. Runs nothing.

    Raises:
        BenchError: something in the choices or the data is wrong.
    """
    from bench.runs.plan import plan_runs
    from bench.spec.resolve import open_dataset

    plugins, suite, spec = resolve(**choices)
    dataset = open_dataset(spec, plugins)
    return plan_runs(spec, suite, plugins, dataset, baselines=baselines)


def ablate(
    ablation: Ablation,
    *,
    out: Path | str | None = None,
    baselines: bool = True,
    workers: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Ran:
    """Run every combination of parts: ``bench ablate``.

    ``bench.main_effects(ran.board, ran.leaderboard)`` says what each part brought. Combinations
    that make no sense are left out, and a run that fails stops no other.

    Args:
        ablation: what varies.
        out: folder of the board, ``leaderboards/SUITE`` unless given.
        baselines: whether the suite's baselines are scored beside.
        workers: as of :func:`run`.
        progress: told how far it is.

    Raises:
        BenchError: something in the ablation, the data or the weights is wrong.
    """
    from bench.ablation.execute import execute_all
    from bench.ablation.matrix import expand, plan_matrix
    from bench.board.store import Board
    from bench.leaderboard.table import leaderboard
    from bench.plugins import installed
    from bench.spec.resolve import open_dataset
    from bench.spec.suite import load_suite

    plugins, suite = installed(), load_suite(ablation.suite)
    matrix = expand(ablation, plugins, suite)
    # One that trains reads all the splits that are needed.
    dataset = open_dataset(max(matrix.specs, key=lambda spec: spec.trains), plugins)
    runs = plan_matrix(matrix, suite, plugins, dataset, baselines=baselines)
    board = Board(board_folder(out, suite.name))
    outcome = execute_all(runs, board, plugins, dataset, workers=workers, progress=progress)
    spec = runs[0].spec
    table = leaderboard(board, suite.name, spec.split, spec.protocol, baseline=suite.baseline)
    return Ran(board, runs, outcome, table)
