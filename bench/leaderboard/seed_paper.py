"""The seed paper's three tables in its form, from runs of the study, with its own values beside.

The first has HAAQI-Net and SDR in training, the second the losses, the third validation, each by
epoch. Before them stands what the paper does not have: each system under both references, since its
own reference moves with the gains of the system that is judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from bench.board.store import Board
from bench.leaderboard.export import interval
from bench.leaderboard.headline import bounds_of
from bench.leaderboard.published import (
    published_results,
    published_table,
    published_training,
)
from bench.leaderboard.statistics import PAIR, clustered_mean, compare
from bench.tables.sections import Section, finite

SOURCE: Final = "fine-tuned HDemucs + CNN gains + HAAQI-Net objective"
"""The paper's system in the published results."""
BASELINE: Final = "HDemucs baseline"
PREDICTED: Final = "haaqi-net"
PUBLISHED: Final = "published"
MOVED, FIXED = "shared-gains", "challenge"

_MOVED_WORDS: Final = (
    "HAAQI against a reference that has the system's own gains (shared-gains, the paper's) and "
    "against the clean remix that the scene requests (challenge, the official one); the difference "
    "is what the moved reference adds, paired by (song, scene, listener). Published values were "
    "computed with other code on other music."
)
_APART_WORDS: Final = (
    "The paper compares its score under its own reference with the baseline's official score. That "
    "difference is the sum of two: what the moved reference adds to the system's score, and how "
    "far the system is ahead of the baseline when both have the official reference."
)


@dataclass(frozen=True)
class Trial:
    """A system of the study.

    Attributes:
        part: of the study; empty for a row that every board carries.
        label: the run's.
        alpha: the weight of HAAQI-Net in its loss; None where nothing is trained.
        others: weights of the other terms, by the term as it is written.
        runs: its run's id by reference protocol.
    """

    part: str
    label: str
    alpha: float | None
    others: Mapping[str, float]
    runs: Mapping[str, str]

    @property
    def short(self) -> str:
        """The part and alpha, or the label where nothing is trained."""
        return self.label if self.alpha is None else f"{self.part}, alpha {self.alpha:g}"


def seed_paper_sections(board: Board, trials: Sequence[Trial]) -> list[Section]:
    """All tables, those without values left out."""
    trained = [(trial, log) for trial in trials if not (log := log_of(board, trial)).empty]
    sections = [moved_reference(board, trials), *taken_apart(board, trials)]
    for part in dict.fromkeys(trial.part for trial, _ in trained):
        own = [(trial, log) for trial, log in trained if trial.part == part]
        sections.append(first_table(part, own))
    sections += [second_table(trial, log) for trial, log in _strongest(trained)]
    sections += [third_table(trial, log) for trial, log in _strongest(trained)]
    return [section for section in sections if section.rows]


def log_of(board: Board, trial: Trial) -> pd.DataFrame:
    """The log of a trial's training: epochs as rows, names as columns; empty without one."""
    for run_id in trial.runs.values():
        log = board.training(run_id)
        if not log.empty:
            wide: pd.DataFrame = log.pivot_table(index="epoch", columns="name", values="value")
            return wide.sort_index()
    return pd.DataFrame()


def _strongest(trained: Sequence[tuple[Trial, pd.DataFrame]]) -> list[tuple[Trial, pd.DataFrame]]:
    """Of each part the training with the greatest weight of HAAQI-Net: the paper's own is 10."""
    found: dict[str, tuple[Trial, pd.DataFrame]] = {}
    for trial, log in trained:
        kept = found.get(trial.part)
        if kept is None or (trial.alpha or 0) > (kept[0].alpha or 0):
            found[trial.part] = (trial, log)
    return list(found.values())


def moved_reference(board: Board, trials: Sequence[Trial]) -> Section:
    """Each system under both references, and the published ones under their own."""
    rows: list[dict[str, Any]] = []
    for trial in trials:
        by = {protocol: scores_of(board, run_id) for protocol, run_id in trial.runs.items()}
        if MOVED not in by or FIXED not in by:
            continue
        moved = compare(by[MOVED], by[FIXED], bounds=bounds_of("haaqi")).difference
        rows.append(
            {
                "system": trial.short,
                **_mean(MOVED, by[MOVED]),
                **_mean(FIXED, by[FIXED]),
                **interval("difference", moved),
                "n": moved.n,
            }
        )
    for system in (SOURCE, BASELINE):
        values = {row["protocol"]: row["value"] for row in _published_haaqi(system)}
        rows.append(
            {
                "system": f"published: {system}",
                **{protocol: values.get(protocol) for protocol in (MOVED, FIXED)},
            }
        )
    return Section("How much of a score is due to the moved reference", tuple(rows), _MOVED_WORDS)


def taken_apart(
    board: Board, trials: Sequence[Trial], base: str = "hdemucs + fixed"
) -> list[Section]:
    """The paper's comparison as a sum of the effect of the moved reference and of the system."""
    floor = next((t for t in trials if _plain(t.label).startswith(base) and FIXED in t.runs), None)
    if floor is None:
        return []
    theirs, bounds = scores_of(board, floor.runs[FIXED]), bounds_of("haaqi")
    rows = []
    for trial in trials:
        if trial is floor or not trial.part or set(trial.runs) < {MOVED, FIXED}:
            continue
        moved, fixed = (scores_of(board, trial.runs[protocol]) for protocol in (MOVED, FIXED))
        rows.append(
            {
                "system": trial.short,
                **interval(
                    "difference_as_published", compare(moved, theirs, bounds=bounds).difference
                ),
                **interval(
                    "difference_of_references", compare(moved, fixed, bounds=bounds).difference
                ),
                **interval(
                    "difference_of_systems", compare(fixed, theirs, bounds=bounds).difference
                ),
            }
        )
    published = {
        system: row["value"] for system in (SOURCE, BASELINE) for row in _published_haaqi(system)
    }
    if rows and len(published) == 2:
        rows.append(
            {
                "system": "published (its parts are not known)",
                "difference_as_published": published[SOURCE] - published[BASELINE],
            }
        )
    return [Section(f"The difference to {base} taken apart", tuple(rows), _APART_WORDS)]


def _plain(label: str) -> str:
    """A label without its parts' options.

    Example:
        >>> _plain("hdemucs[weights=musdb] + fixed (8 pairs)")
        'hdemucs + fixed (8 pairs)'
    """
    return re.sub(r"\[[^\]]*\]", "", label)


def first_table(part: str, trained: Sequence[tuple[Trial, pd.DataFrame]]) -> Section:
    """Table 1: HAAQI-Net and SDR in training by epoch, for each weight of a part."""
    columns: dict[str, pd.Series] = {}
    for title, values, name in (
        ("HAAQI-Net", predicted, "train/haaqi-net/mean"),
        ("SDR", ratio, "train/sdr/mean"),
    ):
        columns[f"{title}, {PUBLISHED}"] = published_curve(name)
        for trial, log in trained:
            columns[f"{title}, alpha {trial.alpha:g}"] = values(log)
    title = f"Table 1: HAAQI-Net and SDR (dB) in training, by epoch, {part}"
    return _by_epoch(title, columns, 1)


def second_table(trial: Trial, log: pd.DataFrame) -> Section:
    """Table 2: the losses by epoch, in the paper's form, where HAAQI-Net's is minus its score."""
    columns = {**losses(trial, log)}
    parts = [abs(columns[name]) * weight for name, weight in _weights(trial, columns).items()]
    if parts and PREDICTED in columns:
        whole = sum(parts[1:], parts[0])
        columns["share of HAAQI-Net"] = abs(columns[PREDICTED]) * (trial.alpha or 0) / whole
    return _by_epoch(f"Table 2: the losses by epoch, {trial.short}", columns, 2)


def third_table(trial: Trial, log: pd.DataFrame) -> Section:
    """Table 3: HAAQI and the difference of loudness in validation by epoch."""
    columns = {f"HAAQI, {PUBLISHED}": published_curve("valid/haaqi/mean")}
    for title, name in VALIDATION.items():
        if name in log:
            columns[title] = log[name]
    return _by_epoch(f"Table 3: validation by epoch, {trial.short}", columns, 3)


VALIDATION: Final = {
    "HAAQI": "valid/haaqi/mean",
    "left": "valid/haaqi/left",
    "right": "valid/haaqi/right",
    "difference of LUFS": "valid/lufs/mean",
}
"""Columns of the third table by title: names in a training's log."""


def predicted(log: pd.DataFrame) -> pd.Series:
    """HAAQI-Net's score in training: its loss is one minus it."""
    return 1.0 - _term(log, PREDICTED)


def ratio(log: pd.DataFrame) -> pd.Series:
    """SDR in training, dB: its loss is minus it."""
    return -_term(log, "sdr")


def losses(trial: Trial, log: pd.DataFrame) -> dict[str, pd.Series]:
    """The paper's five losses, unweighted but for the total: with minus HAAQI-Net's score."""
    if "loss" not in log:
        return {}
    found = {"total": log["loss"].dropna() - (trial.alpha or 0)}
    for name in ("mse", "sdr", "loudness", PREDICTED):
        values = _term(log, name)
        if len(values):
            found[name] = values - 1.0 if name == PREDICTED else values
    return found


def published_curve(name: str) -> pd.Series:
    """A published curve of the paper's training, by epoch; empty where it is not known."""
    points = {
        row["epoch"]: row["value"]
        for row in published_training()
        if row["system"] == SOURCE and row["name"] == name
    }
    return pd.Series(points, dtype=float)


def scores_of(board: Board, run_id: str) -> pd.Series:
    """HAAQI, mean of the ears, of every (song, scene, listener) of a run."""
    scores = board.scores(run_id, metric="haaqi")
    chosen = scores[(scores["part"] == "mean") & (scores["status"] == "ok")]
    values: pd.Series = chosen.set_index(PAIR)["value"]
    return values


def _published_haaqi(system: str) -> list[dict[str, Any]]:
    return [
        row
        for row in published_results()
        if (row["system"], row["metric"], row["part"], row["split"])
        == (system, "haaqi", "mean", "valid")
    ]


def _mean(name: str, scores: pd.Series) -> dict[str, float | None]:
    return interval(name, clustered_mean(scores, bounds=bounds_of("haaqi")))


def _term(log: pd.DataFrame, name: str) -> pd.Series:
    """The values of a loss term, wherever it acts; empty where there is none."""
    for column in map(str, log):
        kind, _, term = column.partition("/")
        if kind == "loss" and term.partition("@")[0] == name:
            values: pd.Series = log[column].dropna()
            return values
    return pd.Series(dtype=float)


def _weights(trial: Trial, columns: Mapping[str, pd.Series]) -> dict[str, float]:
    """The weight of each loss that a table has, by its column."""
    weights = {name: weight for name, weight in trial.others.items() if name in columns}
    return {**weights, PREDICTED: trial.alpha or 0.0} if PREDICTED in columns else weights


def _by_epoch(title: str, columns: Mapping[str, pd.Series], number: int) -> Section:
    """A row an epoch; a column whose values are not known is named in the note."""
    known = {name: values for name, values in columns.items() if len(values)}
    epochs = sorted({int(epoch) for values in known.values() for epoch in values.index})
    measured = any(PUBLISHED not in name for name in known)
    rows = tuple(
        {"epoch": epoch, **{name: _at(values, epoch) for name, values in known.items()}}
        for epoch in epochs
    )
    published = published_table(number)
    note = f"Not transcribed from the paper's table {number}: {', '.join(published['missing'])}."
    if published["known"]:
        note += f" What is known of it: {published['known']}."
    return Section(title, rows if measured else (), note, decimals=4)


def _at(values: pd.Series, epoch: int) -> float | None:
    return finite(float(values[epoch])) if epoch in values.index else None
