"""The row of a run: who writes it and what is in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench.api import Dataset
from bench.plugins import Plugins
from bench.runs.plan import PlannedRun
from bench.runtime.machine import environment
from bench.spec.identity import code_hash
from bench.spec.run import RunSpec
from bench.version import __version__

if TYPE_CHECKING:
    from bench.board.store import Board


def unranked_reason(spec: RunSpec, dataset: Dataset) -> str:
    """Why a run may not be ranked: what its parts say, or songs that it learns and is scored on."""
    if spec.unranked_reason or not spec.trains:
        return spec.unranked_reason
    learned, scored = (
        {scene.song for scene in dataset.scenes(split)}
        for split in (spec.training.split, spec.split)
    )
    shared = len(learned & scored)
    return f"it is trained on {shared} of the songs that it is scored on" if shared else ""


def _has_ended(board: Board, run_id: str) -> bool:
    row = board.run(run_id)
    return row is not None and row["status"] == "done"


def keep_failure(
    run: PlannedRun, board: Board, plugins: Plugins, dataset: Dataset, failure: str
) -> None:
    """Write the row of a run that could not be done, with the reason."""
    _keep_run(board, run, plugins, dataset, status="failed", failure=failure)


def _keep_run(
    board: Board,
    run: PlannedRun,
    plugins: Plugins,
    dataset: Dataset,
    *,
    status: str,
    **more: Any,
) -> dict[str, Any]:
    """Write a run's row with `more` columns, and return it."""
    earlier = board.run(run.run_id) or {}
    spec = run.spec
    identity = spec.identity(plugins, spec.fingerprints(dataset))
    barred = unranked_reason(spec, dataset)
    now = datetime.now(UTC)
    row = {
        "run_id": run.run_id,
        "status": status,
        "created": earlier.get("created") or now,
        "finished": None if status == "running" else now,
        "suite": spec.suite,
        "split": spec.split,
        "protocol": spec.protocol,
        "separator": spec.separator.name,
        "gains": spec.gains.name,
        "prescription": spec.prescription.name,
        "loss": spec.loss if spec.trains else "",
        "epochs": spec.training.epochs if spec.trains else 0,
        "seed": spec.seed,
        "label": spec.label,
        "spec_json": json.dumps(spec.canonical(), sort_keys=True),
        "bench_version": __version__,
        "code_hash": code_hash(),
        "plugin_versions_json": json.dumps(identity["plugins"], sort_keys=True),
        "dataset_fingerprint": json.dumps(identity["data"], sort_keys=True),
        "ranked": not barred,
        "unranked_reason": barred,
        "trained_on": ", ".join(spec.trained_on),
        **environment(),
        **more,
    }
    board.write_run(row)
    return row
