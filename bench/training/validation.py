"""Validation during training: the scores of an evaluation, on songs held out or a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from bench.api import Scene
from bench.board.schema import GAINS_METRIC
from bench.evaluation.protocol import Excerpt, render, separate
from bench.evaluation.scoring import Scorer, Stopwatch
from bench.plugins import Plugins
from bench.runtime.progress import Step, no_step
from bench.runtime.seeds import derive
from bench.spec.run import RunSpec
from bench.system.system import System
from bench.training.guard import song_prefix

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener


class Validation:
    """Scores a system on a fixed sample of (scene, listener) pairs of the songs that validate."""

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
        self._protocol = spec.training_protocol
        self._scorer = Scorer(spec.metrics, plugins)
        self._excerpts: list[tuple[Excerpt, list[str]]] = []
        for scene, names in by_scene.values():
            frames = min(scene.frames, round(settings.validation_seconds * scene.sample_rate))
            start = (scene.frames - frames) // 2
            self._excerpts.append((Excerpt.read(scene, start, frames), names))

    @property
    def truth(self) -> str:
        """The name of the headline metric's score, which chooses the epoch.

        Empty where more of it is not better: then the last epoch is kept.
        """
        headline, _ = self._scorer.metrics[0]
        return _name(headline.name, headline.parts[0]) if headline.higher_is_better else ""

    @property
    def proxy(self) -> str:
        """The name of the score of a metric that predicts the headline; empty without one."""
        found = (spec for spec, _ in self._scorer.metrics[1:] if spec.predicts)
        return next((_name(spec.name, spec.parts[0]) for spec in found), "")

    @property
    def title(self) -> str:
        """The headline metric as people call it, such as "HAAQI"."""
        headline, _ = self._scorer.metrics[0]
        return headline.title or headline.name

    @property
    def pairs(self) -> int:
        """(scene, listener) pairs that are scored each time."""
        return sum(len(names) for _, names in self._excerpts)

    def score(self, system: System, step: Step = no_step) -> dict[str, float]:
        """Means over the pairs, by ``valid/<metric>/<part>``; empty where there are no pairs.

        The truth has its mean over the pairs of each song, too, by ``song/<metric>/<part>/<song>``.

        Args:
            system: to be scored.
            step: called for each pair.
        """
        system.train(False)
        values: dict[str, list[float]] = {}
        for excerpt, names in self._excerpts:
            separated = separate(system, excerpt)
            for name in names:
                listener = self._listeners[name]
                rendering = render(system, excerpt, separated, listener, self._protocol)
                for row in self._scorer.score(rendering, Stopwatch()):
                    if row["status"] == "ok" and row["metric"] != GAINS_METRIC:
                        name = _name(row["metric"], row["part"])
                        values.setdefault(name, []).append(row["value"])
                        if name == self.truth:
                            own = song_prefix(name) + excerpt.scene.song
                            values.setdefault(own, []).append(row["value"])
                step(f"{excerpt.scene.id}, {listener.id}", 1)
        return {key: fmean(found) for key, found in values.items()}


def _name(metric: str, part: str) -> str:
    """The name of a validation score in a training's log."""
    return f"valid/{metric}/{part}"
