"""Evaluates scenes: what each worker process does, and the whole of it where there is but one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bench.api import Scene
from bench.evaluation.protocol import Excerpt, render, separate
from bench.evaluation.scoring import Row, Scorer, Stopwatch, reason_of, seconds_rows
from bench.plugins import Plugins, installed
from bench.spec import RunSpec, open_dataset
from bench.system import System, build_system
from bench.training.checkpoint import load_weights

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener


@dataclass(frozen=True)
class RunToScore:
    """A run whose system is ready: `weights` is the checkpoint of its training, if it trained."""

    run_id: str
    spec: RunSpec
    weights: Path | None = None


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Evaluator:
    """Scores scenes with several runs of one suite; each scene is read once for all of them.

    Raises:
        BenchError: a system or a metric cannot be made.
    """

    def __init__(self, runs: Sequence[RunToScore], plugins: Plugins | None = None) -> None:
        self.plugins = plugins or installed()
        self.runs = {run.run_id: run for run in runs}
        first = runs[0].spec
        dataset = open_dataset(first, self.plugins)
        self.scenes: Mapping[str, Scene] = {s.id: s for s in dataset.scenes(first.split)}
        self.listeners: Mapping[str, Listener] = dataset.listeners(first.split)
        # Made at once: what cannot be made is the user's to know before the first scene.
        self._scorers = {r.run_id: Scorer(r.spec.metrics, self.plugins) for r in runs}
        self._systems = {run.run_id: self._system(run) for run in runs}

    def evaluate(self, scene_id: str, pairs: Mapping[str, Sequence[str]]) -> dict[str, list[Row]]:
        """Rows by run id; `pairs` says which listeners of the scene each run is scored for.

        Whatever goes wrong becomes failed rows with the reason: it never raises for a scene.
        One thread computes, so that scores do not depend on the number of workers.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._evaluate(self.scenes[scene_id], pairs)
        finally:
            torch.set_num_threads(threads)

    def _evaluate(self, scene: Scene, pairs: Mapping[str, Sequence[str]]) -> dict[str, list[Row]]:
        watch = Stopwatch()
        try:
            with watch.stage("read"):
                excerpt = Excerpt.read(scene)
        except Exception as error:
            return self.all_failed(scene.id, pairs, reason_of(error))
        rows: dict[str, list[Row]] = {}
        separated: dict[str, tuple[Tensor, dict[str, float]]] = {}
        for run_id, listeners in pairs.items():
            run_watch = Stopwatch()
            try:
                with run_watch.stage("separate"):
                    stems = separate(self._systems[run_id], excerpt)
                separated[run_id] = (stems, {**watch.seconds, **run_watch.seconds})
                rows[run_id] = []
            except Exception as error:
                rows[run_id] = self._all_failed(run_id, scene, listeners, reason_of(error))
        # Listener by listener, so that all systems share a listener's reference, prepared once.
        for name in scene.listeners:
            for run_id, (stems, shared) in separated.items():
                if name in pairs[run_id]:
                    rows[run_id] += self._pair(run_id, excerpt, stems, name, shared)
        return rows

    def _pair(
        self, run_id: str, excerpt: Excerpt, stems: Tensor, name: str, shared: dict[str, float]
    ) -> list[Row]:
        """Rows of one pair; the time that a scene's listeners share is told with the first."""
        listener, protocol = self.listeners[name], self.runs[run_id].spec.protocol
        watch = Stopwatch()
        watch.seconds.update(shared)
        shared.clear()
        try:
            with watch.stage("render"):
                rendering = render(self._systems[run_id], excerpt, stems, listener, protocol)
            rows = self._scorers[run_id].score(rendering, watch)
        except Exception as error:
            rows = self._all_failed(run_id, excerpt.scene, [name], reason_of(error))
        return rows + seconds_rows(excerpt.scene, listener, watch)

    def all_failed(
        self, scene_id: str, pairs: Mapping[str, Sequence[str]], reason: str
    ) -> dict[str, list[Row]]:
        """Failed rows for a whole scene."""
        scene = self.scenes[scene_id]
        return {run: self._all_failed(run, scene, who, reason) for run, who in pairs.items()}

    def _all_failed(
        self, run_id: str, scene: Scene, listeners: Sequence[str], reason: str
    ) -> list[Row]:
        scorer = self._scorers[run_id]
        return [
            row for name in listeners for row in scorer.failed(scene, self.listeners[name], reason)
        ]

    def _system(self, run: RunToScore) -> System:
        system = build_system(run.spec, self.plugins)
        if run.weights is not None:
            system.load_state(load_weights(run.weights))
        system.train(False)
        return system.to(device())


_evaluator: Evaluator | None = None


def start(runs: Sequence[RunToScore]) -> None:
    """Prepare this worker process."""
    global _evaluator
    _evaluator = Evaluator(runs)


def evaluate(scene_id: str, pairs: Mapping[str, Sequence[str]]) -> dict[str, list[Row]]:
    """Evaluate one scene in this worker process."""
    assert _evaluator is not None
    return _evaluator.evaluate(scene_id, pairs)
