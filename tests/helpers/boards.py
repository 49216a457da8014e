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


def large_board(
    path: Path, *, systems: int = 30, scenes: int = 960, songs: int = 50, listeners: int = 20
) -> Board:
    """A board like that of an evaluation of the challenge: 20 rows a (scene, listener) pair.

    A scene has `listeners` of 52 listeners; by default that is 384,000 rows a run. Every tenth
    system learns its gains, and every seventh lacks the scores of a scene, which failed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bench.board.layout import CONSOLIDATED, scores_folder
    from bench.board.schema import arrow_schema

    board = Board(path)
    rng = np.random.default_rng(2024)
    people = 52
    heard = np.stack([rng.permutation(people)[:listeners] for _ in range(scenes)])
    scene = np.repeat(np.arange(scenes), listeners)
    person, song = heard.reshape(-1), scene % songs
    pta = rng.uniform(10.0, 80.0, (people, 2))
    common = 0.05 * rng.standard_normal(songs)[song] + 0.04 * rng.standard_normal(people)[person]
    stems = ("vocals", "drums", "bass", "other")
    parts = [
        *(("haaqi", part) for part in ("mean", "left", "right")),
        *(("sdr", part) for part in ("mean", *stems)),
        ("lufs", "difference"),
        *(("clipping", part) for part in ("mean", "left", "right")),
        *(("haaqi-net", part) for part in ("mean", "left", "right")),
        *(("gains", part) for part in stems),
        ("time", "total"),
    ]
    n, rows = len(scene), len(scene) * len(parts)
    asked = np.round(3 * rng.standard_normal((scenes, 4)))[scene]
    schema = arrow_schema("scores")

    def texts(names: list[str], codes: Any) -> pa.Array:
        codes = np.asarray(codes, np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names)).cast(pa.string())

    def spread(values: Any) -> Any:
        return np.repeat(values, len(parts))

    same = {
        "scene": texts([f"scene_{50_000 + i}" for i in range(scenes)], spread(scene)),
        "song": texts([f"song {i:02}" for i in range(songs)], spread(song)),
        "genre": texts(["Rock", "Jazz", "Pop", "Classical"], spread(song % 4)),
        "listener": texts([f"L{5_000 + i}" for i in range(people)], spread(person)),
        "pta_left": pa.array(spread(pta[person, 0])),
        "pta_right": pa.array(spread(pta[person, 1])),
        "metric": texts([metric for metric, _ in parts], np.tile(np.arange(len(parts)), n)),
        "part": texts([part for _, part in parts], np.tile(np.arange(len(parts)), n)),
        **{name: pa.nulls(rows, schema.field(name).type) for name in ("seconds", "traceback")},
    }
    for system in range(systems):
        run_id = f"r{system:04}"
        learned = system % 10 == 9
        quality = 0.4 + 0.3 * (system * 7 % systems) / systems + common
        own = quality + 0.04 * rng.standard_normal(n)
        values = rng.standard_normal((n, len(parts)))
        values[:, 0] = own
        values[:, 1], values[:, 2] = own + 0.01, own - 0.01
        by_scene = rng.standard_normal((scenes, 5))[scene]
        values[:, 3:8] = 8.0 * quality[:, None] + by_scene
        values[:, 15:19] = asked + (0.05 * pta[person].mean(axis=1)[:, None] if learned else 0.0)
        values[:, 19] = np.abs(values[:, 19])
        ok = np.ones((n, len(parts)), bool)
        if system % 7 == 6:
            ok[scene == system % scenes] = False
        failed = (~ok).reshape(-1)
        columns = same | {
            "value": pa.array(values.reshape(-1), mask=failed),
            "status": texts(["ok", "failed"], failed),
            "reason": texts(["", "MemoryError: it broke"], failed),
        }
        file = scores_folder(path, run_id) / CONSOLIDATED
        file.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table({name: columns[name] for name in schema.names}, schema=schema)
        pq.write_table(table, file, compression="zstd")
        n_failed = int((~ok).any(axis=1).sum())
        row = run_row(
            run_id, "hdemucs" if system else "mixture", "cnn" if learned else "fixed",
            label=f"system {system:02}", n_pairs=n, n_failed=n_failed,
            status="failed-scenes" if n_failed else "done",
            spec_json=json.dumps({"separator": {"name": f"s{system}"}}),
        )  # fmt: skip
        board.write_run(row)
    return board
