"""Scores runs scene by scene, by several processes, into a board."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Final

from bench.api import Scene
from bench.board.failures import kind_of
from bench.board.schema import TIME_METRIC
from bench.board.store import Board
from bench.evaluation import worker
from bench.evaluation.scoring import Row
from bench.evaluation.worker import Evaluator, RunToScore, SceneJob
from bench.plugins import LocalPlugin, Plugins
from bench.plugins.local import pickled
from bench.runtime.causes import cause_of
from bench.runtime.executors import WorkerDiedError, is_local, run_jobs, with_workers
from bench.runtime.memory import recycle
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.resolve import open_dataset

FIRST: Final = 3
"""The number of first scenes which, if all fail alike, stop a run."""

Pairs = Mapping[str, Sequence[str]]
"""Listeners of one scene for which a run is to be scored, by run id."""


def chosen_pairs(scenes: Sequence[Scene], limit: int | None = None) -> dict[str, list[str]]:
    """Scene id -> listeners: all pairs of a split, or `limit` of them.

    They are spread evenly over the split: the first ones would be the same few songs.
    """
    pairs = [(scene.id, listener) for scene in scenes for listener in scene.listeners]
    if limit and limit < len(pairs):
        pairs = [pairs[i * len(pairs) // limit] for i in range(limit)]
    chosen: dict[str, list[str]] = {}
    for scene_id, listener in pairs:
        chosen.setdefault(scene_id, []).append(listener)
    return chosen


def pairs_to_score(
    scenes: Sequence[Scene], runs: Sequence[RunToScore], board: Board, limit: int | None = None
) -> dict[str, dict[str, list[str]]]:
    """Scene id -> run id -> listeners that are still to be scored.

    A scene whose every row is there and none failed is not scored again.
    """
    wanted = chosen_pairs(scenes, limit)
    done = {run.run_id: board.scored_scenes(run.run_id, include_failed=False) for run in runs}
    todo = {
        scene_id: {run.run_id: who for run in runs if scene_id not in done[run.run_id]}
        for scene_id, who in wanted.items()
    }
    return {scene_id: by_run for scene_id, by_run in todo.items() if by_run}


def evaluate_runs(
    runs: Sequence[RunToScore],
    todo: Mapping[str, Pairs],
    board: Board,
    plugins: Plugins,
    *,
    workers: int,
    profile: bool = False,
    strict: bool = False,
    time_limit: float | None = None,
    fresh: bool = False,
    progress: Progress = NO_PROGRESS,
) -> dict[str, str]:
    """Score the pairs in `todo`, and write each scene's rows as soon as they exist.

    A run whose first scenes all fail alike is stopped: the others would, too.

    Args:
        runs: what to score.
        todo: from :func:`pairs_to_score`.
        board: where rows are kept.
        plugins: the installed plugins.
        workers: processes. A single one is this process only where all plugins are bench's own:
            a stranger's may end the process that it runs in.
        profile: whether rows include the seconds of each stage.
        strict: whether the first failure is raised, in place of failed rows.
        time_limit: as of :class:`bench.evaluation.worker.Evaluator`.
        fresh: as there.
        progress: notified of each scene, in pairs.

    Returns:
        The reason for each run that was stopped, by its id.
    """
    stopped: dict[str, str] = {}
    if todo:
        how: dict[str, Any] = {"profile": profile, "strict": strict, "time_limit": time_limit}
        how["fresh"] = fresh
        stopped = _score(runs, todo, board, plugins, workers, how, progress)
    # Also of a run that had all its scenes, and was killed before this step.
    for run in runs:
        if run.run_id not in stopped:
            board.consolidate(run.run_id)
    return stopped


def _score(
    runs: Sequence[RunToScore],
    todo: Mapping[str, Pairs],
    board: Board,
    plugins: Plugins,
    workers: int,
    how: Mapping[str, Any],
    progress: Progress,
) -> dict[str, str]:
    """Score, and return the reason for each run that was stopped."""
    left = {scene: dict(by_run) for scene, by_run in todo.items()}
    first = _FirstScenes()
    with progress.stage("scoring", _pairs_in(left)) as step:
        while left:
            # Started again without the runs that were stopped.
            with closing(_results(runs, dict(left), plugins, workers, how)) as results:
                for scene_id, by_run in results:
                    for run_id, rows in by_run.items():
                        board.append_scores(run_id, scene_id, rows)
                        plugins.notify("scene_scored", run_id=run_id, scene=scene_id, rows=rows)
                        first.see(run_id, scene_id, rows)
                    step(with_workers(scene_id), _pairs_in({scene_id: left.pop(scene_id)}))
                    rest = first.without_stopped(left)
                    if rest != left:
                        step(scene_id, _pairs_in(left) - _pairs_in(rest))
                        left = rest
                        break
    return first.stopped


def _pairs_in(todo: Mapping[str, Pairs]) -> int:
    return sum(len(listeners) for by_run in todo.values() for listeners in by_run.values())


class _FirstScenes:
    """Watches the first scenes of each run, and stops a run of which they all fail alike."""

    def __init__(self) -> None:
        self.stopped: dict[str, str] = {}
        self._causes: dict[str, list[str]] = {}

    def see(self, run_id: str, scene: str, rows: Sequence[Row]) -> None:
        """Note the outcome of a scene."""
        seen = self._causes.setdefault(run_id, [])
        if len(seen) == FIRST:
            return
        scores = [row for row in rows if row["metric"] != TIME_METRIC]
        failed = scores and all(row["status"] == "failed" for row in scores)
        kinds = {kind_of(str(row["reason"]).replace(scene, "a scene")) for row in scores}
        seen.append(kinds.pop() if failed and len(kinds) == 1 else "")
        if len(seen) == FIRST and seen[0] and len(set(seen)) == 1:
            reason = str(scores[0]["reason"])
            self.stopped[run_id] = f"stopped because its first {FIRST} scenes all failed: {reason}"

    def without_stopped(self, todo: Mapping[str, Pairs]) -> dict[str, dict[str, Sequence[str]]]:
        """What is left to do of the other runs."""
        rest = {
            scene: {run: who for run, who in by_run.items() if run not in self.stopped}
            for scene, by_run in todo.items()
        }
        return {scene: by_run for scene, by_run in rest.items() if by_run}


Result = tuple[str, dict[str, list[Row]]]


def _results(
    runs: Sequence[RunToScore],
    todo: Mapping[str, Pairs],
    plugins: Plugins,
    workers: int,
    how: Mapping[str, Any],
) -> Generator[Result, None, None]:
    own = [item for item in plugins.every if isinstance(item, LocalPlugin)]
    local = pickled(own) if own else b""
    workers = min(workers, len(todo)) if local is not None else 1
    apart = any(run.spec.has_strangers(plugins) for run in runs)
    if local is None or (is_local() and workers <= 1 and not apart):
        evaluator = Evaluator(runs, plugins, **how)
        try:
            for scene_id, pairs in todo.items():
                yield scene_id, evaluator.evaluate(scene_id, pairs)
        finally:
            recycle(False)
        return
    # A worker that takes a scene will likely take the one `workers` places on next.
    ids = list(todo)
    jobs = [
        SceneJob(scene_id, dict(todo[scene_id]), ids[i + workers : i + workers + 1])
        for i, scene_id in enumerate(ids)
    ]
    start = partial(
        worker.start, tuple(runs), local=local, expected=_expected(runs, plugins), **how
    )
    for job, result in run_jobs(worker.evaluate, jobs, workers, start=start, apart=True):
        if isinstance(result, WorkerDiedError):
            result = _one_by_one(job, runs, plugins, start, result)
        if isinstance(result, Exception):
            raise result
        yield job.scene, result


def _expected(runs: Sequence[RunToScore], plugins: Plugins) -> dict[str, worker.Expected]:
    """What the runs are made of here, by run id: a worker must have the same."""
    dataset, found = open_dataset(runs[0].spec, plugins), {}
    for run in runs:
        data = run.spec.fingerprints(dataset)
        # A worker of this machine reads the same files.
        found[run.run_id] = worker.Expected(
            run.spec.run_id(plugins, data), data, is_elsewhere=not is_local()
        )
    return found


def _one_by_one(
    job: SceneJob,
    runs: Sequence[RunToScore],
    plugins: Plugins,
    start: Callable[[], None],
    death: WorkerDiedError,
) -> dict[str, list[Row]]:
    """The rows of a scene that ended its worker: each run by itself, since one alone may be it."""
    jobs = [SceneJob(job.scene, {run: listeners}) for run, listeners in job.pairs.items()]
    results = run_jobs(worker.evaluate, jobs, 1, start=start, apart=True) if len(jobs) > 1 else ()
    rows: dict[str, list[Row]] = {}
    for one, result in results or [(job, death)]:
        if isinstance(result, WorkerDiedError):
            evaluator = Evaluator(runs, plugins)
            result = evaluator.all_failed(one.scene, one.pairs, cause_of(result))
        if isinstance(result, Exception):
            raise result
        rows |= result
    return rows
