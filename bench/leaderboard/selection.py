"""Which runs of a board a leaderboard is of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.board.store import Board
from bench.leaderboard.names import runs_named


def select_runs(
    board: Board, suite: str, split: str, protocol: str
) -> tuple[list[dict[str, Any]], int]:
    """The runs of a leaderboard, and how many older ones of the same configurations it hides."""
    where = (suite, split, protocol)
    runs = [r for r in run_rows(board) if (r["suite"], r["split"], r["protocol"]) == where]
    newest: dict[str, dict[str, Any]] = {}
    for run in runs:  # oldest first
        key = run["spec_json"] or run["run_id"]
        if key not in newest or has_ended(run) or not has_ended(newest[key]):
            newest[key] = run
    return list(newest.values()), len(runs) - len(newest)


def run_rows(board: Board) -> list[dict[str, Any]]:
    """The rows of a board's runs, oldest first, null as None."""
    frame = board.runs().astype(object)
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def run_id_of(board: Board, name: str) -> str:
    """The id of the newest run of a label, or of a name that a leaderboard shows.

    Returns:
        The id, or `name` itself where no run has it.
    """
    found = runs_named(run_rows(board), name)
    return str(found[-1]["run_id"]) if found else name


def has_ended(run: Mapping[str, Any]) -> bool:
    """Whether all that a run can score is scored, failures included."""
    return run["status"] in ("done", "failed-scenes")


def fingerprint(run: Mapping[str, Any], split: str) -> str:
    """The fingerprint of the split that was scored."""
    text = run["dataset_fingerprint"] or ""
    try:
        by_split = json.loads(text)
    except json.JSONDecodeError:
        return text
    return str(by_split.get(split, "")) if isinstance(by_split, dict) else text
