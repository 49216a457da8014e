"""The content of a report, taken out of a board as small tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import EARS, STEMS, GainsSpec, MetricSpec, SeparatorSpec
from bench.board.failures import Failure
from bench.board.pairs import PairScores
from bench.board.schema import GAINS_METRIC, PROFILE_METRIC, RUNS, TIME_METRIC
from bench.board.store import Board
from bench.hearing.audiograms import GROUPS, hearing_loss_grade
from bench.leaderboard.groups import grades_of, scores_of
from bench.leaderboard.model import Column, Leaderboard, Row
from bench.leaderboard.names import Name
from bench.leaderboard.render import clean
from bench.leaderboard.statistics import Interval, compared_with_none
from bench.plugins import installed

MOST_FAILURES: Final = 200
"""Most causes of failures that a report lists."""
MOST_COLOURS: Final = 7
"""Most systems that can be distinguished by their colours."""
MOST_CHOSEN: Final = 6
"""Systems that are coloured when the page opens, where there are more than MOST_COLOURS."""
_SHOWN_ALONE: Final = ("spec_json", "rules_json", "plugin_versions_json", "dataset_fingerprint")
_TOLD_OF_EACH: Final = ("created", "finished", "seconds")
"""Facts of each run's own, even where they happen to be the same to a second."""


Array = NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """A line of the leaderboard that has scores, as figures show it.

    Attributes:
        run_id: its run; of several seeds the first one, which stands for all.
        name: in parts.
        mark: number of its colour and shape.
        chosen: whether it is coloured when the page opens; the others are grey.
        runs: all of its runs.
    """

    run_id: str
    name: Name
    mark: int
    chosen: bool = True
    runs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its name in one line."""
        return clean(str(self.name))


Facts = tuple[tuple[str, str, str], ...]
"""(column, value with unit, description)"""


@dataclass(frozen=True)
class RunDetails:
    """What is a run's own: documented columns with values, and the JSON texts, indented."""

    label: str
    facts: Facts
    documents: tuple[tuple[str, str], ...]


def systems_of(table: Leaderboard) -> list[System]:
    """The lines that have scores, best first.

    Of more than MOST_COLOURS systems the baseline and the best ranked ones are chosen.
    """
    lines = [row for row in table.systems if row.n]
    wanted = sorted(lines, key=lambda row: (not row.is_baseline, row.rank is None))
    chosen = {row.label for row in (lines if len(lines) <= MOST_COLOURS else wanted[:MOST_CHOSEN])}
    ordered = sorted(lines, key=lambda row: row.label not in chosen)
    marks = {row.label: number for number, row in enumerate(ordered)}
    found = []
    for row in lines:
        seeds = [one for one in table.rows if one.system == row.label] if row.seeds else [row]
        in_order = sorted(seeds, key=lambda one: int(one.run["seed"] or 0))
        runs = tuple(str(one.run["run_id"]) for one in in_order)
        found.append(System(runs[0], row.parts, marks[row.label], row.label in chosen, runs))
    return found


def seeds_together(scores: pd.DataFrame, systems: Sequence[System]) -> pd.DataFrame:
    """Scores with the ``run_id`` that stands for all seeds of a system."""
    several = {run: one.run_id for one in systems for run in one.runs[1:]}
    if not several:
        return scores
    return scores.assign(run_id=scores.run_id.astype(object).replace(several))


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

    Groups that are the only one are left out, and so are systems that may not be compared, and
    those that are given the clean stems, whose difference would set the scale.
    """
    base = next((row for row in table.systems if row.is_baseline), None)
    if base is None or not table.columns:
        return {}
    bounds = table.columns[0].bounds
    theirs = scores_of(base, table, scores)
    grades = grades_of(scores)
    groups: dict[str, NDArray[np.bool_]] = {"all pairs": np.ones(len(grades), bool)}
    groups |= {name: grades == name for name in GROUPS if (grades == name).any()}
    if len(groups) == 2:
        groups.popitem()
    lines = [row for row in table.systems if row.n]
    found: dict[str, list[Contrast]] = {}
    for row, system in zip(lines, systems, strict=True):
        if row.difference is None or row.is_baseline or _is_handed_stems(row):
            continue
        difference = scores_of(row, table, scores) - theirs
        for group, there in groups.items():
            own = difference[there].dropna()
            if len(own):
                mean = compared_with_none(own, bounds=bounds).difference
                by_song = own.groupby(level="song").mean()
                found.setdefault(group, []).append(Contrast(system, mean, tuple(by_song)))
    return {group: found[group] for group in groups if group in found}


def _is_handed_stems(row: Row) -> bool:
    spec = installed().spec_of(SeparatorSpec, str(row.run["separator"]))
    return spec is not None and spec.reads_stems


def song_means(table: Leaderboard, scores: PairScores) -> list[Array]:
    """The first score of each song, by line that has scores."""
    lines = (row for row in table.systems if row.n)
    values = (scores_of(row, table, scores).dropna() for row in lines)
    return [own.groupby(level="song").mean().to_numpy() for own in values]


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
    """The causes of failed pairs, each with the system's label."""
    return [(clean(row.shown), one) for row in table.rows for one in row.failures][:MOST_FAILURES]


def training_of(board: Board, runs: Sequence[Row]) -> dict[str, pd.DataFrame]:
    """Training log of each run that has one: epochs as rows, names as columns."""
    found = {}
    for row in runs:
        log = board.training(str(row.run["run_id"]))
        if not log.empty:
            wide = log.pivot_table(index="epoch", columns="name", values="value", sort=False)
            found[str(row.run["run_id"])] = wide.sort_index()
    return found


def with_trained(
    table: Leaderboard, systems: Sequence[System], logs: Mapping[str, pd.DataFrame]
) -> list[System]:
    """The systems, and after them the lines that are trained and have no scores yet."""
    found = list(systems)
    for row in table.systems:
        run_id = str(row.run["run_id"])
        if not row.n and run_id in logs:
            chosen = len(found) < MOST_COLOURS
            found.append(System(run_id, row.parts, len(found), chosen, (run_id,)))
    return found


def details(rows: Sequence[Row]) -> tuple[Facts, list[RunDetails]]:
    """The exact settings of the runs: what all have in common, and what is each one's own."""
    each = [_facts(row) for row in rows]
    common = [
        fact
        for fact in each[0]
        if each[1:] and fact[0] not in _TOLD_OF_EACH and all(fact in other for other in each)
    ]
    own = [
        RunDetails(
            clean(row.shown), tuple(fact for fact in facts if fact not in common), _texts(row)
        )
        for row, facts in zip(rows, each, strict=True)
    ]
    return tuple(common), own


def _facts(row: Row) -> Facts:
    return tuple(
        (column.name, _fact(row.run[column.name], column.unit), column.description)
        for column in RUNS
        if column.name not in _SHOWN_ALONE and row.run[column.name] not in (None, "")
    )


def _texts(row: Row) -> tuple[tuple[str, str], ...]:
    return tuple((name, _indented(str(row.run[name]))) for name in _SHOWN_ALONE if row.run[name])


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
