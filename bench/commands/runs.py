"""Runs: ``bench run`` and ``bench plan``; what a run and a plan return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from bench.board.layout import report_folder
from bench.commands.boards import board_folder, suite_leaderboard
from bench.commands.checks import checked
from bench.commands.cluster import executing
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.choices import Choices, resolve
from bench.tables.notebook import Presented, Shown, presented, quantity
from bench.tables.sections import Section

if TYPE_CHECKING:
    from distributed import Client

    from bench.ablation.matrix import Skipped
    from bench.api import Dataset
    from bench.board.store import Board
    from bench.leaderboard.effects import Effect
    from bench.leaderboard.model import Leaderboard
    from bench.plugins import Plugins
    from bench.runs.cost import Cost
    from bench.runs.execute import Outcome
    from bench.runs.plan import PlannedRun
    from bench.runtime.executors import Executor
    from bench.spec.suite import Suite


@dataclass(frozen=True, repr=False)
class RunResult(Shown):
    """The result of :func:`run` or :func:`bench.ablate`.

    Attributes:
        board: where everything is kept: ``board.scores()`` is a pandas frame of every score.
        runs: the runs, and the baselines before them.
        outcome: what failed; ``outcome.ok`` is true if nothing did.
        leaderboard: the rows that may be compared with them.
        effects: of an ablation: the effect of each part.
        skipped: of an ablation: combinations that are not run.
        report: the page of the report, where one was written.
        beside: if both protocols were requested, the same systems under the other one.
    """

    board: Board
    runs: Sequence[PlannedRun]
    outcome: Outcome
    leaderboard: Leaderboard
    effects: Sequence[Effect] = ()
    skipped: Sequence[Skipped] = ()
    report: Path | None = None
    beside: RunResult | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing failed, under any protocol."""
        return self.outcome.ok and (self.beside is None or self.beside.ok)


@dataclass(frozen=True, repr=False)
class Plan(Shown):
    """The work of runs, and what of it a board has already.

    Attributes:
        board: folder of the board.
        runs: with what is done of each.
        songs: of the split that is scored, in words, with how they were found.
        scenes: of the split.
        pairs: (scene, listener) pairs of each run.
        cost: time and disk of the remaining work.
        skipped: of an ablation: combinations that are not run.
    """

    board: Path
    runs: Sequence[PlannedRun]
    songs: str
    scenes: int
    pairs: int
    cost: Cost
    skipped: Sequence[Skipped] = ()


@presented.register
def _(result: RunResult) -> Presented:
    from bench.leaderboard.summaries import effects_section

    table = presented(result.leaderboard)
    line = f"{quantity(len(result.runs), 'run')} on {result.board.path}: {_state(result.outcome)}"
    sections = [*table.sections, effects_section(result.effects), _failures(result)]
    return Presented(line, table.records, sections)


def _state(outcome: Outcome) -> str:
    """The failures and the first cause, in one line."""
    if outcome.ok:
        return "all scored"
    failed = sum(outcome.failed_pairs.values())
    parts = [
        *([f"{quantity(len(outcome.stopped), 'run')} stopped"] if outcome.stopped else []),
        *([f"{quantity(failed, 'pair')} failed"] if failed else []),
    ]
    causes = [one.reason for own in outcome.failures.values() for one in own]
    causes = list(dict.fromkeys(causes or outcome.stopped.values()))
    more = f" and {quantity(len(causes) - 1, 'more cause')}" if causes[1:] else ""
    cause = f": {' '.join(causes[0].split())}{more}" if causes else ""
    return ", ".join(parts) + cause


def _failures(result: RunResult) -> Section:
    """Why pairs failed and runs stopped, one row per cause, for a notebook."""
    outcome = result.outcome
    rows = [
        {
            "system": run.spec.label,
            "cause": one.reason,
            "pairs": one.pairs,
            "first scene": one.scene,
        }
        for run in result.runs
        for one in outcome.failures.get(run.run_id, ())
    ]
    rows += [
        {"system": run.spec.label, "cause": outcome.stopped[run.run_id], "pairs": 0}
        | {"first scene": ""}
        for run in result.runs
        if run.run_id in outcome.stopped and not outcome.failures.get(run.run_id)
    ]
    ids = [run.run_id for run in result.runs if outcome.failures.get(run.run_id)]
    there = f"bench show {ids[0]} --failures --out {result.board.path}" if ids else ""
    note = f"A traceback: bench.show_run(...).failures, or {there}" if there else ""
    return Section("Failures", tuple(rows), note=note)


@presented.register
def _(plan: Plan) -> Presented:
    left = sum(not run.scored for run in plan.runs)
    where = f"plan of {quantity(len(plan.runs), 'run')} on {plan.board}"
    records = [
        {
            "run_id": run.run_id,
            "label": run.spec.label,
            "baseline": run.is_baseline,
            "scored": run.scored,
            "epochs_done": run.epochs,
            "epochs": run.spec.training.epochs if run.spec.trains else 0,
        }
        for run in plan.runs
    ]
    line = f"{where}: {left} to do, {plan.pairs} pairs each"
    return Presented(line, records, [Section("", tuple(records))])


@checked
def run(
    *,
    out: Path | str | None = None,
    baselines: bool = True,
    both_protocols: bool = False,
    workers: int = 0,
    fresh: bool = False,
    profile: bool = False,
    time_limit: float | None = None,
    report: bool = False,
    strict: bool = False,
    executor: Executor | Client | str | None = None,
    progress: Progress = NO_PROGRESS,
    **choices: Unpack[Choices],
) -> RunResult:
    """Train a system, score it beside the baselines, and keep every row: ``bench run``.

    What the board already has is not done again; an interrupted run continues where it stopped.

    Args:
        out: folder of the board, ``leaderboards/SUITE`` by default.
        baselines: whether the suite's baselines are scored beside it.
        both_protocols: score it under the other protocol too, with the same training: `beside`.
        workers: scoring processes; 0 for one per core.
        fresh: discard what the board has of these runs, and do not reuse cached stems.
        profile: keep the seconds of each stage of scoring.
        time_limit: seconds that a plugin may take for a scene, 0 for no limit; by default 10
            minutes, or 50 times what ``bench plan --calibrate`` measured if that is more.
        report: write the board's report.
        strict: raise the first failure of a scene instead of a failed row: ``bench --debug``.
        executor: as for :func:`bench.executing`; by default processes of this machine.
        progress: notified of how far it is, as ``bench.runtime.console.ConsoleProgress()``.
        **choices: see :class:`Choices`.

    Raises:
        BenchError: something in the choices, the data or the weights is wrong. A scene that
            fails is a failed row instead.
    """
    from bench.board.store import Board
    from bench.runs.execute import execute, with_files
    from bench.runs.plan import plan_runs
    from bench.spec.resolve import open_dataset

    plugins, suite, spec = resolve(**choices)
    dataset = open_dataset(spec, plugins)
    board = Board(board_folder(out, suite.name))
    how: dict[str, Any] = {
        "workers": workers,
        "fresh": fresh,
        "profile": profile,
        "strict": strict,
        "time_limit": time_limit,
        "progress": progress,
    }
    runs = plan_runs(spec, suite, plugins, dataset, baselines=baselines)
    runs = with_files(runs, plugins, dataset)
    with executing(executor):
        outcome = execute(runs, board, plugins, dataset, **how)
        beside = None
        if both_protocols:
            twin = spec.under_other_protocol()
            other = plan_runs(twin, suite, plugins, dataset, baselines=baselines)
            also = execute(other, board, plugins, dataset, **how)
            protocol = other[-1].spec.protocol
            against = suite_leaderboard(board, suite, spec.split, protocol)
            beside = RunResult(board, other, also, against)
    table = suite_leaderboard(board, suite, spec.split, spec.protocol)
    page = report_of(board, suite, table) if report else None
    return RunResult(board, runs, outcome, table, report=page, beside=beside)


@checked
def plan(
    *,
    out: Path | str | None = None,
    baselines: bool = True,
    workers: int = 0,
    calibrate: bool = False,
    **choices: Unpack[Choices],
) -> Plan:
    """Plan what :func:`run` would do, and what of it the board has: ``bench plan``. Runs nothing.

    Args:
        out: folder of the board, ``leaderboards/SUITE`` by default.
        baselines: whether the suite's baselines are scored beside it.
        workers: processes, or workers of a cluster, that the time is for; 0 for one per core, or
            for those of the cluster that is in force (:func:`bench.executing`).
        calibrate: measure what scoring and training cost on this machine first, for their time.
        **choices: see :class:`Choices`.

    Raises:
        BenchError: something in the choices or the data is wrong.
    """
    from bench.runs.plan import plan_runs
    from bench.spec.resolve import open_dataset

    plugins, suite, spec = resolve(**choices)
    dataset = open_dataset(spec, plugins)
    runs = plan_runs(spec, suite, plugins, dataset, baselines=baselines)
    return plan_of(runs, board_folder(out, suite.name), plugins, dataset, workers, calibrate)


def plan_of(
    runs: Sequence[PlannedRun],
    board: Path,
    plugins: Plugins,
    dataset: Dataset,
    workers: int,
    calibrate: bool,
    skipped: Sequence[Skipped] = (),
) -> Plan:
    """The plan of runs of one suite, split and protocol."""
    from bench.data.song_names import songs_of
    from bench.runs.cost import calibrate_runs, cost_of
    from bench.runs.plan import with_progress
    from bench.runtime.executors import executor, is_local

    spec = runs[0].spec
    scenes = dataset.scenes(spec.split)
    if calibrate:
        calibrate_runs(runs, dataset, plugins)
    pairs = sum(len(scene.listeners) for scene in scenes)
    return Plan(
        board=board,
        runs=[with_progress(one, board) for one in runs],
        songs=songs_of(dataset, spec.split),
        scenes=len(scenes),
        pairs=min(pairs, spec.limit or pairs),
        cost=cost_of(
            runs,
            scenes,
            board,
            executor().workers(workers),
            0 if is_local() else executor().workers(needs_gpu=True),
        ),
        skipped=skipped,
    )


def report_of(board: Board, suite: Suite, table: Leaderboard) -> Path:
    """Write the report of a board beside it, for the rows of a leaderboard, and return its page."""
    from bench.report.page import write_report

    folder = report_folder(board.path)
    return write_report(
        board,
        folder,
        suite.name,
        table.split,
        table.protocol,
        baseline=suite.baseline,
        contrasts=suite.contrasts,
        hearing_loss_below=suite.hearing_loss_below,
    )
