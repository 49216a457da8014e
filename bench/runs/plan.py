"""Plan the runs of a request: the baselines, the ids, and what of them is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bench.api import Dataset
from bench.board.layout import epochs_done, is_scored, scenes_scored
from bench.plugins import Plugins
from bench.spec.resolve import baseline_specs, fitted
from bench.spec.run import RunSpec
from bench.spec.suite import Suite


@dataclass(frozen=True)
class PlannedRun:
    """A run with its id, and what of it is done already.

    Attributes:
        run_id: its id.
        spec: what it is.
        is_baseline: whether it is there to be compared with.
        scored: whether all of it is scored.
        scenes: scenes that are scored, where not all are.
        epochs: epochs of its training that are done.
    """

    run_id: str
    spec: RunSpec
    is_baseline: bool
    scored: bool = False
    scenes: int = 0
    epochs: int = 0


def plan_runs(
    spec: RunSpec, suite: Suite, plugins: Plugins, dataset: Dataset, *, baselines: bool = True
) -> list[PlannedRun]:
    """The run and its baselines, each once, with their ids. Runs nothing, imports no torch."""
    planned: dict[str, PlannedRun] = {}
    spec = fitted(spec, dataset)
    if baselines:
        for other in baseline_specs(plugins, suite, spec):
            run_id = other.run_id(plugins, other.fingerprints(dataset))
            planned[run_id] = PlannedRun(run_id, other, True)
    run_id = spec.run_id(plugins, spec.fingerprints(dataset))
    same = planned.get(run_id)
    planned[run_id] = PlannedRun(
        run_id, replace(spec, note=same.spec.note) if same else spec, False
    )
    return list(planned.values())


def with_progress(run: PlannedRun, board: Path) -> PlannedRun:
    """The run with what a board has of it."""
    return replace(
        run,
        scored=is_scored(board, run.run_id),
        scenes=scenes_scored(board, run.run_id),
        epochs=epochs_done(board, run.run_id),
    )
