"""Shipped ablations: ``bench ablate NAME`` and ``bench ablate --list``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.ablation.studies import DEFAULT_SCALE, Study, load_study
from bench.board.layout import report_folder
from bench.commands.boards import board_folder, suite_leaderboard
from bench.commands.runs import Plan, plan_of
from bench.runtime.progress import NO_PROGRESS, Progress

if TYPE_CHECKING:
    from bench.ablation.matrix import Skipped
    from bench.api import Dataset
    from bench.board.store import Board
    from bench.leaderboard.model import Leaderboard
    from bench.leaderboard.seed_paper import Trial
    from bench.plugins import Plugins
    from bench.runs.execute import Outcome
    from bench.runs.plan import PlannedRun
    from bench.spec.run import RunSpec
    from bench.spec.suite import Suite
    from bench.tables.sections import Section


@dataclass(frozen=True)
class StudyResult:
    """The result of :func:`run_study`.

    Attributes:
        board: where everything is kept.
        runs: all runs, under every protocol, and the baselines.
        outcome: what failed; ``outcome.ok`` is true if nothing did.
        leaderboards: by reference protocol.
        tables: the tables that answer the study's question.
        report: the page with the tables and figures.
    """

    board: Board
    runs: Sequence[PlannedRun]
    outcome: Outcome
    leaderboards: Mapping[str, Leaderboard]
    tables: Sequence[Section]
    report: Path


def run_study(
    name: str,
    *,
    root: Path | str | None = None,
    scale: str = DEFAULT_SCALE,
    out: Path | str | None = None,
    workers: int = 0,
    strict: bool = False,
    time_limit: float | None = None,
    progress: Progress = NO_PROGRESS,
    **values: Any,
) -> StudyResult:
    """Run a shipped ablation under every protocol, and make its tables: ``bench ablate NAME``.

    What the board already has is not done again; a system that is scored under two protocols
    trains once.

    Args:
        name: of the ablation, one of :func:`bench.list_studies`.
        root: of a dataset in the Cadenza layout; the demo without one.
        scale: how much is trained and scored, a name of the ablation's scales.
        out: folder of the board, ``leaderboards/NAME`` by default.
        workers: scoring processes; 0 for one per core.
        strict: raise the first failure instead of keeping a failed row.
        time_limit: as of :func:`bench.commands.runs.run`.
        progress: notified of progress.
        **values: override the scale: ``epochs``, ``seeds``, ``limit``, ``split``,
            ``options``.

    Raises:
        BenchError: something in the choices, the data or the weights is wrong.
    """
    from bench.board.store import Board
    from bench.leaderboard.seed_paper import seed_paper_sections
    from bench.report.seed_paper import write_seed_paper
    from bench.runs.execute import Outcome, execute_all

    study = load_study(name, scale=scale, root=root, values=values)
    board = Board(board_folder(out, name))
    plugins, suite, dataset, planned = _planned(study)
    outcome = Outcome({}, {})
    for runs in planned.by_protocol.values():
        done = execute_all(
            runs,
            board,
            plugins,
            dataset,
            workers=workers,
            strict=strict,
            time_limit=time_limit,
            progress=progress,
        )
        outcome = Outcome(
            {**outcome.failed_pairs, **done.failed_pairs},
            {**outcome.stopped, **done.stopped},
            {**outcome.failures, **done.failures},
        )
    split = planned.runs[0].spec.split
    tables = seed_paper_sections(board, planned.trials)
    page = write_seed_paper(board, planned.trials, tables, report_folder(board.path), study.summary)
    boards = {
        protocol: suite_leaderboard(board, suite, split, protocol)
        for protocol in planned.by_protocol
    }
    return StudyResult(board, planned.runs, outcome, boards, tables, page)


def plan_study(
    name: str,
    *,
    root: Path | str | None = None,
    scale: str = DEFAULT_SCALE,
    out: Path | str | None = None,
    workers: int = 0,
    calibrate: bool = False,
    **values: Any,
) -> list[Plan]:
    """Plan what :func:`run_study` would do: a plan for each protocol. Runs nothing.

    Args:
        name: as of :func:`run_study`.
        root: likewise.
        scale: likewise.
        out: likewise.
        workers: as of :func:`bench.plan`.
        calibrate: likewise.
        **values: as of :func:`run_study`.

    Raises:
        BenchError: something in the choices or the data is wrong.
    """
    study = load_study(name, scale=scale, root=root, values=values)
    plugins, _, dataset, planned = _planned(study)
    folder = board_folder(out, name)
    return [
        plan_of(runs, folder, plugins, dataset, workers, calibrate, planned.skipped)
        for runs in planned.by_protocol.values()
    ]


@dataclass(frozen=True)
class _Planned:
    by_protocol: Mapping[str, list[PlannedRun]]
    parts: Mapping[str, str]
    """Of the runs of the study, by their form."""
    skipped: Sequence[Skipped]

    @property
    def runs(self) -> list[PlannedRun]:
        return [run for runs in self.by_protocol.values() for run in runs]

    @property
    def trials(self) -> list[Trial]:
        """The systems with their run under each protocol, baselines first."""
        from bench.leaderboard.seed_paper import PREDICTED, Trial

        found: dict[str, dict[str, PlannedRun]] = {}
        for run in self.runs:
            found.setdefault(_system(run.spec), {})[run.spec.protocol] = run
        trials = []
        for key, runs in found.items():
            spec = next(iter(runs.values())).spec
            weights = {t.name: t.weight for t in spec.loss.terms} if spec.trains else {}
            others = {term: weight for term, weight in weights.items() if term != PREDICTED}
            ids = {protocol: run.run_id for protocol, run in runs.items()}
            alpha = weights.get(PREDICTED, 0.0) if spec.trains else None
            trials.append(Trial(self.parts.get(key, ""), spec.label, alpha, others, ids))
        return trials


def _planned(study: Study) -> tuple[Plugins, Suite, Dataset, _Planned]:
    from bench.ablation.matrix import Matrix, expand, plan_matrix
    from bench.plugins import installed
    from bench.spec.resolve import open_dataset
    from bench.spec.suite import load_suite

    plugins = installed()
    suite = load_suite(next(iter(study.parts.values())).suite)
    specs: dict[str, list[RunSpec]] = {}
    parts: dict[str, str] = {}
    skipped: list[Skipped] = []
    for protocol in study.protocols:
        for part, ablation in study.parts.items():
            matrix = expand(replace(ablation, protocol=protocol), plugins, suite)
            specs.setdefault(protocol, []).extend(matrix.specs)
            parts.update({_system(spec): part for spec in matrix.specs})
            skipped.extend(matrix.skipped if protocol == study.protocols[0] else ())
    every = [spec for own in specs.values() for spec in own]
    dataset = open_dataset(max(every, key=lambda spec: spec.trains), plugins)
    by_protocol = {
        protocol: plan_matrix(Matrix(tuple(own), ()), suite, plugins, dataset)
        for protocol, own in specs.items()
    }
    return plugins, suite, dataset, _Planned(by_protocol, parts, skipped)


def _system(spec: RunSpec) -> str:
    """What a run is, whatever it is scored under."""
    form = {key: value for key, value in spec.canonical().items() if key != "protocol"}
    return json.dumps(form, sort_keys=True)
