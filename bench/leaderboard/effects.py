"""Effect of each part: main effects of the factors in which the runs of a leaderboard differ.

The factors are read from what was run (``runs.spec_json``), so that any board answers, whether its
runs came from one ablation or from many commands: the separator, the gain strategy, the
prescription, their options, the weight of a loss term (or the whole loss, where more than one
weight varies) and the settings of the training.

An effect compares a level of a factor with a reference level. Each run of the one is matched with
each run of the other that is equal in every other factor and in the seed. What does not apply to a
run (the loss of one that trains nothing) matches every level. Differences are taken within (song,
scene, listener) of a match, then averaged over the matches, all of equal weight; the interval, the
p-value and Holm's correction are those of :mod:`bench.leaderboard.statistics`, clustered by song
and by listener. Seeds are taken as given: the effect of each seed alone stands beside. Runs with
different references are never matched.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.board.pairs import PairScores
from bench.board.store import Board
from bench.errors import BenchError
from bench.leaderboard.headline import bounds_of
from bench.leaderboard.model import Leaderboard, Row
from bench.leaderboard.statistics import (
    Bounds,
    Comparison,
    Interval,
    clustered_mean,
    compared_with_none,
    holm,
)
from bench.spec.loss import LossExpression

SEED: Final = "seed"
_PARTS: Final = ("separator", "gains", "prescription")
_WHOLE_LOSS: Final = "loss"

Levels = Mapping[str, str]
"""The level of each factor that applies to a run, and its seed."""


@dataclass(frozen=True)
class Effect:
    """A level of a factor beside its reference level, averaged over all other factors.

    Attributes:
        factor: ``"separator"``, ``"gains"``, ``"weight of haaqi-light"``, ``"learning_rate"``, ...
        level: the level, such as ``"cnn-residual"`` or ``"10"``.
        reference: the level that it is compared with.
        mean: of the matched runs of the level.
        reference_mean: of the matched runs of the reference.
        comparison: the paired difference, with its p-value before Holm.
        p: Holm-corrected over all effects of the leaderboard.
        matches: pairs of runs that were compared.
        by_seed: the difference of each seed alone, by seed; empty where nothing has a seed.
    """

    factor: str
    level: str
    reference: str
    mean: Interval
    reference_mean: Interval
    comparison: Comparison
    p: float
    matches: int
    by_seed: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class _Data:
    """Runs by id: levels, scores (a column each), references; and the bounds of the scores."""

    levels: Mapping[str, Levels]
    wide: pd.DataFrame
    references: Mapping[str, int]
    bounds: Bounds


def main_effects(board: Board, table: Leaderboard, *, key: str = "") -> list[Effect]:
    """The effects of all factors in which the comparable rows of a leaderboard differ.

    Args:
        board: the board that the leaderboard was made of.
        table: from :func:`bench.leaderboard.table.leaderboard`.
        key: the score, as in its columns: ``"haaqi"``, ``"sdr"``, ``"haaqi/left"``; the first
            column's unless given.

    Returns:
        By factor and level; empty where the rows differ in nothing or have no such score. The
        reference level is that of the baseline's row, else the least number, else that of
        the oldest run.
    """
    rows = sorted(table.comparable, key=lambda row: str(row.run["created"]))
    levels = {row.run["run_id"]: found for row, found in zip(rows, levels_of(rows), strict=True)}
    key = key or (table.columns[0].key if table.columns else "")
    wide = _wide(board, list(levels), key, table.rules.hearing_loss_below)
    base = next(
        (levels[row.run["run_id"]] for row in rows if table.baseline in (row.label, row.system)), {}
    )
    references = {str(row.run["run_id"]): row.reference for row in rows}
    data = _Data(levels, wide, references, bounds_of(key))
    found = [
        effect for factor in _factors(levels.values()) for effect in _effects_of(factor, data, base)
    ]
    corrected = holm([effect.comparison.p for effect in found])
    return [replace(effect, p=p) for effect, p in zip(found, corrected, strict=True)]


def _wide(
    board: Board, run_ids: Sequence[str], key: str, hearing_loss_below: float | None
) -> pd.DataFrame:
    """Scores by PAIR (rows) and run (columns); runs without any are left out."""
    scores = PairScores(board, run_ids, hearing_loss_below)
    by_run = {run_id: scores.series(run_id, key) for run_id in run_ids}
    found = {run_id: values for run_id, values in by_run.items() if values.count()}
    return pd.concat(found, axis=1) if found else pd.DataFrame()


def levels_of(rows: Sequence[Row]) -> list[Levels]:
    """The level of each factor in each run; runs whose spec cannot be read have none."""
    specs = [_spec(row.run["spec_json"]) for row in rows]
    weights = [_weights(spec) for spec in specs]
    terms = sorted({term for found in weights for term in found or ()})
    trained = [found for found in weights if found is not None]
    varying = [term for term in terms if len({found.get(term, 0.0) for found in trained}) > 1]
    return _without_fixed_options(
        [
            {**_parts(spec), **_loss_level(spec, found, varying)}
            for spec, found in zip(specs, weights, strict=True)
        ]
    )


def _without_fixed_options(runs: Sequence[Levels]) -> list[Levels]:
    """Leave out options that come with their plugin: only those chosen apart from it are factors.

    Two separators whose overlaps differ by default must still be comparable.
    """
    values: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        for name in run:
            part = name.partition(".")[0]
            if part in _PARTS and name != part:
                values.setdefault((run[part], name), set()).add(run[name])
    chosen = {name for (_, name), found in values.items() if len(found) > 1}
    options = {name for _, name in values}
    return [{k: v for k, v in run.items() if k not in options or k in chosen} for run in runs]


def _spec(text: str | None) -> dict[str, Any]:
    try:
        spec = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {}
    return spec if isinstance(spec, dict) else {}


def _parts(spec: Mapping[str, Any]) -> dict[str, str]:
    """Plugins, their options, the training's settings and the seed."""
    found: dict[str, str] = {}
    for part in _PARTS:
        choice = spec.get(part)
        if isinstance(choice, dict) and "name" in choice:
            found[part] = str(choice["name"])
            options = choice.get("options") or {}
            found |= {f"{part}.{name}": _text(value) for name, value in options.items()}
    for choice in spec.get("losses") or ():
        options = choice.get("options") or {}
        found |= {f"loss.{choice['name']}.{name}": _text(v) for name, v in options.items()}
    found |= {name: _text(value) for name, value in (spec.get("training") or {}).items()}
    if "seed" in spec:
        found[SEED] = str(spec["seed"])
    return found


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _weights(spec: Mapping[str, Any]) -> dict[str, float] | None:
    """The weight of each loss term; None where nothing is trained."""
    loss = spec.get("loss")
    if not loss:
        return None
    known = [choice["name"].rpartition("/")[2] for choice in spec.get("losses") or ()]
    try:
        expression = LossExpression.parse(loss, known)
        return {term.label: term.weight for term in expression.terms}
    except BenchError:  # of another version's grammar: it stands for itself
        return {str(loss): 1.0}


def _loss_level(
    spec: Mapping[str, Any], weights: Mapping[str, float] | None, varying: Sequence[str]
) -> dict[str, str]:
    if weights is None or not varying:
        return {}
    if len(varying) > 1:
        return {_WHOLE_LOSS: str(spec["loss"])}
    return {f"weight of {varying[0]}": f"{weights.get(varying[0], 0.0):g}"}


def _factors(levels: Collection[Levels]) -> list[str]:
    """The factors that have more than one level, in the order of the flow."""
    names = dict.fromkeys(name for found in levels for name in found if name != SEED)
    return [name for name in names if len({found[name] for found in levels if name in found}) > 1]


def _effects_of(factor: str, data: _Data, base: Levels) -> Iterator[Effect]:
    levels, runs = data.levels, data.wide.columns
    known = list(dict.fromkeys(levels[run][factor] for run in levels if factor in levels[run]))
    known = _sorted(known)
    reference = base.get(factor, known[0])
    for level in known:
        matches = [
            (ours, theirs)
            for ours in runs
            for theirs in runs
            if levels[ours].get(factor) == level
            and levels[theirs].get(factor) == reference
            and data.references[ours] == data.references[theirs]
            and _alike(levels[ours], levels[theirs], factor)
        ]
        if level != reference and matches:
            yield _effect(factor, level, reference, matches, data)


def _sorted(known: list[str]) -> list[str]:
    """Numbers by size; names as they came."""
    try:
        return sorted(known, key=float)
    except ValueError:
        return known


def _alike(one: Levels, two: Levels, factor: str) -> bool:
    """Whether two runs are equal in all other factors, and the seed, that apply to both."""
    shared = (one.keys() & two.keys()) - {factor}
    return all(one[name] == two[name] for name in shared)


def _effect(
    factor: str,
    level: str,
    reference: str,
    matches: Sequence[tuple[str, str]],
    data: _Data,
) -> Effect:
    levels, wide = data.levels, data.wide
    ours = wide[[one for one, _ in matches]].to_numpy()
    theirs = wide[[two for _, two in matches]].to_numpy()
    differences = ours - theirs
    missing = np.isnan(differences)
    averaged = _over_matches(differences, wide.index)
    seeds = [levels[one].get(SEED, levels[two].get(SEED)) for one, two in matches]
    by_seed = {
        int(seed): float(_over_matches(differences[:, [s == seed for s in seeds]]).mean())
        for seed in dict.fromkeys(seeds)
        if seed is not None
    }
    return Effect(
        factor=factor,
        level=level,
        reference=reference,
        mean=_mean(np.where(missing, np.nan, ours), data),
        reference_mean=_mean(np.where(missing, np.nan, theirs), data),
        comparison=compared_with_none(averaged, bounds=data.bounds),
        p=float("nan"),
        matches=len(matches),
        by_seed=tuple(sorted(by_seed.items())),
    )


def _mean(values: NDArray[np.float64], data: _Data) -> Interval:
    return clustered_mean(_over_matches(values, data.wide.index), bounds=data.bounds)


def _over_matches(values: NDArray[np.float64], index: pd.Index | None = None) -> pd.Series:
    """The mean of each (song, scene, listener) over the matches that have it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a pair that no match has
        means = np.nanmean(values, axis=1)
    return pd.Series(means, index).dropna()
