"""A plugin with five scenes of noise, and a metric that fails or ends its process on demand.

Worker processes find it by its entry point: see :func:`entry_point`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from clarity.utils.audiogram import Audiogram, Listener
from torch import Tensor

from bench.api import STEMS, DatasetSpec, MetricSpec, Rendering, Scene, hookimpl

FAILS, ENDS = "NOISES_FAILS", "NOISES_ENDS"
"""Variables that name the scene whose audio cannot be read, or whose metric ends its process."""
SCENES = tuple(f"s{number}" for number in range(5))
LISTENERS = ("L1", "L2")


@dataclass(frozen=True)
class Noise:
    scene: str
    sample_rate: int = 44_100
    frames: int = 22_050

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        if os.environ.get(FAILS) == self.scene:
            raise OSError(f"no {part} of {self.scene}")
        parts = {}
        for number, name in enumerate(STEMS):
            seed = 10 * int(self.scene[1:]) + number
            generator = torch.Generator().manual_seed(seed)
            parts[name] = 0.02 * (number + 1) * torch.randn(2, self.frames, generator=generator)
        found = sum(parts.values()) if part == "mixture" else parts[part]
        assert isinstance(found, Tensor)
        return found[:, start : None if frames is None else start + frames]


class Noises:
    splits = ("valid",)

    def scenes(self, split: str) -> Sequence[Scene]:
        return [
            Scene(name, f"song of {name}", "h", (3.0, -3.0, 0.0, 1.0), LISTENERS, Noise(name))
            for name in SCENES
        ]

    def listeners(self, split: str) -> Mapping[str, Listener]:
        levels = {"L1": np.linspace(10, 40, 8), "L2": np.linspace(30, 70, 8)}
        return {
            name: Listener(Audiogram(levels=known), Audiogram(levels=known), name)
            for name, known in levels.items()
        }

    def fingerprint(self, split: str) -> str:
        return "noises"


class Level:
    """The mean magnitude of the output."""

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        if os.environ.get(ENDS) == rendering.scene.id:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"mean": float(rendering.output.abs().mean())}


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    return [DatasetSpec(name="noises", target=f"{__name__}:Noises", summary="noise")]


@hookimpl
def register_metrics() -> list[MetricSpec]:
    return [MetricSpec(name="level", target=f"{__name__}:Level", summary="mean magnitude")]


def entry_point(site: Path, module: str = __name__) -> None:
    """Install this module, or another, in a folder of the path, as pip would leave it."""
    name = module.rpartition(".")[2]
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bench]\n{name} = {module}\n")
