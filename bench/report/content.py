"""The content of a report, taken out of a board as small tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import EARS, STEMS, GainsSpec, MetricSpec
from bench.board.failures import Failure
from bench.board.pairs import PairScores
from bench.board.schema import GAINS_METRIC, PROFILE_METRIC, RUNS, TIME_METRIC
from bench.board.store import Board
from bench.hearing.audiograms import GROUPS, hearing_loss_grade
from bench.leaderboard.groups import grades_of
from bench.leaderboard.model import Column, Leaderboard, Row
from bench.leaderboard.render import clean
from bench.leaderboard.statistics import Interval, clustered_mean, paired
from bench.plugins import installed

MOST_FAILURES: Final = 200
"""Causes of failures that a report lists."""
_SHOWN_ALONE: Final = ("spec_json", "plugin_versions_json", "dataset_fingerprint")


@dataclass(frozen=True)
class System:
    """A row of the leaderboard that has scores: its label, and the number of its mark."""

    run_id: str
    label: str
    mark: int


@dataclass(frozen=True)
class RunDetails:
    """The exact settings of a run: documented columns with values, and the JSON texts, indented."""

    label: str
    facts: tuple[tuple[str, str, str], ...]
    """(column, value with unit, description)"""
    documents: tuple[tuple[str, str], ...]


def systems_of(table: Leaderboard) -> list[System]:
    """The rows that have scores, best first; a mark belongs to a run throughout a report."""
    scored = [row for row in table.rows if row.n]
    return [
        System(str(row.run["run_id"]), clean(row.label), number)
        for number, row in enumerate(scored)
    ]


@dataclass(frozen=True)
class Contrast:
    """A system's paired difference to the baseline in one group of pairs, and that of each song."""

    system: System
    mean: Interval
    songs: tuple[float, ...]


def differences_by_song(
    table: Leaderboard, systems: Sequence[System], scores: PairScores
) -> dict[str, list[Contrast]]:
    """Differences to the baseline's row: of all pairs, then by grade of hearing loss.

    Groups that are the only one, and systems that may not be compared, are left out.
    """
    rows = {str(row.run["run_id"]): row for row in table.rows}
    base = next((row for row in table.rows if row.is_baseline), None)
    if base is None or not table.columns:
        return {}
    key, bounds = table.columns[0].key, table.columns[0].bounds
    theirs = scores.series(str(base.run["run_id"]), key)
    grades = grades_of(scores)
    groups: dict[str, NDArray[np.bool_]] = {"all pairs": np.ones(len(grades), bool)}
    groups |= {name: grades == name for name in GROUPS if (grades == name).any()}
    if len(groups) == 2:
        groups.popitem()
    found: dict[str, list[Contrast]] = {}
    for group, there in groups.items():
        for system in systems:
            row = rows[system.run_id]
            if row.difference is None or row.is_baseline:
                continue
            both = paired(scores.series(system.run_id, key)[there], theirs[there])
            difference = both["ours"] - both["theirs"]
            if difference.empty:
                continue
            mean = clustered_mean(difference, bounds=bounds)
            by_song = difference.groupby(level="song").mean()
            found.setdefault(group, []).append(Contrast(system, mean, tuple(by_song)))
    return found


def by_listener(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean score of each run and listener: ``run_id``, ``listener``, ``pta`` (dB HL), ``value``.

    ``pta`` is the four-frequency average of both ears.
    """
    chosen = _part(scores, metric, "mean")
    chosen = chosen.assign(pta=chosen[["pta_left", "pta_right"]].mean(axis=1))
    grouped = chosen.groupby(["run_id", "listener"], sort=False)[["pta", "value"]].mean()
    return grouped.dropna().reset_index()


def by_stem(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Scores of each run, stem and pair: ``run_id``, ``song``, ``part``, ``value``."""
    chosen = scores[(scores.metric == metric) & scores.part.isin(STEMS) & (scores.status == "ok")]
    # Stems do not depend on the listener: one value a scene.
    found = chosen.drop_duplicates(["run_id", "scene", "part"])
    return found[["run_id", "song", "part", "value"]].astype({"part": object})


def stem_metric(table: Leaderboard) -> Column | None:
    """The first metric that has values for stems; None where there is none."""
    for column in table.columns:
        spec = installed().spec_of(MetricSpec, column.key)
        if spec is not None and set(STEMS) <= set(spec.parts):
            return column
    return None


def by_grade(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Scores by the listener's grade of hearing loss.

    The columns are ``run_id``, ``song``, ``listener``, ``part``, ``value``.
    """
    chosen = _part(scores, metric, "mean").dropna(subset=["pta_left", "pta_right"])
    pairs = list(zip(chosen.pta_left, chosen.pta_right, strict=True))
    grades = {pair: hearing_loss_grade(*pair) for pair in set(pairs)}
    return _in_groups(chosen, [grades[pair] for pair in pairs], GROUPS)


def by_ear(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Scores by ear, in the same form."""
    chosen = pd.concat([_part(scores, metric, ear) for ear in EARS])
    return _in_groups(chosen, list(chosen.part), EARS)


def by_genre(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Scores by genre, in the same form; songs whose genre is not known are left out."""
    chosen = _part(scores, metric, "mean")
    chosen = chosen.assign(genre=chosen.genre.astype(object).fillna(""))
    chosen = chosen[chosen.genre != ""]
    return _in_groups(chosen, list(chosen.genre), sorted(set(chosen.genre)))


def _in_groups(scores: pd.DataFrame, groups: Sequence[str], order: Sequence[str]) -> pd.DataFrame:
    present = [name for name in order if name in set(groups)]
    parts = pd.Categorical(pd.Series(groups, dtype=object), present)
    return scores.assign(part=parts)[["run_id", "song", "listener", "part", "value"]]


def learned_gains(
    scores: pd.DataFrame, runs: Sequence[Row], *, beyond: bool = False
) -> pd.DataFrame:
    """Gains of strategies that learn: ``run_id``, ``part``, ``pta`` (dB HL), ``value`` (dB).

    A gain that is the same for both ears is set against the average of both, one of an ear
    against that ear's. With `beyond`, what the scene asks for is subtracted, as far as a run with
    fixed gains tells it.
    """
    specs = {row.run["run_id"]: _gains_spec(row) for row in runs}
    learned = [run for run, spec in specs.items() if spec is None or spec.trainable]
    fixed = [run for run, spec in specs.items() if spec is not None and spec.is_request]
    applied = scores[scores.metric == GAINS_METRIC]
    chosen = applied[applied.run_id.isin(learned)]
    ear = chosen.part.str.extract(r"^(left|right)-", expand=False)
    pta = chosen[["pta_left", "pta_right"]].mean(axis=1)
    pta = pta.where(ear != "left", chosen.pta_left).where(ear != "right", chosen.pta_right)
    stem = chosen.part.str.replace(r"^(left|right)-", "", regex=True)
    chosen = chosen.assign(pta=pta, part=stem)
    if beyond:
        asked = applied[applied.run_id.isin(fixed)].drop_duplicates(["scene", "part"])
        asked = asked[["scene", "part", "value"]].rename(columns={"value": "requested"})
        chosen = chosen.merge(asked, on=["scene", "part"])
        chosen = chosen.assign(value=chosen.value - chosen.requested)
    return chosen[["run_id", "part", "pta", "value"]].dropna()


def _gains_spec(row: Row) -> GainsSpec | None:
    return installed().spec_of(GainsSpec, str(row.run["gains"]))


def stage_times(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean seconds a (scene, listener) pair by run (rows) and stage (columns), in their order.

    The finer stages of profiled runs, where there are any: then of those runs alone.
    """
    chosen = scores[scores.metric == PROFILE_METRIC]
    if chosen.empty:
        chosen = scores[scores.metric == TIME_METRIC]
    chosen = chosen.astype({"run_id": str, "part": str})
    total = chosen.pivot_table(
        index="run_id", columns="part", values="value", aggfunc="sum", sort=False
    )
    pairs = chosen.drop_duplicates(["run_id", "scene", "listener"]).groupby("run_id").size()
    return total.div(pairs, axis=0).fillna(0.0)


def failures(table: Leaderboard) -> list[tuple[str, Failure]]:
    """Why pairs failed: the system's label, and each cause once."""
    return [(clean(row.label), one) for row in table.rows for one in row.failures][:MOST_FAILURES]


def training_of(board: Board, runs: Sequence[Row]) -> dict[str, pd.DataFrame]:
    """Training log of each run that has one: epochs as rows, names as columns."""
    found = {}
    for row in runs:
        log = board.training(str(row.run["run_id"]))
        if not log.empty:
            wide = log.pivot_table(index="epoch", columns="name", values="value", sort=False)
            found[str(row.run["run_id"])] = wide.sort_index()
    return found


def details(row: Row) -> RunDetails:
    """The exact settings of each run."""
    facts = [
        (column.name, _fact(row.run[column.name], column.unit), column.description)
        for column in RUNS
        if column.name not in _SHOWN_ALONE and row.run[column.name] not in (None, "")
    ]
    documents = [(name, _indented(str(row.run[name]))) for name in _SHOWN_ALONE if row.run[name]]
    return RunDetails(clean(row.label), tuple(facts), tuple(documents))


def _part(scores: pd.DataFrame, metric: str, part: str) -> pd.DataFrame:
    return scores[(scores.metric == metric) & (scores.part == part) & (scores.status == "ok")]


def _fact(value: Any, unit: str) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, float):
        value = f"{value:.0f}" if value.is_integer() else f"{value:.1f}"
    return clean(f"{value} {unit}".strip())


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except json.JSONDecodeError:
        return text
