"""Synthetic boards whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench.board.store import Board
from bench.leaderboard.model import Leaderboard, Row
from bench.leaderboard.table import leaderboard

SONGS = 8
LISTENERS = {"L1": (20.0, 25.0), "L2": (45.0, 40.0), "L3": (60.0, 75.0)}


def run_row(run_id: str, separator: str, gains: str, **changes: Any) -> dict[str, Any]:
    number = sum(map(ord, run_id)) % 1000
    spec = {"separator": separator, "gains": gains, "protocol": changes.get("protocol")}
    return {
        "run_id": run_id,
        "status": "done",
        "created": datetime(2024, 5, 1, 12, tzinfo=UTC) + timedelta(seconds=number),
        "finished": datetime(2024, 5, 1, 13, tzinfo=UTC) + timedelta(seconds=number),
        "seconds": 60.0,
        "suite": "demo",
        "split": "valid",
        "protocol": "challenge",
        "separator": separator,
        "gains": gains,
        "prescription": "nalr",
        "label": f"{separator} + {gains}",
        "spec_json": json.dumps(spec),
        "bench_version": "0.1.0",
        "code_hash": "c0de",
        "dataset_fingerprint": json.dumps({"valid": "da7a"}),
        "ranked": True,
        "unranked_reason": "",
        "n_pairs": SONGS * 2 * len(LISTENERS),
        "n_failed": 0,
    } | changes


def pair_rows(
    song: int, listener: str, values: Mapping[tuple[str, str], float | None], **changes: Any
) -> list[dict[str, Any]]:
    left, right = LISTENERS.get(listener, (100.0, 110.0))
    return [
        {
            "song": f"song {song}",
            "genre": "Rock" if song % 2 else "Jazz",
            "listener": listener,
            "pta_left": left,
            "pta_right": right,
            "metric": metric,
            "part": part,
            "value": value,
            "status": "ok" if value is not None else "failed",
            "reason": "" if value is not None else "it broke",
        }
        | changes
        for (metric, part), value in values.items()
    ]


def fill(board: Board, run_id: str, quality: float, *, seed: int = 0, songs: int = SONGS) -> None:
    """Scores of a run whose mean HAAQI is `quality`, plus what is common to all runs."""
    common, own = np.random.default_rng(100), np.random.default_rng(seed)
    for song in range(songs):
        effect = 0.05 * common.standard_normal()
        for scene in range(2):
            rows = []
            for listener in LISTENERS:
                noise = 0.02 * common.standard_normal() + 0.004 * own.standard_normal()
                mean = quality + effect + noise
                values = {
                    ("haaqi", "mean"): mean,
                    ("haaqi", "left"): mean + 0.01,
                    ("haaqi", "right"): mean - 0.01,
                    ("sdr", "mean"): 20 * quality - 5,
                    ("sdr", "vocals"): 20 * quality - 4,
                    ("sdr", "drums"): 20 * quality - 6,
                    ("lufs", "difference"): 0.1,
                    ("clipping", "mean"): 0.125,
                    ("time", "separate"): 1.5,
                    ("gains", "vocals"): 3.0,
                }
                rows += pair_rows(song, listener, values)
            board.append_scores(run_id, f"scene {song}-{scene}", rows)


def known_board(path: Path) -> Board:
    """Oracle 0.9 (not ranked), A 0.7 and B 0.7 (equal), the baseline 0.6, mixture 0.4."""
    board = Board(path)
    systems = {
        "roracle": ("oracle", "fixed", 0.9),
        "ra": ("hdemucs-ft", "fixed", 0.7),
        "rb": ("hdemucs-ft", "cnn-residual", 0.7),
        "rbase": ("hdemucs", "fixed", 0.6),
        "rmixture": ("mixture", "fixed", 0.4),
    }
    for seed, (run_id, (separator, gains, quality)) in enumerate(systems.items()):
        reason = "it is given the clean stems" if separator == "oracle" else ""
        row = run_row(run_id, separator, gains, ranked=not reason, unranked_reason=reason)
        board.write_run(row)
        fill(board, run_id, quality, seed=seed)
        board.consolidate(run_id)
    return board


def build(board: Board, **changes: str) -> Leaderboard:
    where = {"suite": "demo", "split": "valid", "protocol": "challenge"}
    return leaderboard(board, **(where | {"baseline": "hdemucs + fixed"} | changes))


def by_label(table: Leaderboard) -> dict[str, Row]:
    return {row.label: row for row in table.rows}


def note(table: Leaderboard, text: str) -> str:
    [found] = [line for line in table.notes if text in line]
    return found


HOSTILE = "<script>alert(1)</script> | [red]\x1b[31m`x`"
HOSTILE_MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> $x^2$ \x1b[31m&"
