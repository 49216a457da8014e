"""The observer ``tensorboard``: writes how a run goes where BENCH_TENSORBOARD_LOGDIR says.

This module is read at every start: it imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from bench.api import RunInfo, hookimpl

if TYPE_CHECKING:
    from bench_tensorboard.log import RunLog

BENCH_API_VERSION = 1
LOGDIR: Final = "BENCH_TENSORBOARD_LOGDIR"
"""The variable that names the folder of all runs; without it nothing is written."""

_logs: dict[str, RunLog] = {}


def _log(run_id: str) -> RunLog | None:
    folder = os.environ.get(LOGDIR)
    if not folder:
        return None
    if run_id not in _logs:
        from bench_tensorboard.log import RunLog

        _logs[run_id] = RunLog(folder, run_id)
    return _logs[run_id]


@hookimpl
def run_started(run_id: str, spec: RunInfo, total: int) -> None:
    """Write what the run is."""
    log = _log(run_id)
    if log is not None:
        log.describe(spec)


@hookimpl
def epoch_finished(run_id: str, epoch: int, row: Mapping[str, Any]) -> None:
    """Write a point of each curve."""
    log = _log(run_id)
    if log is not None:
        log.epoch(epoch, row)


@hookimpl
def scene_scored(run_id: str, scene: str, rows: list[Mapping[str, Any]]) -> None:
    """Keep the scores for the means."""
    log = _log(run_id)
    if log is not None:
        log.add(rows)


@hookimpl
def run_finished(run_id: str, spec: RunInfo, summary: Mapping[str, Any]) -> None:
    """Write the means, and close the run's file."""
    log = _log(run_id)
    if log is not None:
        log.describe(spec)
        log.close()
        del _logs[run_id]
