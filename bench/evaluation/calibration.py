"""Measures what scoring costs on this machine: a scene's beginning through every run's system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from torch import Tensor

from bench.api import Dataset, Scene, SceneAudio
from bench.board.schema import PROFILE_METRIC
from bench.errors import BenchError
from bench.evaluation.estimate import Rate, key_of
from bench.evaluation.scoring import Row
from bench.evaluation.worker import Evaluator, RunToScore, is_long
from bench.hearing.audiograms import pure_tone_average
from bench.plugins import Plugins
from bench.runtime.memory import recycle

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

LENGTH: Final = 22.0
"""Seconds that are measured, at most: two chunks of HDemucs."""
WARM_UP: Final = 2.0
"""Seconds that go through first, so that compilation is not measured."""
_SHARED: Final = ("read", "separate")


@dataclass(frozen=True)
class _Beginning:
    """The first `frames` samples of a scene; a :class:`bench.api.SceneAudio`."""

    audio: SceneAudio
    frames: int

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.audio.sample_rate

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        """Read as :meth:`bench.api.SceneAudio.read` does."""
        return self.audio.read(part, start, self.frames - start if frames is None else frames)


def calibrate(runs: Sequence[RunToScore], dataset: Dataset, plugins: Plugins) -> Mapping[str, Rate]:
    """The rates of runs, by :func:`bench.evaluation.estimate.key_of`.

    All are measured together, as they are scored together: what they share is paid by the first.
    One that trains is measured as it is before.

    Raises:
        BenchError: the scene cannot be scored.
    """
    scenes = dataset.scenes(runs[0].spec.split)
    scene = scenes[len(scenes) // 2]
    evaluator = Evaluator(runs, plugins, profile=True)
    evaluator.keep_nothing()
    pairs = {run.run_id: [_hardest(scene, dataset.listeners(runs[0].spec.split))] for run in runs}
    for seconds in (WARM_UP, LENGTH):
        frames = min(scene.frames, round(seconds * scene.sample_rate))
        cut: Scene = replace(scene, audio=_Beginning(scene.audio, frames))
        evaluator.scenes = {scene.id: cut}
        rows = evaluator.evaluate(scene.id, pairs, long=is_long(scene))
    recycle(False)
    audio = frames / scene.sample_rate
    return {
        key_of(run.spec): _rate(rows[run.run_id], audio, evaluator.keeps_stems(run.run_id))
        for run in runs
    }


def _hardest(scene: Scene, listeners: Mapping[str, Listener]) -> str:
    """The listener of a scene with the greatest loss, on whom the stages after the gains do most.

    For one who hears normally nothing clips, so that what is done against it would cost nothing.
    """

    def loss(name: str) -> float:
        ears = listeners[name].audiogram_left, listeners[name].audiogram_right
        return sum(map(pure_tone_average, ears))

    return max(scene.listeners, key=loss)


def _rate(rows: Sequence[Row], audio: float, keeps_stems: bool) -> Rate:
    failed = [row["reason"] for row in rows if row["status"] == "failed"]
    if failed:
        raise BenchError(f"the calibration failed: {failed[0]}")
    seconds = {row["part"]: row["value"] for row in rows if row["metric"] == PROFILE_METRIC}
    shared = sum(value for part, value in seconds.items() if part in _SHARED)
    rest = sum(value for part, value in seconds.items() if part not in _SHARED)
    return Rate(shared / audio, rest / audio, keeps_stems)
