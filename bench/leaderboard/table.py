"""The leaderboard of one suite, split and protocol: its rows, their order and its certainty.

Rows of different protocols are never brought together. Nothing is left out silently: a run without
scores is a row, a failed pair is counted, and whatever limits a comparison is said in the notes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bench.board.pairs import PairScores
from bench.board.rules import Rules
from bench.board.schema import NO_SCORES
from bench.board.store import Board
from bench.leaderboard.clusters import Crossing, mean_over
from bench.leaderboard.headline import column_of, ear_columns, ordered_metrics, validation_of
from bench.leaderboard.headroom import headroom_shares
from bench.leaderboard.model import OTHER_DATA, Column, Leaderboard, Row
from bench.leaderboard.names import names_of
from bench.leaderboard.notes import board_notes
from bench.leaderboard.references import OWN_GAINS, applied_gains, are_none, references_of
from bench.leaderboard.selection import fingerprint, has_ended, select_runs
from bench.leaderboard.statistics import (
    Interval,
    clustered_mean,
    intervals_of_each,
    over_units,
    saturated,
    song_median,
    song_medians,
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
from bench.leaderboard.verdict import verdict


def leaderboard(
    board: Board,
    suite: str,
    split: str,
    protocol: str,
    *,
    baseline: str = "",
    contrasts: Sequence[tuple[str, str]] = (),
    hearing_loss_below: float | None = None,
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
        hearing_loss_below: dB HL; pairs whose listener's better ear averages this or more count in
            no statistic.

    Of runs of one configuration the newest finished one is shown; runs that differ in their seed
    are one system.
    """
    runs, hidden = select_runs(board, suite, split, protocol)
    scores = PairScores(board, [str(run["run_id"]) for run in runs], hearing_loss_below)
    columns = _columns(scores, runs)
    entries = _entries(runs, scores, columns, split, protocol)
    table = Leaderboard(
        suite=suite,
        split=split,
        protocol=protocol,
        columns=columns,
        rows=_rows(entries, columns, board, Crossing.of(scores.pairs)),
        baseline="",
        notes=(),
        rules=Rules(tuple(contrasts), hearing_loss_below),
    )
    if columns:
        table = _compared(table, entries, baseline, contrasts)
    table = _named(table)
    notes = board_notes(
        table, baseline, hidden, _no_better_trained(board, table.rows), board.damaged
    )
    return replace(table, notes=notes, verdict=verdict(table, scores))


def _named(table: Leaderboard) -> Leaderboard:
    """The table with its rows' names in parts, and what they share."""
    lines = [*table.rows, *table.summaries]
    names, shared = names_of([(row.label, row.run) for row in lines])
    named = [replace(row, name=name) for row, name in zip(lines, names, strict=True)]
    own = len(table.rows)
    return replace(
        table, rows=tuple(named[:own]), summaries=tuple(named[own:]), shared=tuple(shared)
    )


def _no_better_trained(board: Board, rows: Sequence[Row]) -> list[str]:
    """Names of runs whose training kept the initial weights."""
    found = []
    log = board.training([str(row.run["run_id"]) for row in rows if has_ended(row.run)])
    logs = dict(iter(log.groupby("run_id")))
    for row in rows:
        own = logs.get(row.run["run_id"])
        if own is None:
            continue
        name = validation_of(row.run, own["name"].drop_duplicates()).truth
        truth = own[own["name"] == name].dropna(subset=["value"]).set_index("epoch")["value"]
        if len(truth) and truth.index.max() > 0 and truth.sort_index().idxmax() == 0:
            found.append(row.shown)
    return found


def _columns(scores: PairScores, runs: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """The headline with its ears, the other metrics of the suite, then any others."""
    metrics = ordered_metrics(runs, [name for name in scores.metrics if name not in NO_SCORES])
    if not metrics:
        return ()
    ears = ear_columns(metrics[0], scores.parts(metrics[0]))
    return (column_of(metrics[0]), *ears, *map(column_of, metrics[1:]))


def _entries(
    runs: Sequence[dict[str, Any]],
    scores: PairScores,
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
        run_id = str(run["run_id"])
        twin = labels.count(label) > 1
        entries.append(
            Entry(
                run=run,
                label=f"{label} [{run['run_id']}]" if twin else label,
                scores={column.key: scores.series(run_id, column.key) for column in columns},
                n_failed=scores.n_failed(run_id),
                n_excluded=scores.n_excluded(run_id),
                failures=scores.failures(run_id),
                unranked_reason=_unranked_reason(run, bool(scores.keys(run_id)), split, data),
                reference=references[run_id],
                silent=protocol == OWN_GAINS and are_none(applied_gains(scores, run_id)),
            )
        )
    if not columns:
        return entries
    first = columns[0].key
    means = {entry.label: entry.scores[first].mean() for entry in entries}
    # Rows without any score come last.
    return sorted(entries, key=lambda e: -means[e.label] if e.scores[first].count() else math.inf)


def _unranked_reason(run: Mapping[str, Any], scored: bool, split: str, data: str) -> str:
    if run["status"] == "failed":
        return f"it failed: {run['failure']}" if run["failure"] else "it failed"
    if run["status"] == "running":
        return "it has not ended"
    if not scored:
        return "it has no scores"
    if fingerprint(run, split) != data:
        return OTHER_DATA
    if run["ranked"] is False:
        return str(run["unranked_reason"] or "its suite does not allow it")
    return ""


def _compared(
    table: Leaderboard,
    entries: Sequence[Entry],
    baseline: str,
    contrasts: Sequence[tuple[str, str]],
) -> Leaderboard:
    """The table with ranks, differences, contrasts, and summaries of several seeds."""
    first = table.columns[0]
    systems = systems_of(entries, first.key)
    comparable = [s for s in systems if s.n and s.first.unranked_reason != OTHER_DATA]
    base = baseline_of(comparable, baseline)
    named = contrasts_of(comparable, contrasts, first)
    differences = differences_to(comparable, base, first)
    p_values = p_values_of(differences, base, comparable, named if contrasts else None)
    ranks = ranks_of(systems)
    shares = headroom_shares(comparable)
    alone = {str(row.run["run_id"]): row for row in table.rows}
    rows: list[Row] = []
    summaries: list[Row] = []
    for system in systems:
        several = len(system.entries) > 1
        line = _summary(system, table.columns) if several else alone[system.first.run_id]
        (summaries if several else rows).append(
            replace(
                line,
                rank=ranks.get(system.label),
                difference=differences.get(system.label),
                p=p_values.get(system.label),
                is_baseline=base is not None and system.label == base.label,
                headroom=shares.get(system.label),
            )
        )
        for entry in system.entries if several else ():
            difference = of_one_seed(entry, base, system, first)
            p = None if difference is None else math.nan
            # Its label may tell it from its system.
            row = replace(alone[entry.run_id], label=entry.label, system=system.label)
            rows.append(replace(row, difference=difference, p=p))
    order = {run_id: place for place, run_id in enumerate(alone)}
    rows.sort(key=lambda row: order[str(row.run["run_id"])])
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


def _rows(
    entries: Sequence[Entry], columns: Sequence[Column], board: Board, crossing: Crossing
) -> tuple[Row, ...]:
    """A row of each entry, whose scores are all of the same pairs."""
    values: list[dict[str, Interval]] = [{} for _ in entries]
    medians: list[dict[str, float]] = [{} for _ in entries]
    for column in columns if entries else ():
        scores = np.column_stack([entry.scores[column.key].to_numpy() for entry in entries])
        intervals = intervals_of_each(scores, crossing, bounds=column.bounds)
        for place, median in enumerate(song_medians(scores, crossing)):
            if intervals[place].n:
                values[place][column.key] = intervals[place]
                medians[place][column.key] = median
    first = columns[0].key if columns else ""
    verified = [board.verifications(entry.run_id) for entry in entries]
    return tuple(_row(*one, first) for one in zip(entries, values, medians, verified, strict=True))


def _row(
    entry: Entry,
    values: Mapping[str, Interval],
    medians: Mapping[str, float],
    verifications: Sequence[Mapping[str, Any]],
    first: str,
) -> Row:
    return Row(
        run=entry.run,
        label=entry.label,
        rank=None,
        unranked_reason=entry.unranked_reason,
        n=values[first].n if first in values else 0,
        n_failed=entry.n_failed,
        n_excluded=entry.n_excluded,
        failures=entry.failures,
        values=values,
        medians=medians,
        reference=entry.reference,
        verification=verifications[-1] if verifications else None,
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
        n=system.n,
        n_failed=sum(entry.n_failed for entry in system.entries),
        n_excluded=system.first.n_excluded,
        values=values,
        medians=medians,
        seeds=tuple(int(entry.run["seed"] or 0) for entry in system.entries),
        reference=system.first.reference,
    )
