"""Every extension point of bench, on one page.

A plugin is a module or object with some of these hooks, marked ``@bench.api.hookimpl`` and named by
an entry point in the group ``bench``. The ``register_*`` hooks return specs and import nothing
heavy; the observer hooks are called during a run and must not change their arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.api import (
    DatasetSpec,
    FrontEndSpec,
    GainsSpec,
    LossSpec,
    MetricSpec,
    PrescriptionSpec,
    RunInfo,
    SeparatorSpec,
    hookspec,
)


@hookspec
def register_separators() -> Iterable[SeparatorSpec]:  # type: ignore[empty-body]
    """Separators: mixture in, four stems out."""


@hookspec
def register_gains() -> Iterable[GainsSpec]:  # type: ignore[empty-body]
    """Gain strategies: by how many dB each stem is raised or lowered."""


@hookspec
def register_prescriptions() -> Iterable[PrescriptionSpec]:  # type: ignore[empty-body]
    """Prescriptions: amplification of the remix for the ears of a listener."""


@hookspec
def register_losses() -> Iterable[LossSpec]:  # type: ignore[empty-body]
    """Loss terms, to be used by name in ``--loss`` expressions."""


@hookspec
def register_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Metrics: scores of a rendering."""


@hookspec
def register_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Datasets: scenes and listeners by split."""


@hookspec
def register_front_ends() -> Iterable[FrontEndSpec]:  # type: ignore[empty-body]
    """Predictors of HAAQI from signals and audiograms, such as HAAQI-Net over a front end."""


@hookspec
def run_started(run_id: str, spec: RunInfo, total: int) -> None:
    """Observer: a run begins; `total` is its number of (scene, listener) pairs."""


@hookspec
def epoch_finished(run_id: str, epoch: int, row: Mapping[str, Any]) -> None:
    """Observer: an epoch of training ended; `row` is its row of the training table."""


@hookspec
def scene_scored(run_id: str, scene: str, rows: list[Mapping[str, Any]]) -> None:
    """Observer: a scene was scored (or failed); `rows` are its rows of the scores table."""


@hookspec
def run_finished(run_id: str, spec: RunInfo, summary: Mapping[str, Any]) -> None:
    """Observer: a run ended; `summary` is its row of the runs table."""
