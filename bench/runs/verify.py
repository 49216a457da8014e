"""Verify a run by rescoring a random share of its pairs on this machine."""

from __future__ import annotations

import getpass
import json
import math
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bench.api import Dataset
from bench.board.schema import PROFILE_METRIC, TIME_METRIC
from bench.board.store import Board
from bench.errors import BenchError
from bench.plugins import Plugins
from bench.runtime.executors import executor
from bench.runtime.machine import environment
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.identity import code_hash
from bench.spec.resolve import open_dataset

if TYPE_CHECKING:
    from bench.runs.restore import StoredRun

_PLACE: Final = ["scene", "listener", "metric", "part"]


@dataclass(frozen=True)
class Verification:
    """The result of rescoring a share of a run.

    Attributes:
        run_id: the run.
        pairs: (scene, listener) pairs that were rescored.
        of: pairs of the run.
        difference: the largest difference of a score, in its metric's unit.
        where: the score with that difference: scene, listener, metric and part; empty without one.
        agrees: whether no score differs by more than was allowed, or is there on one side alone.
        by: who verified it.
        when: the time, UTC.
    """

    run_id: str
    pairs: int
    of: int
    difference: float
    where: str
    agrees: bool
    by: str
    when: datetime

    @property
    def words(self) -> str:
        """In one line."""
        share = f"{self.pairs} of {self.of} pairs"
        found = "agrees" if self.agrees else "DISAGREES"
        at = f" ({self.where})" if self.where and self.difference else ""
        return (
            f"{self.run_id} {found}: {share} scored again by {self.by} on {self.when:%Y-%m-%d}, "
            f"largest difference {self.difference:.3g}{at}"
        )


def verify(
    stored: StoredRun,
    row: dict[str, Any],
    board: Board,
    plugins: Plugins,
    *,
    share: float,
    within: float,
    by: str = "",
    seed: int | None = None,
    workers: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Verification:
    """Rescore a random share of a run's pairs, and keep the result on the board.

    Args:
        stored: the run, made ready again.
        row: the run's row of the board.
        board: the board that has its scores.
        plugins: the installed plugins.
        share: of its pairs, above 0 and at most 1; one pair at least.
        within: how far a score may be off and agree, in its metric's unit.
        by: who verifies; the user's name here unless given.
        seed: of the draw of pairs; another every time unless given.
        workers: processes; 0 for one per core.
        progress: notified of progress.

    Raises:
        BenchError: the run has no scores, or the data here differ from those it was scored on.
    """
    from bench.evaluation.runner import evaluate_runs
    from bench.evaluation.worker import RunToScore

    dataset = open_dataset(stored.spec, plugins)
    _check_data(stored, row, dataset)
    kept = board.scores(stored.run_id, columns=[*_PLACE, "value"])
    kept = kept[~kept["metric"].isin([TIME_METRIC, PROFILE_METRIC])]
    pairs = sorted(set(kept[["scene", "listener"]].itertuples(index=False, name=None)))
    if not pairs:
        raise BenchError("it has no scores to verify", where=stored.label)
    count = min(len(pairs), max(1, math.ceil(share * len(pairs))))
    rng = np.random.default_rng(seed)
    drawn = [pairs[i] for i in sorted(rng.choice(len(pairs), count, replace=False))]
    todo: dict[str, dict[str, list[str]]] = {}
    for scene, listener in drawn:
        todo.setdefault(scene, {}).setdefault(stored.run_id, []).append(listener)
    with tempfile.TemporaryDirectory() as folder:
        again = Board(Path(folder))
        evaluate_runs(
            [RunToScore(stored.run_id, stored.spec, stored.weights)],
            todo,
            again,
            plugins,
            workers=executor().workers(workers),
            progress=progress,
        )
        found = again.scores(stored.run_id, columns=[*_PLACE, "value"])
    found = found[~found["metric"].isin([TIME_METRIC, PROFILE_METRIC])]
    ours: dict[Any, float] = kept.set_index(_PLACE)["value"].to_dict()
    ours = {place: value for place, value in ours.items() if place[:2] in set(drawn)}
    theirs: dict[Any, float] = found.set_index(_PLACE)["value"].to_dict()
    metrics = {metric.name.rpartition("/")[2] for metric in stored.spec.metrics} | {"gains"}
    ours = {place: value for place, value in ours.items() if place[2] in metrics}
    difference, where, agrees = _largest(ours, theirs, within)
    result = Verification(
        stored.run_id, count, len(pairs), difference, where, agrees,
        by or getpass.getuser(), datetime.now(UTC),
    )  # fmt: skip
    _keep(board, result, within)
    return result


def _check_data(stored: StoredRun, row: dict[str, Any], dataset: Dataset) -> None:
    try:
        wanted = json.loads(row["dataset_fingerprint"] or "{}")
    except json.JSONDecodeError:
        wanted = {}
    split = stored.spec.split
    if wanted.get(split, "") != dataset.fingerprint(split):
        what = "the data here differ from those it was scored on"
        hint = "Use the same data: -o dataset.root=PATH"
        raise BenchError(what, where=stored.label, hint=hint)


def _largest(
    ours: dict[Any, float], theirs: dict[Any, float], within: float
) -> tuple[float, str, bool]:
    """The largest difference, where it is, and whether all agree."""
    worst, where, agrees = 0.0, "", True
    for place in sorted({*ours, *theirs}):
        one, two = ours.get(place, math.nan), theirs.get(place, math.nan)
        if math.isnan(one) and math.isnan(two) and place in ours and place in theirs:
            continue
        off = abs(one - two)
        if math.isnan(off):
            off, agrees = math.inf, False
        if off > worst:
            worst, where = off, ", ".join(map(str, place))
    return worst, where, agrees and worst <= within


def _keep(board: Board, result: Verification, within: float) -> None:
    board.write_verification(
        result.run_id,
        {
            "by": result.by,
            "when": result.when,
            "pairs": result.pairs,
            "share": result.pairs / result.of,
            "difference": result.difference,
            "within": within,
            "agrees": result.agrees,
            "code_hash": code_hash(),
            "hardware": environment()["hardware"],
        },
    )
