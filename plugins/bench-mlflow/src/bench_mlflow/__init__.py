"""The observer ``mlflow``: logs runs to the tracking server that MLFLOW_TRACKING_URI names.

This module is read at every start: it imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from bench.api import RunInfo, hookimpl

if TYPE_CHECKING:
    from bench_mlflow.log import RunLog

BENCH_API_VERSION = 1
TRACKING_URI: Final = "MLFLOW_TRACKING_URI"
"""MLflow's own variable; without it nothing is logged."""
EXPERIMENT: Final = "MLFLOW_EXPERIMENT_NAME"
"""MLflow's own variable; the experiment is called ``bench`` without it."""

_logs: dict[str, RunLog | None] = {}
"""By run id; None where logging failed, which is not tried again for that run."""


def _log(run_id: str) -> RunLog | None:
    uri = os.environ.get(TRACKING_URI)
    if not uri:
        return None
    if run_id not in _logs:
        from bench_mlflow.log import RunLog

        _logs[run_id] = None
        _logs[run_id] = RunLog(uri, os.environ.get(EXPERIMENT) or "bench", run_id)
    return _logs[run_id]


def _tell(run_id: str, call: Callable[[RunLog], None]) -> None:
    """Have a run's log do something; what fails once is not tried again for that run."""
    log = _log(run_id)
    if log is None:
        return
    try:
        call(log)
    except Exception:
        _logs[run_id] = None
        raise


@hookimpl
def run_started(run_id: str, spec: RunInfo, total: int) -> None:
    """Log what the run is."""
    _tell(run_id, lambda log: log.describe(spec))


@hookimpl
def epoch_finished(run_id: str, epoch: int, row: Mapping[str, Any]) -> None:
    """Log a point of each curve."""
    _tell(run_id, lambda log: log.epoch(epoch, row))


@hookimpl
def scene_scored(run_id: str, scene: str, rows: list[Mapping[str, Any]]) -> None:
    """Keep the scores for the means."""
    _tell(run_id, lambda log: log.add(rows))


@hookimpl
def run_finished(run_id: str, spec: RunInfo, summary: Mapping[str, Any]) -> None:
    """Log the means, and end the run."""

    def end(log: RunLog) -> None:
        log.describe(spec)
        log.close(str(summary.get("status", "")))

    try:
        _tell(run_id, end)
    finally:
        _logs.pop(run_id, None)
