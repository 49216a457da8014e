"""The leaderboard of one suite, split and protocol: which rows, in what order, and how sure.

Rows of different protocols are never brought together. Nothing is left out silently: a run without
scores is a row, a failed pair is counted, and whatever limits a comparison is said in the notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bench.board.schema import GAINS_METRIC, PROFILE_METRIC, TIME_METRIC
from bench.board.store import Board
from bench.leaderboard.headline import column_of, ear_columns, ordered_metrics, validation_of
from bench.leaderboard.model import OTHER_DATA, Column, Leaderboard, Row
from bench.leaderboard.notes import board_notes
from bench.leaderboard.statistics import PAIR, clustered_mean, compare, holm, rank_ranges, saturated


@dataclass(frozen=True)
class _Entry:
    """A run with its scores by column key, each indexed by PAIR."""

    run: dict[str, Any]
    label: str
    scores: Mapping[str, pd.Series]
    n_failed: int
    unranked_reason: str


def leaderboard(
    board: Board, suite: str, split: str, protocol: str, *, baseline: str = ""
) -> Leaderboard:
    """Build the leaderboard of a board.

    Args:
        board: the board.
        suite: rows of this suite only.
        split: of this split only.
        protocol: and of this reference protocol only.
        baseline: label, or ``separator + gains``, of the row that others are compared with.

    Of runs of one configuration the newest finished one is shown.
    """
    runs, hidden = select_runs(board, suite, split, protocol)
    scores = board.scores([run["run_id"] for run in runs])
    columns = _columns(scores, runs)
    entries = _entries(runs, scores, columns, split)
    rows, alike = _ranked_rows(entries, columns, baseline)
    table = Leaderboard(
        suite=suite,
        split=split,
        protocol=protocol,
        columns=columns,
        rows=rows,
        baseline=next((row.label for row in rows if row.is_baseline), ""),
        notes=(),
        saturated=alike,
    )
    notes = board_notes(table, baseline, hidden, _no_better_trained(board, rows), board.damaged)
    return replace(table, notes=notes)


def _no_better_trained(board: Board, rows: Sequence[Row]) -> list[str]:
    """Labels of runs whose training kept the weights it began with."""
    found = []
    log = board.training([str(row.run["run_id"]) for row in rows if has_ended(row.run)])
    for row in rows:
        own = log[log["run_id"] == row.run["run_id"]]
        name = validation_of(row.run, own["name"].drop_duplicates()).truth
        truth = own[own["name"] == name].dropna(subset=["value"]).set_index("epoch")["value"]
        if len(truth) and truth.index.max() > 0 and truth.sort_index().idxmax() == 0:
            found.append(row.label)
    return found


def select_runs(
    board: Board, suite: str, split: str, protocol: str
) -> tuple[list[dict[str, Any]], int]:
    """The runs of a leaderboard, and how many older ones of the same configurations it hides."""
    frame = board.runs()
    chosen = frame[
        (frame.suite == suite) & (frame.split == split) & (frame.protocol == protocol)
    ].astype(object)
    runs: list[dict[str, Any]] = [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}
        for row in chosen.to_dict("records")
    ]
    newest: dict[str, dict[str, Any]] = {}
    for run in runs:  # oldest first
        key = run["spec_json"] or run["run_id"]
        if key not in newest or has_ended(run) or not has_ended(newest[key]):
            newest[key] = run
    return list(newest.values()), len(runs) - len(newest)


def has_ended(run: Mapping[str, Any]) -> bool:
    """Whether all that a run can score is scored, failures included."""
    return run["status"] in ("done", "failed-scenes")


def _columns(scores: pd.DataFrame, runs: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """The headline with its ears, the other metrics of the suite, then any others."""
    found = scores[~scores["metric"].isin([TIME_METRIC, PROFILE_METRIC, GAINS_METRIC])]
    metrics = ordered_metrics(runs, found["metric"])
    if not metrics:
        return ()
    ears = ear_columns(metrics[0], found.loc[found["metric"] == metrics[0], "part"])
    return (column_of(metrics[0]), *ears, *map(column_of, metrics[1:]))


def _entries(
    runs: Sequence[dict[str, Any]],
    scores: pd.DataFrame,
    columns: Sequence[Column],
    split: str,
) -> list[_Entry]:
    ended = [run for run in runs if has_ended(run)] or list(runs)
    data = fingerprint(ended[-1], split) if ended else ""
    labels = [run["label"] or f"{run['separator']} + {run['gains']}" for run in runs]
    entries = []
    for run, label in zip(runs, labels, strict=True):
        own = scores[scores["run_id"] == run["run_id"]]
        failed = own.loc[own["status"] == "failed", ["scene", "listener"]]
        twin = labels.count(label) > 1
        entries.append(
            _Entry(
                run=run,
                label=f"{label} [{run['run_id']}]" if twin else label,
                scores={column.key: scores_by_pair(own, column.key) for column in columns},
                n_failed=len(failed.drop_duplicates()),
                unranked_reason=_unranked_reason(run, own, split, data),
            )
        )
    return entries


def fingerprint(run: Mapping[str, Any], split: str) -> str:
    """The fingerprint of the split that was scored."""
    text = run["dataset_fingerprint"] or ""
    try:
        by_split = json.loads(text)
    except json.JSONDecodeError:
        return text
    return str(by_split.get(split, "")) if isinstance(by_split, dict) else text


def _unranked_reason(run: Mapping[str, Any], scores: pd.DataFrame, split: str, data: str) -> str:
    if run["status"] == "failed":
        return f"it failed: {run['failure']}" if run["failure"] else "it failed"
    if run["status"] == "running":
        return "it has not ended"
    if scores.empty:
        return "it has no scores"
    if fingerprint(run, split) != data:
        return OTHER_DATA
    if run["ranked"] is False:
        return str(run["unranked_reason"] or "its suite does not allow it")
    return ""


def scores_by_pair(scores: pd.DataFrame, key: str) -> pd.Series:
    """Values of a metric's headline (``"haaqi"``) or part (``"haaqi/left"``) of a run, by PAIR."""
    metric, _, part = key.partition("/")
    chosen = scores[scores["metric"] == metric]
    if not part and len(chosen):
        parts = list(chosen["part"])
        part = "mean" if "mean" in parts else parts[0]
    chosen = chosen[(chosen["part"] == part) & (chosen["status"] == "ok")]
    # A scene whose song is not known is a song of its own.
    song = chosen["song"].where(chosen["song"].fillna("") != "", chosen["scene"])
    return chosen.assign(song=song).set_index(PAIR)["value"].dropna()


def _ranked_rows(
    entries: Sequence[_Entry], columns: Sequence[Column], baseline: str
) -> tuple[tuple[Row, ...], tuple[tuple[str, str], ...]]:
    if not columns:
        return tuple(_row(entry, columns) for entry in entries), ()
    first = columns[0].key
    entries = sorted(entries, key=lambda e: -e.scores[first].mean() if len(e.scores[first]) else 9)
    ranked = [entry for entry in entries if not entry.unranked_reason and len(entry.scores[first])]
    ranges = rank_ranges([entry.scores[first] for entry in ranked])
    ranks = {entry.label: place for entry, place in zip(ranked, ranges, strict=True)}
    comparable = [e for e in entries if len(e.scores[first]) and e.unranked_reason != OTHER_DATA]
    base = _find_baseline(comparable, baseline)
    rows = [_row(entry, columns, ranks.get(entry.label)) for entry in entries]
    if base is not None:
        rows = _with_differences(rows, comparable, base, first)
    alike: tuple[tuple[str, str], ...] = ()
    if len(comparable) > 1:
        pairs = saturated([entry.scores[first] for entry in comparable])
        alike = tuple((scene, listener) for _, scene, listener in pairs)
    return tuple(rows), alike


def _row(entry: _Entry, columns: Sequence[Column], rank: tuple[int, int] | None = None) -> Row:
    first = columns[0].key if columns else ""
    values = {key: clustered_mean(scores) for key, scores in entry.scores.items() if len(scores)}
    return Row(
        run=entry.run,
        label=entry.label,
        rank=rank,
        unranked_reason=entry.unranked_reason,
        n=values[first].n if first in values else 0,
        n_failed=entry.n_failed,
        values=values,
    )


def _find_baseline(entries: Sequence[_Entry], baseline: str) -> _Entry | None:
    """By label, else by ``separator + gains``, the newest of several."""
    exact = [entry for entry in entries if entry.label == baseline]
    plain = [e for e in entries if f"{e.run['separator']} + {e.run['gains']}" == baseline]
    found = exact or sorted(plain, key=lambda entry: str(entry.run["created"]))
    return found[-1] if found else None


def _with_differences(
    rows: Sequence[Row], entries: Sequence[_Entry], base: _Entry, first: str
) -> list[Row]:
    others = [entry for entry in entries if entry is not base]
    found = [compare(entry.scores[first], base.scores[first]) for entry in others]
    corrected = holm([comparison.p for comparison in found])
    by_label = {e.label: (c, p) for e, c, p in zip(others, found, corrected, strict=True)}
    return [
        replace(row, difference=by_label[row.label][0], p=by_label[row.label][1])
        if row.label in by_label
        else replace(row, is_baseline=row.label == base.label)
        for row in rows
    ]
