"""Choose what is to be heard: runs of a board, scenes, listeners."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError, suggest
from bench.leaderboard.selection import run_id_of, select_runs
from bench.listening.render import HeardPair, RenderedPair, hear
from bench.runs.restore import StoredRun, stored_run
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.resolve import open_dataset

if TYPE_CHECKING:
    from bench.api import Dataset, Scene
    from bench.board.store import Board
    from bench.plugins import Plugins
    from bench.spec.suite import Suite

log = logging.getLogger(__name__)


def choose_runs(
    board: Board,
    names: Sequence[str],
    suite: Suite,
    split: str,
    protocol: str,
    plugins: Plugins,
    options: Mapping[str, Mapping[str, Any]],
) -> list[StoredRun]:
    """The runs of one split and protocol that are to be heard.

    Args:
        board: the board.
        names: ids, labels or names on a leaderboard; where there are none, all that ended and can
            be made again.
        suite: the suite.
        split: the split.
        protocol: the reference protocol.
        plugins: the installed plugins.
        options: by section; see :func:`bench.runs.restore.stored_run`.

    Raises:
        BenchError: there is no such run, or it cannot be reproduced.
    """
    rows, _ = select_runs(board, suite.name, split, protocol)
    if names:
        ids = [run_id_of(board, name) for name in names]
        runs = [stored_run(board, run_id, suite, plugins, options) for run_id in ids]
        for run in runs:
            if (run.spec.split, run.spec.protocol) != (split, protocol):
                what = f"it is of split '{run.spec.split}' and protocol '{run.spec.protocol}'"
                hint = f"Give --split {run.spec.split} --protocol {run.spec.protocol}"
                raise BenchError(what, where=run.label, hint=hint)
        return runs
    found = []
    for row in rows:
        if row["status"] in ("done", "failed-scenes"):
            try:
                found.append(stored_run(board, row["run_id"], suite, plugins, options))
            except BenchError as error:
                log.warning("left out: %s", error)
    if not found:
        hint = f"Make one: bench run --suite {suite.name}"
        raise BenchError("there is no run to listen to", where=str(board.path), hint=hint)
    return found


@dataclass(frozen=True)
class Excerpts:
    """The scenes with their listeners, and the runs, that are to be heard."""

    scenes: Sequence[tuple[Scene, Sequence[str]]]
    runs: Sequence[StoredRun]
    dataset: Dataset

    @property
    def pairs(self) -> int:
        """(scene, listener) pairs."""
        return sum(len(names) for _, names in self.scenes)


def choose(
    board: Board,
    runs: Sequence[StoredRun],
    scenes: Sequence[str],
    listeners: Sequence[str],
    plugins: Plugins,
) -> Excerpts:
    """Look up scenes and listeners of the runs' split.

    Args:
        board: whose HAAQI says on which scene the runs differ most.
        runs: of one suite, split and protocol.
        scenes: ids; where there are none, the scene on which the runs differ most.
        listeners: ids; where there are none, the first listener of each scene.
        plugins: the installed plugins.

    Raises:
        BenchError: there is no such scene or listener.
    """
    spec = runs[0].spec
    dataset = open_dataset(spec, plugins)
    known = {scene.id: scene for scene in dataset.scenes(spec.split)}
    people = dataset.listeners(spec.split)
    for kind, names, there in (("scene", scenes, known), ("listener", listeners, people)):
        for name in names:
            if name not in there:
                hint = suggest(name, list(there)[:50])
                raise BenchError(f"the split '{spec.split}' has no {kind} '{name}'", hint=hint)
    wanted = list(dict.fromkeys(scenes)) or [_most_different(board, runs, list(known))]
    who = tuple(dict.fromkeys(listeners))
    found = [(known[name], who or known[name].listeners[:1]) for name in wanted]
    return Excerpts(found, runs, dataset)


def _most_different(board: Board, runs: Sequence[StoredRun], known: Sequence[str]) -> str:
    scores = board.scores([run.run_id for run in runs], metric=runs[0].spec.headline)
    scores = scores[(scores.part == "mean") & (scores.status == "ok") & scores.scene.isin(known)]
    means = scores.groupby(["scene", "run_id"]).value.mean().unstack()
    spread = means.max(axis=1) - means.min(axis=1)
    return str(spread.index[int(spread.to_numpy().argmax())]) if len(spread) else known[0]


def render_all(
    chosen: Excerpts,
    plugins: Plugins,
    *,
    seconds: float,
    ways: Sequence[str],
    own_reference: bool = False,
    progress: Progress = NO_PROGRESS,
) -> list[HeardPair]:
    """Render what was chosen."""
    systems = {run.run_id: (run, run.system(plugins)) for run in chosen.runs}
    people = chosen.dataset.listeners(chosen.runs[0].spec.split)
    rendered: list[RenderedPair] = []
    # A scene is separated by each system once, and rendered for each listener.
    total = len(systems) * (len(chosen.scenes) + chosen.pairs)
    with progress.stage("rendering", total) as step:
        for scene, names in chosen.scenes:
            listeners = [people[name] for name in names]
            rendered += hear(
                scene, listeners, systems,
                seconds=seconds, own_reference=own_reference, step=step,
            )  # fmt: skip
    if "simulated" not in ways:
        return [one.heard(ways) for one in rendered]
    total = sum(len(one.signals["amplified"]) for one in rendered)
    with progress.stage("simulating hearing loss", total) as step:
        return [one.heard(ways, step) for one in rendered]
