"""The leaderboard of one suite, split and protocol: which rows, in what order, and how sure.

Rows of different protocols are never brought together. Nothing is left out silently: a run without
scores is a row, a failed pair is counted, and whatever limits a comparison is said in the notes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from bench.board.failures import failures_of
from bench.board.schema import GAINS_METRIC, PROFILE_METRIC, TIME_METRIC
from bench.board.store import Board
from bench.leaderboard.clusters import mean_over
from bench.leaderboard.headline import column_of, ear_columns, ordered_metrics, validation_of
from bench.leaderboard.model import OTHER_DATA, Column, Leaderboard, Row
from bench.leaderboard.notes import board_notes
from bench.leaderboard.references import OWN_GAINS, applied_gains, are_none, references_of
from bench.leaderboard.statistics import (
    PAIR,
    clustered_mean,
    over_units,
    saturated,
    song_median,
)
from bench.leaderboard.systems import (
    Entry,
    System,
    baseline_of,
    contrasts_of,
    differences_to,
    of_one_seed,
    p_values_of,
    ranks_of,
    systems_of,
)


def leaderboard(
    board: Board,
    suite: str,
    split: str,
    protocol: str,
    *,
    baseline: str = "",
    contrasts: Sequence[tuple[str, str]] = (),
) -> Leaderboard:
    """Build the leaderboard of a board.

    Args:
        board: the board.
        suite: rows of this suite only.
        split: of this split only.
        protocol: and of this reference protocol only.
        baseline: label, or ``separator + gains``, of the row that others are compared with. Where
            references have the systems' own gains, a row of the same separator whose gains are
            0 dB takes its place.
        contrasts: comparisons named beforehand, each of two labels or ``separator + gains``. With
            any, these alone have p-values, corrected over all of them, so that further rows change
            none.

    Of runs of one configuration the newest finished one is shown; runs that differ in their seed
    are one system.
    """
    runs, hidden = select_runs(board, suite, split, protocol)
    scores = board.scores([run["run_id"] for run in runs])
    columns = _columns(scores, runs)
    entries = _entries(runs, scores, columns, split, protocol)
    table = Leaderboard(
        suite=suite,
        split=split,
        protocol=protocol,
        columns=columns,
        rows=tuple(_row(entry, columns) for entry in entries),
        baseline="",
        notes=(),
    )
    if columns:
        table = _compared(table, entries, baseline, contrasts)
    notes = board_notes(
        table, baseline, hidden, _no_better_trained(board, table.rows), board.damaged
    )
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
    protocol: str,
) -> list[Entry]:
    references = references_of(runs, scores, protocol)
    ended = [run for run in runs if has_ended(run)] or list(runs)
    data = fingerprint(ended[-1], split) if ended else ""
    labels = [run["label"] or f"{run['separator']} + {run['gains']}" for run in runs]
    entries = []
    for run, label in zip(runs, labels, strict=True):
        own = scores[scores["run_id"] == run["run_id"]]
        failed = own.loc[own["status"] == "failed", ["scene", "listener"]]
        twin = labels.count(label) > 1
        entries.append(
            Entry(
                run=run,
                label=f"{label} [{run['run_id']}]" if twin else label,
                scores={column.key: scores_by_pair(own, column.key) for column in columns},
                n_failed=len(failed.drop_duplicates()),
                failures=tuple(failures_of(own)),
                unranked_reason=_unranked_reason(run, own, split, data),
                reference=references[str(run["run_id"])],
                silent=protocol == OWN_GAINS and are_none(applied_gains(own, str(run["run_id"]))),
            )
        )
    if not columns:
        return entries
    first = columns[0].key
    return sorted(entries, key=lambda e: -e.scores[first].mean() if len(e.scores[first]) else 9)


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


def _compared(
    table: Leaderboard,
    entries: Sequence[Entry],
    baseline: str,
    contrasts: Sequence[tuple[str, str]],
) -> Leaderboard:
    """The table with ranks, differences, contrasts, and summaries of several seeds."""
    first = table.columns[0]
    systems = systems_of(entries, first.key)
    comparable = [s for s in systems if len(s.scores) and s.first.unranked_reason != OTHER_DATA]
    base = baseline_of(comparable, baseline)
    named = contrasts_of(comparable, contrasts, first)
    differences = differences_to(comparable, base, first)
    p_values = p_values_of(differences, base, comparable, named if contrasts else None)
    ranks = ranks_of(systems)
    rows: list[Row] = []
    summaries: list[Row] = []
    for system in systems:
        several = len(system.entries) > 1
        line = _summary(system, table.columns) if several else _row(system.first, table.columns)
        (summaries if several else rows).append(
            replace(
                line,
                rank=ranks.get(system.label),
                difference=differences.get(system.label),
                p=p_values.get(system.label),
                is_baseline=base is not None and system.label == base.label,
            )
        )
        for entry in system.entries if several else ():
            alone = of_one_seed(entry, base, system, first)
            p = None if alone is None else math.nan
            row = _row(entry, table.columns, system.label)
            rows.append(replace(row, difference=alone, p=p))
    order = [str(entry.run["run_id"]) for entry in entries]
    rows.sort(key=lambda row: order.index(str(row.run["run_id"])))
    alike: tuple[tuple[str, str], ...] = ()
    if len(comparable) > 1:
        pairs = saturated([system.scores for system in comparable])
        alike = tuple((scene, listener) for _, scene, listener in pairs)
    return replace(
        table,
        rows=tuple(rows),
        summaries=tuple(summaries),
        contrasts=tuple(named),
        baseline=base.label if base else "",
        saturated=alike,
    )


def _row(entry: Entry, columns: Sequence[Column], system: str = "") -> Row:
    first = columns[0].key if columns else ""
    values = {
        column.key: clustered_mean(entry.scores[column.key], bounds=column.bounds)
        for column in columns
        if len(entry.scores[column.key])
    }
    return Row(
        run=entry.run,
        label=entry.label,
        rank=None,
        unranked_reason=entry.unranked_reason,
        n=values[first].n if first in values else 0,
        n_failed=entry.n_failed,
        failures=entry.failures,
        values=values,
        medians={c.key: song_median(entry.scores[c.key]) for c in columns if c.key in values},
        system=system,
        reference=entry.reference,
    )


def _summary(system: System, columns: Sequence[Column]) -> Row:
    """The mean over seeds, of the pairs that all of them have, with intervals over seeds."""
    values, medians = {}, {}
    for column in columns:
        scores = [entry.scores[column.key] for entry in system.entries]
        table = pd.concat(scores, axis=1, join="inner").dropna()
        if len(table):
            over = over_units(table.mean().tolist(), bounds=column.bounds)
            whole = clustered_mean(table.iloc[:, 0])
            values[column.key] = replace(over, n=whole.n, songs=whole.songs)
            medians[column.key] = song_median(mean_over(scores))
    shared = dict(system.first.run) | {"run_id": "", "seed": None, "label": system.label}
    return Row(
        run=shared,
        label=system.label,
        rank=None,
        unranked_reason=system.first.unranked_reason,
        n=len(system.scores),
        n_failed=sum(entry.n_failed for entry in system.entries),
        values=values,
        medians=medians,
        seeds=tuple(int(entry.run["seed"] or 0) for entry in system.entries),
        reference=system.first.reference,
    )
