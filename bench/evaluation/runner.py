"""Scores runs scene by scene, by several processes, into a board."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from bench.api import Scene
from bench.board.store import Board
from bench.evaluation import worker
from bench.evaluation.scoring import Row, reason_of
from bench.evaluation.worker import Evaluator, RunToScore, SceneJob
from bench.plugins import Plugins
from bench.runtime.executors import WorkerDiedError, run_jobs
from bench.runtime.memory import recycle
from bench.runtime.progress import NO_PROGRESS, Progress

Pairs = Mapping[str, Sequence[str]]
"""Run id -> listeners of one scene that the run is to be scored for."""


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
    progress: Progress = NO_PROGRESS,
) -> None:
    """Score what `todo` says and write each scene's rows as soon as they are there.

    Args:
        runs: what to score.
        todo: from :func:`pairs_to_score`.
        board: where rows are kept.
        plugins: the installed plugins.
        workers: processes.
        profile: whether rows tell the seconds of each stage.
        progress: notified of each scene, in pairs.
    """
    if not todo:
        return
    pairs = {scene: sum(map(len, by_run.values())) for scene, by_run in todo.items()}
    with progress.stage("scoring", sum(pairs.values())) as step:
        for scene_id, by_run in _results(runs, todo, plugins, workers, profile):
            for run_id, rows in by_run.items():
                board.append_scores(run_id, scene_id, rows)
                plugins.notify("scene_scored", run_id=run_id, scene=scene_id, rows=rows)
            step(scene_id, pairs[scene_id])
    for run in runs:
        board.consolidate(run.run_id)


Result = tuple[str, dict[str, list[Row]]]


def _results(
    runs: Sequence[RunToScore],
    todo: Mapping[str, Pairs],
    plugins: Plugins,
    workers: int,
    profile: bool,
) -> Iterator[Result]:
    workers = min(workers, len(todo))
    if workers <= 1:
        evaluator = Evaluator(runs, plugins, profile=profile)
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
    start = partial(worker.start, tuple(runs), profile)
    for job, result in run_jobs(worker.evaluate, jobs, workers, start=start):
        if isinstance(result, WorkerDiedError):
            evaluator = Evaluator(runs, plugins)
            result = evaluator.all_failed(job.scene, job.pairs, reason_of(result))
        if isinstance(result, Exception):
            raise result
        yield job.scene, result
