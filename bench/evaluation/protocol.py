"""The reference protocol, step by step: one place, for training, evaluation and scoring alike.

Source: ``recipes.cad_icassp_2024.baseline`` (enhance.py, evaluate.py) of pyclarity 0.9.0.

Long signals lie in mapped files (:mod:`bench.runtime.memory`), and are computed block by block.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bench.api import STEMS, Rendering, Scene
from bench.evaluation.scoring import Stopwatch
from bench.hearing.loudness import finite_loudness
from bench.runtime.memory import copy_of, empty
from bench.system.output import OUTPUT_RATE, to_output
from bench.system.remix import mix
from bench.system.system import System

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener


def reference_gains(protocol: str, requested: Tensor, applied: Tensor) -> Tensor:
    """The gains of the reference, dB: the scene's (``challenge``) or the system's own."""
    return requested if protocol == "challenge" else applied


@dataclass(frozen=True)
class Excerpt:
    """The signals of a scene, read once for all its listeners and systems.

    Attributes:
        scene: the scene.
        mixture: float32 ``(2, N)``.
        stems: clean stems, float32 ``(4, 2, N)``.
    """

    scene: Scene
    mixture: Tensor
    stems: Tensor

    @classmethod
    def read(cls, scene: Scene, start: int = 0, frames: int | None = None) -> Excerpt:
        """Read a scene, or `frames` samples of it.

        Raises:
            BenchError: its audio is missing or wrong.
        """
        # In memory of its own: a dataset may hand out the same tensor each time.
        first = scene.mixture(start, frames)
        mixture = copy_of(first)
        del first
        stems = empty((len(STEMS), *mixture.shape), mixture.dtype)
        for row, stem in zip(stems, STEMS, strict=True):
            row.copy_(scene.audio.read(stem, start, frames))
        return cls(scene, mixture, stems)

    @cached_property
    def loudness(self) -> float:
        """Integrated loudness of the mixture, LUFS, to which remixes are brought."""
        return finite_loudness(self.mixture, self.scene.sample_rate)


def separate(system: System, excerpt: Excerpt) -> Tensor:
    """The separated stems, float32 ``(4, 2, N)``; the same for all listeners of the scene.

    Raises:
        ValueError: the separator returned another shape, or samples that are not finite.
    """
    with torch.inference_mode():
        stems = system.separate(excerpt.mixture[None], excerpt.stems[None])[0]
    if stems.shape != excerpt.stems.shape:
        raise ValueError(
            f"the separator returned {tuple(stems.shape)}, expected {tuple(excerpt.stems.shape)}"
        )
    if not all(bool(torch.isfinite(row).all()) for row in stems):
        raise ValueError("the separator returned samples that are not finite")
    # A plugin may return one tensor each time, or what it was given.
    return copy_of(stems)


class LastRemix:
    """The remix that was made last of some stems: a scene's listeners mostly ask for the same.

    A remix depends on its gains, and on nothing else that changes from listener to listener.
    Plugins have copies and cannot write into it.
    """

    def __init__(self) -> None:
        self._gains: tuple[float, ...] = ()
        self._remix: Tensor | None = None

    def of(self, stems: Tensor, gains: Tensor, excerpt: Excerpt) -> Tensor:
        """The stems of an excerpt through gains in dB, by :func:`bench.system.remix.mix`."""
        asked = tuple(gains.flatten().tolist())
        if self._remix is None or asked != self._gains:
            self._remix = None  # for the memory
            self._remix = mix(stems, gains, excerpt.loudness, excerpt.scene.sample_rate)
            self._gains = asked
        return self._remix


@dataclass(frozen=True)
class Remixes:
    """The last remixes of a scene: of the clean stems, and of a run's."""

    clean: LastRemix = field(default_factory=LastRemix)
    own: LastRemix = field(default_factory=LastRemix)


@dataclass(frozen=True)
class Reference:
    """The reference of a listener's renderings of one scene.

    Attributes:
        remix: before the prescription, float64 ``(2, N)``.
        output: after it, never clipped, float64 ``(2, N + tail)``.
    """

    remix: Tensor
    output: Tensor

    @classmethod
    def of(
        cls,
        system: System,
        excerpt: Excerpt,
        listener: Listener,
        gains: Tensor,
        clean: LastRemix | None = None,
    ) -> Reference:
        """The clean stems through gains, remix and the prescription of the suite's reference.

        Args:
            system: its reference prescription amplifies, which is the suite's and not its own.
            excerpt: the scene.
            listener: who hears it.
            gains: the reference's gains, dB, ``(4,)`` or ``(2, 4)``.
            clean: the last remix of the excerpt's clean stems.
        """
        with torch.inference_mode():
            remixed = (clean or LastRemix()).of(excerpt.stems, gains, excerpt)
            return cls(remixed, copy_of(system.amplify_reference(remixed[None], [listener])[0]))


def render(
    system: System,
    excerpt: Excerpt,
    separated: Tensor,
    listener: Listener,
    protocol: str,
    *,
    known: dict[tuple[float, ...], Reference] | None = None,
    remixes: Remixes | None = None,
    watch: Stopwatch | None = None,
) -> Rendering:
    """Render one (scene, listener) pair by the rest of the system, beside its reference.

    Arithmetic is float64 from the separated stems on, as in the official recipe.

    Args:
        system: the system.
        excerpt: the scene.
        separated: its stems by :func:`separate`.
        listener: who hears it.
        protocol: whose gains the reference has.
        known: references of this excerpt, listener and prescription by their gains; added to.
        remixes: the last ones of this excerpt and of these stems; kept for the next listener.
        watch: receives the seconds of the stages remix, prescribe and reference.
    """
    scene, rate = excerpt.scene, excerpt.scene.sample_rate
    requested = torch.tensor([scene.gains], dtype=torch.float64)
    watch = watch or Stopwatch()
    known = {} if known is None else known
    remixes = remixes or Remixes()
    with torch.inference_mode():
        with watch.stage("remix"):
            applied = system.gains(separated[None], requested.float(), [listener])
            applied = applied.to(torch.float64, copy=True)
            own = remixes.own.of(separated, applied[0], excerpt)
        with watch.stage("prescribe"):
            amplified = copy_of(system.amplify(own[None], [listener])[0])
            output = to_output(amplified, rate)
        with watch.stage("reference"):
            wanted = reference_gains(protocol, requested, applied)[0]
            gains = tuple(wanted.flatten().tolist())
            if gains not in known:
                known[gains] = Reference.of(system, excerpt, listener, wanted, remixes.clean)
            reference = known[gains]
    return Rendering(
        scene=scene,
        listener=listener,
        stems=separated,
        stems_reference=excerpt.stems,
        remix=own,
        remix_reference=reference.remix,
        output=output,
        output_reference=reference.output,
        gains=applied[0],
        sample_rate=rate,
        output_rate=OUTPUT_RATE,
        amplified=amplified,
    )
