"""Import the ratings of a listening test into a board.

The files themselves are kept in the board, under ``ratings/<test>/``; the scores are made of them
anew at every import, so that a file may be brought twice and the screening sees all participants.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bench.errors import BenchError
from bench.listening.abx import p_of_guessing
from bench.listening.blind import KEY_FORMAT, METHODS
from bench.runtime.documents import read_json
from bench.runtime.files import replacing

if TYPE_CHECKING:
    from bench.board.store import Board

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
        trials: trials rated, or comparisons answered.
        missed: of MUSHRA, those in which the hidden reference was rated below LEAST_REFERENCE.
        anchors_high: of MUSHRA, those in which an anchor was rated above it.
        right: of ABX, comparisons answered rightly.
        checked: whether the check of the headphones was passed; None where there was none.
        answers: to the questions at the end, by id.
    """

    code: str
    trials: int
    missed: int = 0
    anchors_high: int = 0
    right: int = 0
    checked: bool | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)

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
        method: ``"mushra"`` or ``"abx"``, the metric of the scores: its part ``mean`` is over
            participants, ``participant/<code>`` is of one.
        participants: all of the board's, by code.
        ratings: of those who count: ``participant``, ``scene``, ``listener``, ``kind``, ``name``
            (a run's label, ``reference``, ``mixture``, ``anchor 3500 Hz``), ``run_id``, ``rating``
            (of ABX 1 for a right answer and 0 for a wrong one).
        absent: labels of runs that were rated and are not on the board.
    """

    board: Path
    test: str
    method: str
    participants: tuple[Participant, ...]
    ratings: pd.DataFrame
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Distinguished:
    """How often a system was distinguished from the reference in an ABX test.

    Attributes:
        label: of the system.
        right: right answers, of all participants and excerpts.
        answers: answers.
        p: probability of at least this many right ones by guessing.
    """

    label: str
    right: int
    answers: int
    p: float


def distinguished(ratings: pd.DataFrame) -> list[Distinguished]:
    """The systems of an ABX test, the most often distinguished ones first.

    Args:
        ratings: of :class:`ImportedRatings`.
    """
    counts = [(str(name), int(own.rating.sum()), len(own)) for name, own in ratings.groupby("name")]
    found = [Distinguished(*one, p_of_guessing(*one[1:])) for one in counts]
    return sorted(found, key=lambda one: -one.right / one.answers)


def import_ratings(board: Board, key: Path, files: Sequence[Path]) -> ImportedRatings:
    """Keep the files of participants in a board, and recompute its scores from all of them.

    Args:
        board: with the runs that were rated.
        key: the test's key.json.
        files: those that participants sent.

    Raises:
        BenchError: a file is damaged, incomplete, of another test, or rates unknown signals.
    """
    answers = read_key(key)
    test = str(answers["test"])
    folder = board.path / "ratings" / test
    new = _by_participant([(path, read_ratings(path, answers)) for path in files])
    for code, found in new.items():
        _check_session(folder / f"ratings-{code}.json", found, answers)
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
    return ImportedRatings(board.path, test, _method(answers), participants, ratings, absent)


def _method(answers: Mapping[str, Any]) -> str:
    return str(answers.get("method", METHODS[0]))


def _by_participant(found: Sequence[tuple[Path, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Ratings by participant; of those that one session sent twice, the ones that ended last.

    Raises:
        BenchError: two are of one participant.
    """
    new: dict[str, dict[str, Any]] = {}
    for path, own in found:
        other = new.get(own["participant"])
        if other is not None and not (own.get("session") and _is_one_session(own, other)):
            hint = "Each participant needs a different code."
            raise BenchError("two files have the same participant", where=str(path), hint=hint)
        if other is None or str(own.get("finished", "")) >= str(other.get("finished", "")):
            new[own["participant"]] = own
    return new


def _check_session(path: Path, new: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
    """See that the board has no ratings of somebody else under this code.

    Raises:
        BenchError: there are such ratings.
    """
    if path.exists() and not _is_one_session(new, read_ratings(path, answers)):
        what = f"the board already has ratings of another session by '{new['participant']}'"
        hint = "Give one of the two another code, or remove this file to replace it."
        raise BenchError(what, where=str(path), hint=hint)


def _is_one_session(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two files are of one session, or do not say of which."""
    ids = {one.get("session"), other.get("session")} - {None}
    return len(ids) < 2


def read_key(path: Path) -> dict[str, Any]:
    """A test's key.

    Raises:
        BenchError: it is not a key.
    """
    answers = _read(path, KEY_FORMAT)
    if not (_CODE.fullmatch(str(answers.get("test"))) and isinstance(answers.get("trials"), dict)):
        raise BenchError("the key is damaged", where=str(path))
    if _method(answers) not in METHODS:
        hint = "Update bench to read it."
        raise BenchError(f"unknown method '{_method(answers)}'", where=str(path), hint=hint)
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
        hint = "Letters, digits, - and _; at most 40 characters."
        raise BenchError("the participant's code is not valid", where=str(path), hint=hint)
    rows = found.get("ratings") or ()
    if not (isinstance(rows, list | tuple) and all(isinstance(row, dict) for row in rows)):
        raise BenchError("the ratings are damaged", where=str(path))
    for name in ("answers", "checks"):
        if not isinstance(found.get(name, {}), dict):
            raise BenchError(f"the {name} are damaged", where=str(path))
    check = _check_abx if _method(answers) == "abx" else _check_mushra
    check(rows, answers, str(path))
    return found


def _check_mushra(rows: Sequence[dict[str, Any]], answers: Mapping[str, Any], where: str) -> None:
    """See that each signal of each trial is rated once, from 0 to 100."""
    wanted = {
        (trial, signal) for trial, own in answers["trials"].items() for signal in own["signals"]
    }
    rated: set[tuple[str, str]] = set()
    for row in rows:
        place, value = (str(row.get("trial")), str(row.get("signal"))), row.get("rating")
        # A bool is a number to Python, and NaN fails both comparisons.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            raise BenchError(f"a rating is not from 0 to 100: {value!r}", where=where)
        if place not in wanted or place in rated:
            raise BenchError("a signal is unknown or rated twice", where=where)
        rated.add(place)
    if rated != wanted:
        what = f"{len(wanted - rated)} of {len(wanted)} signals are not rated"
        raise BenchError(what, where=where)


def _check_abx(rows: Sequence[dict[str, Any]], answers: Mapping[str, Any], where: str) -> None:
    """See that each comparison is answered as often as it is asked, by a or b."""
    trials, repeats = answers["trials"], int(answers.get("repeats", 1))
    wanted = {(trial, repeat) for trial in trials for repeat in range(1, repeats + 1)}
    answered: set[tuple[str, int]] = set()
    for row in rows:
        repeat = row.get("repeat")
        place = (str(row.get("trial")), repeat if isinstance(repeat, int) else 0)
        known = place in wanted and str(row.get("x")) in trials[place[0]]["signals"]
        if not known or place in answered:
            raise BenchError("a comparison is unknown or answered twice", where=where)
        if row.get("answer") not in ("a", "b"):
            raise BenchError(f"an answer is not a or b: {row.get('answer')!r}", where=where)
        answered.add(place)
    if answered != wanted:
        what = f"{len(wanted - answered)} of {len(wanted)} comparisons are not answered"
        raise BenchError(what, where=where)


def _read(path: Path, form: str) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict) or found.get("format") != form:
        raise BenchError(f"this is not a file of the format {form}", where=str(path))
    if found.get("version") != 1:
        hint = "Update bench to read it."
        raise BenchError(f"unknown version {found.get('version')}", where=str(path), hint=hint)
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
    checked = one.get("checks", {}).get("passed")
    rows = list(_rows(one, answers))
    common = {
        "checked": checked if isinstance(checked, bool) else None,
        "answers": one.get("answers", {}),
    }
    code = str(one["participant"])
    if _method(answers) == "abx":
        right = sum(int(row["rating"]) for row in rows)
        return Participant(code, len(rows), right=right, **common)
    missed, high = set(), set()
    for row in rows:
        if row["kind"] == "reference" and row["rating"] < LEAST_REFERENCE:
            missed.add(row["trial"])
        if row["kind"] == "anchor" and row["rating"] > LEAST_REFERENCE:
            high.add(row["trial"])
    return Participant(code, len(answers["trials"]), len(missed), len(high), **common)


def _rows(one: Mapping[str, Any], answers: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """The ratings of a participant with what they are of; of ABX whether each answer is right."""
    is_abx = _method(answers) == "abx"
    for row in one["ratings"]:
        trial = answers["trials"][row["trial"]]
        signal = trial["signals"][row["x" if is_abx else "signal"]]
        rating = float(row["rating"]) if not is_abx else 0.0
        if is_abx:
            rating = float((row["answer"] == "b") == (signal["kind"] == "system"))
            signal = next(own for own in trial["signals"].values() if own["kind"] == "system")
        kind = signal["kind"]
        anchor = f"anchor {signal['cutoff_hz']:g} Hz" if kind == "anchor" else kind
        yield {
            "participant": one["participant"],
            "trial": row["trial"],
            "scene": trial["scene"],
            "listener": trial["listener"],
            "kind": kind,
            "name": signal.get("label", anchor),
            "run_id": signal.get("run_id", ""),
            "rating": rating,
        }


def _write_scores(board: Board, answers: Mapping[str, Any], ratings: pd.DataFrame) -> Iterable[str]:
    """Put the ratings beside the runs' other scores; the labels of runs that are not there."""
    rated = {
        (signal["run_id"], trial["scene"], trial["listener"]): signal["label"]
        for trial in answers["trials"].values()
        for signal in trial["signals"].values()
        if signal["kind"] == "system"
    }
    metric = _method(answers)
    groups = dict(iter(ratings.groupby(["run_id", "scene", "listener"])))
    absent: dict[str, None] = {}
    for (run_id, scene, listener), label in rated.items():
        scores = board.scores(run_id)
        about = scores[(scores.scene == scene) & (scores.listener == listener)]
        if about.empty:
            absent[label] = None
            continue
        kept = scores[scores.scene == scene].drop(columns="run_id").astype(object)
        old = (kept.metric == metric) & (kept.listener == listener)
        rows = kept[~old].where(kept[~old].notna(), None).to_dict("records")
        who = {name: about[name].iloc[0] for name in ("song", "genre", "pta_left", "pta_right")}
        values = groups.get((run_id, scene, listener))
        if values is not None:
            by_code = {str(code): fmean(own) for code, own in values.groupby("participant").rating}
            parts = {"mean": fmean(by_code.values())} | {
                f"participant/{code}": value for code, value in by_code.items()
            }
            rows += [
                {"scene": scene, "listener": listener, **who, "metric": metric, "part": part}
                | {"value": value, "status": "ok", "reason": ""}
                for part, value in parts.items()
            ]
        board.append_scores(run_id, scene, rows)
    for run_id in {run_id for run_id, _, _ in rated}:
        board.consolidate(run_id)
    return list(absent)
