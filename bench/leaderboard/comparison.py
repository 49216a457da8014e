"""The full comparison of two runs of a board."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from bench.board.pairs import PairScores
from bench.board.rules import Rules, late_rules
from bench.board.schema import NO_SCORES
from bench.board.store import Board
from bench.errors import BenchError, suggest
from bench.leaderboard.groups import GroupEffect, compared, group_effects
from bench.leaderboard.headline import bounds_of, ordered_metrics
from bench.leaderboard.headroom import Headroom, headroom
from bench.leaderboard.intervals import FEWEST_SONGS
from bench.leaderboard.names import runs_named
from bench.leaderboard.references import references_of
from bench.leaderboard.selection import fingerprint, has_ended, run_rows
from bench.leaderboard.statistics import Comparison, Interval, holm, paired, smallest_p
from bench.tables.notebook import Shown

_SAME: Final = ("suite", "split", "protocol")


@dataclass(frozen=True)
class Measure:
    """Two runs by one part of a metric; `p` is Holm-corrected over all of them."""

    metric: str
    part: str
    ours: Interval
    theirs: Interval
    comparison: Comparison
    p: float


@dataclass(frozen=True)
class SceneDifference:
    """Two runs on one scene: means over its `n` listeners."""

    scene: str
    song: str
    n: int
    ours: float
    theirs: float

    @property
    def difference(self) -> float:
        """Ours minus theirs."""
        return self.ours - self.theirs


@dataclass(frozen=True, repr=False)
class PairOfRuns(Shown):
    """One run beside another; differences are the first minus the second.

    Attributes:
        ours: the first run's row of the board.
        theirs: the second's.
        measures: by metric and part, the headline first.
        groups: of the first metric's headline, by hearing loss, ear and genre.
        scenes: all scenes that both have, from the first run's best to the second's.
        notes: what limits the comparison.
        headroom: None where the board has no row of the mixture, or of the clean stems, with the
            requested gains.
    """

    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]
    measures: tuple[Measure, ...]
    groups: tuple[GroupEffect, ...]
    scenes: tuple[SceneDifference, ...]
    notes: tuple[str, ...]
    headroom: Headroom | None = None


@dataclass(frozen=True)
class _Run:
    """One of the two runs among the scores of both."""

    scores: PairScores
    run_id: str

    def by(self, key: str) -> pd.Series:
        return self.scores.series(self.run_id, key)


def compare_runs(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], board: Board, rules: Rules | None = None
) -> PairOfRuns:
    """Compare two runs of a board, by (song, scene, listener), by the rules of its suite.

    Raises:
        BenchError: they are not of one suite, split, protocol and data, or have no pair in common.
    """
    for name in _SAME:
        if ours[name] != theirs[name]:
            what = f"the runs have different {name}s: {ours[name]} and {theirs[name]}"
            raise BenchError(what, hint="Only scores of the same task can be compared.")
    split = str(ours["split"])
    if fingerprint(ours, split) != fingerprint(theirs, split):
        hint = "Score both on the same data: bench run ..."
        raise BenchError("the runs were scored on different data", hint=hint)
    rules = rules or Rules()
    limit = rules.hearing_loss_below
    scores = PairScores(board, [str(run["run_id"]) for run in (ours, theirs)], limit)
    one, two = (_Run(scores, str(run["run_id"])) for run in (ours, theirs))
    measures = tuple(_measures(one, two, (theirs, ours)))
    if not measures:
        raise BenchError("the runs have no scored pair in common", where=str(board.path))
    first = measures[0].metric
    return PairOfRuns(
        ours=ours,
        theirs=theirs,
        measures=measures,
        groups=tuple(group_effects(scores, one.run_id, two.run_id, metric=first)),
        scenes=_scenes(one, two, f"{first}/{measures[0].part}"),
        notes=(
            *_notes(ours, theirs, scores, measures[0]),
            *_left_out(scores, limit),
            *late_rules(rules, (ours, theirs)),
        ),
        headroom=headroom(ours, theirs, board, f"{first}/{measures[0].part}", limit),
    )


def find_run(board: Board, name: str, suite: str, split: str, protocol: str) -> dict[str, Any]:
    """A run by its id, or the newest ended one of a label, a shown name or ``separator + gains``.

    Of runs with the same parts it is that with the least else to tell.

    Raises:
        BenchError: there is none; it names the closest.
    """
    runs = run_rows(board)
    for run in runs:
        if run["run_id"] == name:
            return run
    here = [r for r in runs if (r["suite"], r["split"], r["protocol"]) == (suite, split, protocol)]
    plain = [run for run in here if f"{run['separator']} + {run['gains']}" == name]
    found = sorted(
        runs_named(here, name) or plain,
        key=lambda run: (has_ended(run), -str(run["label"]).count(","), str(run["created"])),
    )
    if found:
        return dict(found[-1])
    labels = sorted({str(run["label"]) for run in here if run["label"]})
    what = f"there is no run '{name}' of suite {suite}, split {split}, protocol {protocol}"
    raise BenchError(what, where=str(board.path), hint=suggest(name, labels) if labels else "")


def _measures(ours: _Run, theirs: _Run, runs: Sequence[Mapping[str, Any]]) -> Iterator[Measure]:
    named = (key.partition("/")[::2] for key in ours.scores.keys(ours.run_id))
    keys = [(metric, part) for metric, part in named if metric not in NO_SCORES]
    metrics = ordered_metrics(runs, (metric for metric, _ in keys))
    found = []
    for metric, part in sorted(keys, key=lambda k: (metrics.index(k[0]), k[1] != "mean")):
        key = f"{metric}/{part}"
        own, other, comparison = compared(ours.by(key), theirs.by(key), bounds_of(metric))
        if own.n:
            found.append(Measure(metric, part, own, other, comparison, float("nan")))
    corrected = holm([measure.comparison.p for measure in found])
    yield from (replace(measure, p=p) for measure, p in zip(found, corrected, strict=True))


def _scenes(ours: _Run, theirs: _Run, key: str) -> tuple[SceneDifference, ...]:
    both = paired(ours.by(key), theirs.by(key))
    grouped = both.groupby(level=["song", "scene"], sort=False, observed=True)
    means = grouped.mean().assign(n=grouped.size()).reset_index()
    found = [
        SceneDifference(row["scene"], row["song"], int(row["n"]), row["ours"], row["theirs"])
        for row in means.to_dict("records")
    ]
    return tuple(sorted(found, key=lambda one: -one.difference))


def _notes(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    scores: PairScores,
    headline: Measure,
) -> Iterator[str]:
    key = f"{headline.metric}/{headline.part}"
    for run in (ours, theirs):
        run_id = str(run["run_id"])
        more = int(scores.series(run_id, key).count()) - headline.comparison.difference.n
        if more:
            yield f"{more} pairs of {run['label']} are left out, as the other run lacks them."
        if failed := scores.n_failed(run_id):
            yield f"{failed} pairs of {run['label']} failed (bench show {run_id} --failures)."
        if run["status"] == "running":
            yield f"{run['label']} has not ended."
        if run["unranked_reason"]:
            yield f"{run['label']} is not ranked: {run['unranked_reason']}."
    if ours["code_hash"] != theirs["code_hash"]:
        yield (
            "The runs were computed by different versions of bench's code, so their difference may "
            "be partly one of code: bench board verify RUN."
        )
    if ours["prescription"] != theirs["prescription"]:
        yield "The runs have different prescriptions."
    yield from _limits(ours, theirs, scores, headline.comparison.difference)


def _left_out(scores: PairScores, limit: float | None) -> Iterator[str]:
    """How many pairs the suite's rule on hearing loss leaves out."""
    if limit is not None:
        out, every = int(scores.excluded.sum()), len(scores.pairs)
        yield (
            f"The suite excludes listeners whose better ear averages {limit:g} dB HL or more: "
            f"{out} of {every} pairs do not count; {every - out} do."
        )


def _limits(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    scores: PairScores,
    difference: Interval,
) -> Iterator[str]:
    """What the scores themselves leave open."""
    if len(set(references_of((ours, theirs), scores, str(ours["protocol"])).values())) > 1:
        yield (
            "The runs have different references (through their gains or prescriptions), so their "
            "difference is not one of quality."
        )
    if difference.songs == 1:
        yield "All scores are of one song, so there are no intervals."
    elif difference.songs < FEWEST_SONGS:
        yield f"With {difference.songs} songs there are no intervals: two show too little spread."
    elif smallest_p(difference.songs) > 0.05:
        yield (
            f"With {difference.songs} songs p cannot be below {smallest_p(difference.songs):.3g}: "
            "use the intervals instead."
        )
    if difference.for_these_listeners:
        yield (
            f"The intervals hold for these {difference.listeners} listeners only: they are too "
            "few, or hear too few songs each, to generalise to others."
        )


def settings_that_differ(
    ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """The settings in which two runs differ: name, ours, theirs; empty where it does not apply.

    Where only one of them is trained, its loss shows this; how it is trained is left out.
    """
    one, two = settings_of(ours), settings_of(theirs)
    names = [name for name in dict.fromkeys([*one, *two]) if one.get(name) != two.get(name)]
    if ("loss" in one) != ("loss" in two):
        how = ("training.", "losses.", "seed")
        names = [name for name in names if not name.startswith(how)]
    found = [(name, one.get(name, ""), two.get(name, "")) for name in names]
    return [row for row in found if row[1] or row[2]]


def settings_of(run: Mapping[str, Any]) -> dict[str, str]:
    """All that a run's spec says, as text, by dotted name: ``separator.overlap``."""
    return _flat(json.loads(run["spec_json"] or "{}"))


def _flat(value: Any, name: str = "") -> dict[str, str]:
    if isinstance(value, list):
        value = {str(item.get("name", i)): item for i, item in enumerate(value)}
    if not isinstance(value, dict):
        return {name: str(value)}
    found: dict[str, str] = {}
    for key, inner in value.items():
        if key == "name" and name.endswith(f".{inner}"):
            continue  # an entry of a list, which its name stands for
        plain = name if key in ("name", "options") else f"{name}.{key}".lstrip(".")
        found |= _flat(inner, plain)
    return found
