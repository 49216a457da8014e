"""Merge boards: copy the runs of one into another without losing a score."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from bench.board.layout import checkpoint_folder, run_file, training_folder, verified_folder
from bench.board.schema import PROFILE_METRIC, TIME_METRIC
from bench.board.store import Board
from bench.errors import BenchError, first_few
from bench.runtime.files import replacing

_PLACE: Final = ["scene", "listener", "metric", "part"]
_NAMED: Final = 5
"""Most conflicts that a message names."""


@dataclass(frozen=True)
class Merged:
    """The result of a merge: ids of new runs, and of runs that gained scenes."""

    new: tuple[str, ...]
    completed: tuple[str, ...]


def merge(into: Board, other: Board) -> Merged:
    """Copy the runs of a board into another of the same suite; what is in both is kept.

    Nothing is written where a run has different scores on the two.

    Raises:
        BenchError: the boards are of different suites, a file of one is damaged, or scores of one
            run differ; it names them.
    """
    ours, theirs = into.runs(), other.runs()
    suites = sorted({*ours["suite"], *theirs["suite"]})
    if len(suites) > 1:
        hint = "A board holds one suite: bench board show BOARD says which."
        raise BenchError(
            f"the boards have different suites: {' and '.join(suites)}", where="merge", hint=hint
        )
    shared = [run_id for run_id in theirs["run_id"] if run_id in set(ours["run_id"])]
    conflicts = [line for run_id in shared for line in _conflicts(into, other, run_id)]
    damaged = {**into.damaged, **other.damaged}
    if damaged:
        path, why = next(iter(damaged.items()))
        raise BenchError(f"a file cannot be read: {why}", where=str(path), hint="Remove it first.")
    if conflicts:
        named = first_few(conflicts, _NAMED, "; ")
        hint = "Decide which to keep: bench board verify RUN; bench board remove RUN --out BOARD"
        raise BenchError(f"the boards disagree: {named}", where=str(other.path), hint=hint)
    new = [run_id for run_id in theirs["run_id"] if run_id not in set(shared)]
    for run_id in new:
        _copy_run(into, other, run_id)
    completed = [run_id for run_id in shared if _complete(into, other, run_id)]
    return Merged(tuple(new), tuple(completed))


def _conflicts(into: Board, other: Board, run_id: str) -> Iterator[str]:
    """The scores of a run that differ between two boards that both have them."""
    one, two = _values(into, run_id), _values(other, run_id)
    both = pd.concat({"ours": one, "theirs": two}, axis=1, join="inner")
    differ = ~((both.ours == both.theirs) | (both.ours.isna() & both.theirs.isna()))
    if differ.any():
        first = both[differ].iloc[0]
        place = ", ".join(map(str, both.index[differ][0]))
        count = int(differ.sum())
        yield f"{run_id}: {count} scores, as {place}: {first.ours} and {first.theirs}"


def _values(board: Board, run_id: str) -> pd.Series:
    frame = board.scores(run_id, columns=[*_PLACE, "value"])
    frame = frame[~frame["metric"].isin([TIME_METRIC, PROFILE_METRIC])]
    return frame.drop_duplicates(_PLACE, keep="last").set_index(_PLACE)["value"]


def _copy_run(into: Board, other: Board, run_id: str) -> None:
    """Copy all of a run; its row last, so that a row never lacks what it stands for."""
    for source in other.score_files(run_id):
        _copy(source, into.path / source.relative_to(other.path))
    _copy_beside(into, other, run_id)
    _copy(run_file(other.path, run_id), run_file(into.path, run_id))


def _complete(into: Board, other: Board, run_id: str) -> bool:
    """Copy the scenes that a run lacks here; return whether there were any."""
    _copy_beside(into, other, run_id)
    missing = other.scored_scenes(run_id) - into.scored_scenes(run_id)
    if not missing:
        return False
    rows = other.scores_table(run_id).to_pylist()
    for scene in sorted(missing):
        into.append_scores(run_id, scene, [row for row in rows if row["scene"] == scene])
    ours, theirs = into.run(run_id) or {}, other.run(run_id) or {}
    if _weight(theirs) > _weight(ours):
        _copy(run_file(other.path, run_id), run_file(into.path, run_id))
        into.consolidate(run_id)
    return True


def _weight(row: dict[str, object]) -> tuple[bool, int]:
    """The row of the more complete of two runs is the greater."""
    pairs = row.get("n_pairs")
    return row.get("status") in ("done", "failed-scenes"), pairs if isinstance(pairs, int) else 0


def _copy_beside(into: Board, other: Board, run_id: str) -> None:
    """Copy training logs, checkpoints and verifications that are not here."""
    for folder in (training_folder, checkpoint_folder, verified_folder):
        for source in _files(folder(other.path, run_id)):
            target = into.path / source.relative_to(other.path)
            if not target.exists():
                _copy(source, target)


def _files(folder: Path) -> Sequence[Path]:
    found = folder.rglob("*") if folder.is_dir() else ()
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def _copy(source: Path, target: Path) -> None:
    try:
        with replacing(target) as draft:
            shutil.copyfile(source, draft)
    except OSError as error:
        hint = "Check that there is space and that you may write there, then merge again."
        raise BenchError(
            f"it cannot be copied: {error.strerror or error}", where=str(source), hint=hint
        ) from error
