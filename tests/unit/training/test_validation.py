"""What validation hears: which pairs, which part of a song, by which protocol."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from torch import Tensor

from bench.api import Rendering, Scene
from bench.plugins import installed
from bench.spec.run import RunSpec
from bench.system.system import build_system
from bench.training import validation as module
from bench.training.validation import Validation
from tests.helpers.noises import LISTENERS, SCENES, Noise, Noises
from tests.helpers.specs import make

PAIRS = {f"{scene}, {listener}" for scene in SCENES for listener in LISTENERS}
SECONDS = 0.4


@dataclass(frozen=True)
class Heard(Noise):
    """Keeps which samples were asked for."""

    asked: list[tuple[int, int | None]] = field(default_factory=list)

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        self.asked.append((start, frames))
        return super().read(part, start, frames)


def spec_of(seed: int = 0, protocol: str = "challenge", **training: str) -> RunSpec:
    settings = {"validation_pairs": "3", "validation_seconds": str(SECONDS), **training}
    spec = make(loss="mse", seed=seed, protocol=protocol, options={"training": settings})
    return replace(spec, metrics=tuple(m for m in spec.metrics if m.name == "clipping"))


def validation(spec: RunSpec, scenes: list[Scene] | None = None) -> Validation:
    scenes = scenes or list(Noises().scenes("valid"))
    return Validation(scenes, Noises().listeners("valid"), spec, installed())


def heard(spec: RunSpec) -> list[str]:
    """The pairs that are scored."""
    pairs: list[str] = []
    system = build_system(make(separator="mixture", gains="none"), installed())
    validation(spec).score(system, lambda note, done: pairs.append(note))
    return pairs


def test_a_sample_of_the_pairs_is_drawn_by_the_seed() -> None:
    first, again, other = (heard(spec_of(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    for pairs in (first, other):
        assert len(set(pairs)) == 3
        assert set(pairs) <= PAIRS


def test_each_song_is_heard_in_its_middle() -> None:
    songs = [replace(scene, audio=Heard(scene.id)) for scene in Noises().scenes("valid")]
    validation(spec_of(validation_pairs="10"), songs)
    frames = round(SECONDS * 44_100)
    for song in songs:
        assert set(song.audio.asked) == {((song.frames - frames) // 2, frames)}  # type: ignore[attr-defined]


def test_the_protocol_is_that_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    protocols: list[str] = []
    render = module.render

    def noted(*given: Any) -> Rendering:
        protocols.append(given[-1])
        return render(*given)

    monkeypatch.setattr(module, "render", noted)
    spec = spec_of(protocol="challenge")
    for scored in (spec, spec.under_other_protocol()):
        heard(scored)
    assert protocols == ["challenge"] * 6
    assert scored.protocol == "shared-gains"
