"""The row of a run on a board: its only author."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench.api import Dataset
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
    chooses = spec.training.keep == "best" or spec.training.patience or spec.training.guard_stops
    if spec.training.validation_split == spec.split and chooses:
        return "its epoch was chosen on the split that it is scored on"
    return f"it is trained on {shared} of the songs that it is scored on" if shared else ""


def run_row(
    run_id: str,
    spec: RunSpec,
    identity: Mapping[str, Any],
    *,
    label: str = "",
    unranked: str = "",
    songs: str = "",
) -> dict[str, Any]:
    """The columns of a run that do not change while it goes on.

    Args:
        run_id: its id.
        spec: what it is.
        identity: what its id is made of, from :meth:`RunSpec.identity`.
        label: its name; the spec's unless given.
        unranked: why it may not be ranked; empty where it may.
        songs: of the split, in words.
    """
    # The id knows no order of metrics; a board does, since the first one is the headline.
    in_order = {"metrics": [metric.canonical() for metric in spec.metrics]}
    return {
        "run_id": run_id,
        "suite": spec.suite,
        "split": spec.split,
        "protocol": spec.protocol,
        "separator": spec.separator.name,
        "gains": spec.gains.name,
        "prescription": spec.prescription.name,
        "loss": str(spec.loss) if spec.trains else "",
        "epochs": spec.training.epochs if spec.trains else 0,
        "seed": spec.seed,
        "label": label or spec.label,
        "spec_json": json.dumps({**identity["spec"], **in_order}, sort_keys=True),
        "bench_version": __version__,
        "code_hash": code_hash(),
        "plugin_versions_json": json.dumps(identity["plugins"], sort_keys=True),
        "dataset_fingerprint": json.dumps(identity["data"], sort_keys=True),
        "rules_json": spec.rules,
        "songs": songs,
        "ranked": not unranked,
        "unranked_reason": unranked,
        "trained_on": ", ".join(spec.trained_on),
        **environment(),
    }


def write_row(board: Board, row: Mapping[str, Any], *, status: str, **more: Any) -> dict[str, Any]:
    """Write a run's row with its status and `more` columns, and return it."""
    earlier = board.run(row["run_id"]) or {}
    now = datetime.now(UTC)
    full = {
        **row,
        "status": status,
        "created": earlier.get("created") or now,
        # Rules that were known before the scores are those of the first beginning.
        "rules_json": earlier.get("rules_json") or row.get("rules_json"),
        "finished": None if status == "running" else now,
        **more,
    }
    board.write_run(full)
    return full


def finish_row(
    board: Board, row: Mapping[str, Any], *, seconds: float, stopped: str = ""
) -> tuple[dict[str, Any], dict[tuple[str, str], str]]:
    """Write the row of a run that has ended.

    Args:
        board: that has its scores.
        row: from :func:`run_row`.
        seconds: computing time, of all attempts together.
        stopped: why it was stopped before its end; empty where it was not.

    Returns:
        The row; and the pairs, (scene, listener), that failed, each with the first reason.
    """
    scores = board.scores(row["run_id"])
    bad = scores[scores["status"] == "failed"].drop_duplicates(["scene", "listener"])
    failed = {
        (str(scene), str(listener)): str(reason)
        for scene, listener, reason in zip(bad.scene, bad.listener, bad.reason, strict=True)
    }
    full = write_row(
        board,
        row,
        status="failed" if stopped else "failed-scenes" if failed else "done",
        failure=stopped or None,
        seconds=seconds,
        n_pairs=len(scores[["scene", "listener"]].drop_duplicates()),
        n_failed=len(failed),
    )
    return full, failed


def has_ended(board: Board, run_id: str) -> bool:
    """Whether a run is complete and nothing of it failed."""
    row = board.run(run_id)
    return row is not None and row["status"] == "done"
