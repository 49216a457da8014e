"""Scores runs scene by scene, over local processes, into a board."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from bench.api import Scene
from bench.evaluation import worker
from bench.evaluation.memory import recycle
from bench.evaluation.scoring import Row
from bench.evaluation.worker import Evaluator, RunToScore
from bench.leaderboard.store import Board
from bench.plugins import Plugins

log = logging.getLogger(__name__)

Pairs = Mapping[str, Sequence[str]]
"""Run id -> listeners of one scene that the run is to be scored for."""


def pairs_to_score(
    scenes: Sequence[Scene], runs: Sequence[RunToScore], board: Board, limit: int | None = None
) -> dict[str, dict[str, list[str]]]:
    """Scene id -> run id -> listeners that are still to be scored.

    A scene whose every row is there and none failed is not scored again. `limit` keeps that many
    pairs, spread evenly over the split: the first ones would be the same few songs.
    """
    pairs = [(scene.id, listener) for scene in scenes for listener in scene.listeners]
    if limit is not None and limit < len(pairs):
        pairs = [pairs[i * len(pairs) // limit] for i in range(limit)]
    wanted: dict[str, list[str]] = {}
    for scene_id, listener in pairs:
        wanted.setdefault(scene_id, []).append(listener)
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
    advance: Callable[[str, int], None] | None = None,
) -> None:
    """Score what `todo` says and write each scene's rows as soon as they are there.

    Args:
        runs: what to score.
        todo: from :func:`pairs_to_score`.
        board: where rows are kept.
        plugins: the installed plugins.
        workers: processes.
        profile: whether rows tell the seconds of each stage.
        advance: called after each scene with its id and the pairs that were scored.
    """
    if not todo:
        return
    for scene_id, by_run in _results(runs, todo, plugins, workers, profile):
        for run_id, rows in by_run.items():
            board.append_scores(run_id, scene_id, rows)
            plugins.notify("scene_scored", run_id=run_id, scene=scene_id, rows=rows)
        if advance is not None:
            advance(scene_id, sum(len(who) for who in todo[scene_id].values()))
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
    left = dict(todo)
    try:
        for result in _pool(runs, left, workers, profile):
            del left[result[0]]
            yield result
    except BrokenProcessPool:
        log.warning("a worker died; the %d scenes left are scored one at a time", len(left))
        yield from _one_by_one(runs, left, plugins, profile)


def _pool(
    runs: Sequence[RunToScore], todo: Mapping[str, Pairs], workers: int, profile: bool
) -> Iterator[Result]:
    # Spawned, not forked: torch and numba keep threads that a fork would break.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=worker.start, initargs=(runs, profile)
    ) as pool:
        # A worker that takes a scene will likely take the one `workers` places on next.
        ids = list(todo)
        futures = {
            pool.submit(worker.evaluate, s, dict(todo[s]), ids[i + workers : i + workers + 1]): s
            for i, s in enumerate(ids)
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_by_one(
    runs: Sequence[RunToScore], todo: Mapping[str, Pairs], plugins: Plugins, profile: bool
) -> Iterator[Result]:
    """Each scene in a process of its own, so that the one that kills its worker is found."""
    for scene_id, pairs in todo.items():
        try:
            yield from _pool(runs, {scene_id: pairs}, 1, profile)
        except BrokenProcessPool:
            evaluator = Evaluator(runs, plugins)
            reason = "its worker process died, most likely for want of memory"
            yield scene_id, evaluator.all_failed(scene_id, pairs, reason)
