"""Brings the ratings of a listening test into a board.

The files themselves are kept in the board, under ``ratings/<test>/``; the scores are made of them
anew at every import, so that a file may be brought twice and the screening sees all participants.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bench.errors import BenchError
from bench.listening.mushra import KEY_FORMAT
from bench.runtime.documents import read_json
from bench.runtime.files import replacing

if TYPE_CHECKING:
    from bench.board.store import Board

METRIC: Final = "mushra"
"""The metric; its part ``mean`` is over participants, ``participant/<code>`` is of one."""
RATINGS_FORMAT: Final = "bench-ratings"
LEAST_REFERENCE: Final = 90.0
"""A hidden reference that is rated lower was not recognised (post-screening of BS.1534-3)."""
MOST_MISSED: Final = 0.15
"""The share of trials in which a participant may fail to."""
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class Participant:
    """One participant of a test, and how well the hidden reference was recognised.

    Attributes:
        code: the participant's code.
        trials: trials rated.
        missed: those in which the hidden reference was rated below LEAST_REFERENCE.
        anchors_high: those in which an anchor was rated above it.
    """

    code: str
    trials: int
    missed: int
    anchors_high: int

    @property
    def excluded(self) -> bool:
        """Whether the ratings do not count: too many references missed."""
        return self.missed > MOST_MISSED * self.trials


@dataclass(frozen=True)
class ImportedRatings:
    """The ratings that a board has of a listening test, after an import.

    Attributes:
        board: folder of the board.
        test: the test's id.
        participants: all of the board's, by code.
        ratings: of those who count: ``participant``, ``scene``, ``listener``, ``kind``, ``name``
            (a run's label, ``reference``, ``mixture``, ``anchor 3500 Hz``), ``run_id``, ``rating``.
        absent: labels of runs that were rated and are not on the board.
    """

    board: Path
    test: str
    participants: tuple[Participant, ...]
    ratings: pd.DataFrame
    absent: tuple[str, ...]


def import_ratings(board: Board, key: Path, files: Sequence[Path]) -> ImportedRatings:
    """Keep the files of participants in a board, and make its scores of all that it has.

    Args:
        board: with the runs that were rated.
        key: the test's key.json.
        files: those that participants sent.

    Raises:
        BenchError: a file is damaged, of another test, incomplete, or rates what is not in it.
    """
    answers = read_key(key)
    test = str(answers["test"])
    folder = board.path / "ratings" / test
    new = {found["participant"]: found for found in (read_ratings(path, answers) for path in files)}
    if len(new) < len(files):
        hint = "Each participant has a code of his or her own."
        raise BenchError("two files are of one participant", where="ratings", hint=hint)
    _keep(folder / "key.json", answers)
    for code, found in new.items():
        _keep(folder / f"ratings-{code}.json", found)
    everyone = [read_ratings(path, answers) for path in sorted(folder.glob("ratings-*.json"))]
    participants = tuple(_screened(one, answers) for one in everyone)
    counted = {one.code for one in participants if not one.excluded}
    ratings = pd.DataFrame(
        [row for one in everyone if one["participant"] in counted for row in _rows(one, answers)],
        columns=["participant", "scene", "listener", "kind", "name", "run_id", "rating"],
    )
    absent = tuple(_write_scores(board, answers, ratings))
    return ImportedRatings(board.path, test, participants, ratings, absent)


def read_key(path: Path) -> dict[str, Any]:
    """A test's key.

    Raises:
        BenchError: it is none.
    """
    answers = _read(path, KEY_FORMAT)
    if not (_CODE.fullmatch(str(answers.get("test"))) and isinstance(answers.get("trials"), dict)):
        raise BenchError("the key is damaged", where=str(path))
    return answers


def read_ratings(path: Path, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The ratings of one participant, checked against the key.

    Raises:
        BenchError: it is of another test, damaged, or not complete.
    """
    found = _read(path, RATINGS_FORMAT)
    if found.get("test") != answers["test"]:
        what = f"these ratings are of the test '{found.get('test')}', not '{answers['test']}'"
        raise BenchError(what, where=str(path))
    if not _CODE.fullmatch(str(found.get("participant"))):
        hint = "Letters, digits, - and _; 40 at most."
        raise BenchError("the participant's code is not valid", where=str(path), hint=hint)
    wanted = {
        (trial, signal) for trial, own in answers["trials"].items() for signal in own["signals"]
    }
    rated: set[tuple[str, str]] = set()
    for row in found.get("ratings") or ():
        if not isinstance(row, dict):
            raise BenchError("the ratings are damaged", where=str(path))
        place, value = (str(row.get("trial")), str(row.get("signal"))), row.get("rating")
        # A bool is a number to Python, and NaN fails both comparisons.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            raise BenchError(f"a rating is not from 0 to 100: {value!r}", where=str(path))
        if place not in wanted or place in rated:
            raise BenchError("a signal is unknown or rated twice", where=str(path))
        rated.add(place)
    if rated != wanted:
        what = f"{len(wanted - rated)} of {len(wanted)} signals are not rated"
        raise BenchError(what, where=str(path))
    return found


def _read(path: Path, form: str) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict) or found.get("format") != form:
        raise BenchError(f"this is no file of the format {form}", where=str(path))
    if found.get("version") != 1:
        hint = "Update bench to read it."
        raise BenchError(f"version {found.get('version')} is not known", where=str(path), hint=hint)
    return found


def _keep(path: Path, content: Mapping[str, Any]) -> None:
    try:
        with replacing(path) as draft:
            draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise BenchError(
            f"cannot be written: {error.strerror or error}", where=str(path)
        ) from error


def _screened(one: Mapping[str, Any], answers: Mapping[str, Any]) -> Participant:
    missed, high = set(), set()
    for row in one["ratings"]:
        kind = answers["trials"][row["trial"]]["signals"][row["signal"]]["kind"]
        if kind == "reference" and row["rating"] < LEAST_REFERENCE:
            missed.add(row["trial"])
        if kind == "anchor" and row["rating"] > LEAST_REFERENCE:
            high.add(row["trial"])
    return Participant(str(one["participant"]), len(answers["trials"]), len(missed), len(high))


def _rows(one: Mapping[str, Any], answers: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for row in one["ratings"]:
        trial = answers["trials"][row["trial"]]
        signal = trial["signals"][row["signal"]]
        kind = signal["kind"]
        anchor = f"anchor {signal['cutoff_hz']:g} Hz" if kind == "anchor" else kind
        yield {
            "participant": one["participant"],
            "scene": trial["scene"],
            "listener": trial["listener"],
            "kind": kind,
            "name": signal.get("label", anchor),
            "run_id": signal.get("run_id", ""),
            "rating": float(row["rating"]),
        }


def _write_scores(board: Board, answers: Mapping[str, Any], ratings: pd.DataFrame) -> Iterable[str]:
    """Put the ratings beside the runs' other scores; the labels of runs that are not there."""
    rated = {
        (signal["run_id"], trial["scene"], trial["listener"]): signal["label"]
        for trial in answers["trials"].values()
        for signal in trial["signals"].values()
        if signal["kind"] == "system"
    }
    groups = dict(iter(ratings.groupby(["run_id", "scene", "listener"])))
    absent: dict[str, None] = {}
    for (run_id, scene, listener), label in rated.items():
        scores = board.scores(run_id)
        about = scores[(scores.scene == scene) & (scores.listener == listener)]
        if about.empty:
            absent[label] = None
            continue
        kept = scores[scores.scene == scene].drop(columns="run_id").astype(object)
        old = (kept.metric == METRIC) & (kept.listener == listener)
        rows = kept[~old].where(kept[~old].notna(), None).to_dict("records")
        who = {name: about[name].iloc[0] for name in ("song", "genre", "pta_left", "pta_right")}
        values = groups.get((run_id, scene, listener))
        if values is not None:
            parts = {"mean": fmean(values.rating)} | {
                f"participant/{code}": value
                for code, value in zip(values.participant, values.rating, strict=True)
            }
            rows += [
                {"scene": scene, "listener": listener, **who, "metric": METRIC, "part": part}
                | {"value": value, "status": "ok", "reason": ""}
                for part, value in parts.items()
            ]
        board.append_scores(run_id, scene, rows)
    for run_id in {run_id for run_id, _, _ in rated}:
        board.consolidate(run_id)
    return list(absent)
