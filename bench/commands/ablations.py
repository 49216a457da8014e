"""Ablations: ``bench ablate`` and ``bench ablate --plan``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.boards import board_folder, suite_leaderboard
from bench.commands.checks import checked
from bench.commands.cluster import executing
from bench.commands.runs import Plan, RunResult, plan_of, report_of
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.choices import named_parts

if TYPE_CHECKING:
    from distributed import Client

    from bench.ablation.design import Ablation
    from bench.ablation.matrix import Matrix
    from bench.api import Dataset
    from bench.plugins import Plugins
    from bench.runs.plan import PlannedRun
    from bench.runtime.executors import Executor
    from bench.spec.suite import Suite


@checked
def ablate(
    ablation: Ablation | Path | str | None = None,
    *,
    out: Path | str | None = None,
    baselines: bool = True,
    workers: int = 0,
    time_limit: float | None = None,
    report: bool = False,
    strict: bool = False,
    executor: Executor | Client | str | None = None,
    progress: Progress = NO_PROGRESS,
    **values: Any,
) -> RunResult:
    """Run every combination of parts, and show the effect of each part: ``bench ablate``.

    Combinations that make no sense are left out, and a run that fails does not stop the others.

    Args:
        ablation: what varies, or the path of a TOML file that says so.
        out: folder of the board, ``leaderboards/SUITE`` by default.
        baselines: whether the suite's baselines are scored beside.
        workers: as of :func:`bench.run`.
        time_limit: as of :func:`bench.run`.
        report: write the board's report.
        strict: as of :func:`bench.run`.
        executor: as of :func:`bench.run`.
        progress: notified of progress.
        **values: what varies, overriding the ablation: ``separator="a,b"`` or
            ``["a", MySeparator]``, ``gains``, ``prescription``, ``loss``,
            ``grid={"alpha": [0, 1]}``, ``seeds``, ``epochs``, ``limit``, ``max_loudness_loss``,
            ``suite``, ``protocol``, ``split``, ``metrics``, ``options``.

    Raises:
        BenchError: something in the ablation, the data or the weights is wrong.
    """
    from bench.board.store import Board
    from bench.leaderboard.effects import main_effects
    from bench.runs.execute import execute_all, with_files

    plugins, suite, matrix, dataset, runs = _matrix(ablation, values, baselines)
    runs = with_files(runs, plugins, dataset)
    board = Board(board_folder(out, suite.name))
    with executing(executor):
        outcome = execute_all(
            runs,
            board,
            plugins,
            dataset,
            workers=workers,
            time_limit=time_limit,
            strict=strict,
            progress=progress,
        )
    spec = runs[0].spec
    table = suite_leaderboard(board, suite, spec.split, spec.protocol)
    page = report_of(board, suite, table) if report else None
    effects = main_effects(board, table)
    return RunResult(board, runs, outcome, table, effects, matrix.skipped, page)


@checked
def plan_ablation(
    ablation: Ablation | Path | str | None = None,
    *,
    out: Path | str | None = None,
    baselines: bool = True,
    workers: int = 0,
    calibrate: bool = False,
    **values: Any,
) -> Plan:
    """The runs of :func:`ablate`, and what of them the board has: ``bench ablate --plan``.

    Args:
        ablation: what varies, or the path of a TOML file that says so.
        out: folder of the board, ``leaderboards/SUITE`` by default.
        baselines: whether the suite's baselines are scored beside.
        workers: processes, or workers of a cluster, that the time is for; 0 for one per core, or
            for those of the cluster that is in force (:func:`bench.executing`).
        calibrate: measure what scoring and training cost on this machine first, for their time.
        **values: as of :func:`ablate`.

    Raises:
        BenchError: something in the ablation or the data is wrong.
    """
    plugins, suite, matrix, dataset, runs = _matrix(ablation, values, baselines)
    folder = board_folder(out, suite.name)
    return plan_of(runs, folder, plugins, dataset, workers, calibrate, matrix.skipped)


def _matrix(
    ablation: Ablation | Path | str | None, values: Mapping[str, Any], baselines: bool
) -> tuple[Plugins, Suite, Matrix, Dataset, list[PlannedRun]]:
    from bench.ablation.design import parse_ablation, read_ablation
    from bench.ablation.matrix import expand, plan_matrix
    from bench.plugins import installed
    from bench.spec.resolve import open_dataset
    from bench.spec.suite import load_suite

    base = read_ablation(Path(ablation)) if isinstance(ablation, Path | str) else ablation
    plugins, named = _with_objects(installed(), values)
    design = parse_ablation(named, base, where="the ablation")
    suite = load_suite(design.suite).with_metrics(design.metrics)
    chosen = {key: value for key, value in design.options.items() if key.startswith("baseline.")}
    suite = suite.with_baseline_options({key.partition(".")[2]: v for key, v in chosen.items()})
    rest = {key: value for key, value in design.options.items() if key not in chosen}
    design = replace(design, options=rest)
    matrix = expand(design, plugins, suite)
    # One that trains reads all the splits that are needed.
    dataset = open_dataset(max(matrix.specs, key=lambda spec: spec.trains), plugins)
    runs = plan_matrix(matrix, suite, plugins, dataset, baselines=baselines)
    return plugins, suite, matrix, dataset, runs


def _with_objects(plugins: Plugins, values: Mapping[str, Any]) -> tuple[Plugins, dict[str, Any]]:
    """The values with names in place of objects, which are among the plugins then."""
    named = dict(values)
    for kind in ("separator", "gains", "prescription"):
        if kind in named and not isinstance(named[kind], str):
            parts = named[kind] if isinstance(named[kind], list | tuple) else [named[kind]]
            names = []
            for part in parts:
                plugins, found = named_parts(plugins, {kind: part})
                names.append(found[kind])
            named[kind] = names
    return plugins, named
