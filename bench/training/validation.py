"""Validation during training: the same scores as an evaluation, on held-out training songs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from bench.api import Scene
from bench.evaluation.protocol import Excerpt, render, separate
from bench.evaluation.scoring import Scorer, Stopwatch
from bench.leaderboard.schema import GAINS_METRIC
from bench.plugins import Plugins
from bench.seeds import derive
from bench.spec import RunSpec
from bench.system import System

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener


class Validation:
    """Scores a system on a fixed sample of (scene, listener) pairs of held-out songs."""

    def __init__(
        self,
        scenes: Sequence[Scene],
        listeners: Mapping[str, Listener],
        spec: RunSpec,
        plugins: Plugins,
    ) -> None:
        settings = spec.training
        pairs = [(scene, name) for scene in scenes for name in scene.listeners]
        rng = np.random.default_rng(derive(spec.seed, "validation"))
        order = rng.permutation(len(pairs))[: settings.validation_pairs]
        by_scene: dict[str, tuple[Scene, list[str]]] = {}
        for index in sorted(order):
            scene, name = pairs[index]
            by_scene.setdefault(scene.id, (scene, []))[1].append(name)
        self._listeners = listeners
        self._protocol = spec.protocol
        self._scorer = Scorer(spec.metrics, plugins)
        self._excerpts: list[tuple[Excerpt, list[str]]] = []
        for scene, names in by_scene.values():
            frames = min(scene.frames, round(settings.validation_seconds * scene.sample_rate))
            start = (scene.frames - frames) // 2
            self._excerpts.append((Excerpt.read(scene, start, frames), names))

    def score(self, system: System) -> dict[str, float]:
        """Means over the pairs, by ``valid/<metric>/<part>``; empty where there are no pairs."""
        system.train(False)
        values: dict[str, list[float]] = {}
        for excerpt, names in self._excerpts:
            separated = separate(system, excerpt)
            for name in names:
                listener = self._listeners[name]
                rendering = render(system, excerpt, separated, listener, self._protocol)
                for row in self._scorer.score(rendering, Stopwatch()):
                    if row["status"] == "ok" and row["metric"] != GAINS_METRIC:
                        key = f"valid/{row['metric']}/{row['part']}"
                        values.setdefault(key, []).append(row["value"])
        return {key: fmean(found) for key, found in values.items()}
