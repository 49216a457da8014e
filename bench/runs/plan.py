"""Which runs a request stands for, and their ids."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import Dataset
from bench.plugins import Plugins
from bench.spec.resolve import baseline_specs
from bench.spec.run import RunSpec
from bench.spec.suite import Suite


@dataclass(frozen=True)
class PlannedRun:
    """A run with its id and what of it is there already."""

    run_id: str
    spec: RunSpec
    is_baseline: bool


def plan_runs(
    spec: RunSpec, suite: Suite, plugins: Plugins, dataset: Dataset, *, baselines: bool = True
) -> list[PlannedRun]:
    """The run and its baselines, each once, with their ids. Runs nothing, imports no torch."""
    planned: dict[str, PlannedRun] = {}
    if baselines:
        for other in baseline_specs(plugins, suite, spec):
            run_id = other.run_id(plugins, other.fingerprints(dataset))
            planned[run_id] = PlannedRun(run_id, other, True)
    run_id = spec.run_id(plugins, spec.fingerprints(dataset))
    planned[run_id] = PlannedRun(run_id, spec, False)
    return list(planned.values())
