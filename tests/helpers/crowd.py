"""A plugin with a set of the challenge's size that is scored in no time: 960 scenes x 20 listeners.

Audio is a few samples, and the metric a stub: what is left is the work of bench itself. A test
copies this file as the module ``crowd`` to a folder of the path, and installs that
(:func:`tests.helpers.noises.entry_point`): the code of a plugin is its whole package, so as a part
of the tests it would be another one, with other runs, whenever a file of theirs is edited. For the
same reason it imports nothing of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from clarity.utils.audiogram import Audiogram, Listener
from torch import Tensor

from bench.api import (
    STEMS,
    DatasetSpec,
    GainQuery,
    GainsSpec,
    MetricSpec,
    PrescriptionSpec,
    Rendering,
    Scene,
    hookimpl,
    option,
)
from bench.evaluation.scoring import Row
from bench.evaluation.worker import RunToScore, SceneJob

SCENES: Final = "CROWD_SCENES"
"""Variable with the number of scenes, 960 unless it says otherwise."""
PEOPLE, HEARD, SONGS = 52, 20, 50


@dataclass(frozen=True)
class Click:
    number: int
    sample_rate: int = 44_100
    frames: int = 17_640

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        found = torch.zeros(2, self.frames)
        found[:, self.number % self.frames] = 0.5
        return found[:, start : None if frames is None else start + frames]


class Crowd:
    splits = ("valid",)

    def scenes(self, split: str) -> Sequence[Scene]:
        return [
            Scene(
                f"scene_{number:05}",
                f"song {number % SONGS}",
                "h",
                (3.0, -3.0, 0.0, 1.0),
                tuple(f"L{(number + 7 * k) % PEOPLE:02}" for k in range(HEARD)),
                Click(number),
            )
            for number in range(int(os.environ.get(SCENES, "960")))
        ]

    def listeners(self, split: str) -> Mapping[str, Listener]:
        found = {}
        for number in range(PEOPLE):
            levels = Audiogram(levels=np.linspace(10, 20 + number, 8))
            found[f"L{number:02}"] = Listener(levels, levels, f"L{number:02}")
        return found

    def fingerprint(self, split: str) -> str:
        return f"crowd of {len(self.scenes(split))}"


@dataclass(frozen=True)
class Level:
    level: float = option(0.0, help="Gain of every stem, which makes runs differ.", unit="dB")


class OneLevel:
    def __init__(self, options: Level) -> None:
        self.level = options.level

    def gains(self, query: GainQuery) -> Tensor:
        return torch.full((len(query.listeners), 4), self.level)


class NoAmplification:
    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        return signal


def score_of(scene: str, listener: str, level: float) -> float:
    """The score of a pair: as good as random, and always the same."""
    text = f"{scene} {listener} {level:.3f}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


class Stub:
    def score(self, rendering: Rendering) -> Mapping[str, float]:
        level = float(rendering.gains.mean())
        mean = score_of(rendering.scene.id, rendering.listener.id, level)
        return {"mean": mean, "left": mean, "right": mean}


# --- what stands in for bench.evaluation.worker where even that much work is too much ----------

_scenes: dict[str, Scene] = {}


def start(runs: Sequence[RunToScore], **how: object) -> None:
    _scenes.update({scene.id: scene for scene in Crowd().scenes("valid")})
    _levels.update({run.run_id: float(run.spec.gains.options.level) for run in runs})


_levels: dict[str, float] = {}


def evaluate(job: SceneJob) -> dict[str, list[Row]]:
    """Rows like those of a real pair, 8 each."""
    return {run: _rows(job.scene, run, listeners) for run, listeners in job.pairs.items()}


def _rows(scene: str, run: str, listeners: Sequence[str]) -> list[Row]:
    rows = []
    for listener in listeners:
        score = score_of(scene, listener, _levels[run])
        about = {"scene": scene, "song": _scenes[scene].song, "genre": "", "listener": listener}
        about |= {"pta_left": 20.0, "pta_right": 25.0, "status": "ok", "reason": ""}
        values = {("stub", part): score for part in ("mean", "left", "right")}
        values |= {("gains", stem): _levels[run] for stem in STEMS} | {("time", "total"): 0.0}
        rows += [
            {**about, "metric": metric, "part": part, "value": value}
            for (metric, part), value in values.items()
        ]
    return rows


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    return [DatasetSpec(name="crowd", target=f"{__name__}:Crowd", summary="clicks for a crowd")]


@hookimpl
def register_gains() -> list[GainsSpec]:
    return [
        GainsSpec(
            name="one-level", target=f"{__name__}:OneLevel", summary="one level", options=Level
        )
    ]


@hookimpl
def register_prescriptions() -> list[PrescriptionSpec]:
    return [
        PrescriptionSpec(
            name="unamplified", target=f"{__name__}:NoAmplification", summary="nothing"
        )
    ]


@hookimpl
def register_metrics() -> list[MetricSpec]:
    return [MetricSpec(name="stub", target=f"{__name__}:Stub", summary="a number for each pair")]
