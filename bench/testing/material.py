"""The material that plugins are tried on: music-like signals, listeners and scenes.

Everything is made from seeds of its own, the same at each call, and in fresh memory: a plugin
that writes into its input spoils no other's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from clarity.utils.audiogram import Audiogram, Listener
from torch import Tensor

from bench.api import (
    AUDIOGRAM_FREQUENCIES,
    SAMPLE_RATE,
    STEMS,
    GainQuery,
    LossInput,
    Predictor,
    Rendering,
    Scene,
)
from bench.hearing.calibration import level1

FRAMES: Final = 66_150
"""Samples of most checks: 1.5 s."""
ODD: Final = 49_999
"""Samples of the odd case: a prime number, 1.13 s."""
SHORT: Final = 64
"""Samples of the very short case: 1.5 ms."""
TAIL: Final = 220
"""Samples by which the reference's prescription is longer than its input, as NAL-R's is."""
REQUESTED: Final = ((3.0, -6.0, 0.0, 10.0), (-3.0, 6.0, 3.0, -10.0))
"""Requested gains of the items, dB."""
LEVELS: Final = (
    ("sloping", (20, 20, 25, 35, 40, 45, 50, 50), (35, 35, 40, 50, 55, 60, 65, 65)),
    ("steep", (10, 10, 10, 15, 30, 55, 70, 70), (0, 0, 0, 0, 0, 0, 0, 0)),
)
"""Ids of the listeners and their audiograms, dB HL, left and right."""


def listeners() -> tuple[Listener, ...]:
    """Two listeners: a moderate loss that differs between the ears, and one on one side only."""
    return tuple(
        Listener(_audiogram(left), _audiogram(right), name) for name, left, right in LEVELS
    )


def _audiogram(levels: tuple[int, ...]) -> Audiogram:
    return Audiogram(levels=np.array(levels), frequencies=np.array(AUDIOGRAM_FREQUENCIES))


@lru_cache(maxsize=8)
def _music(items: int, frames: int) -> Tensor:
    time = torch.arange(frames, dtype=torch.float64) / SAMPLE_RATE
    found = []
    for item in range(items):
        generator = torch.Generator().manual_seed(1000 + item)
        low = 55.0 * (1.0 + 0.2 * item)

        def tone(pitch: float, *, start: Tensor = time) -> Tensor:
            return torch.sin(2 * torch.pi * pitch * start)

        noise = torch.randn(6, frames, generator=generator, dtype=torch.float64)
        vocals = (
            tone(4 * low) * (0.6 + 0.4 * tone(3.0)) + 0.4 * tone(8 * low) + 0.2 * tone(24 * low)
        )
        drums = noise[0] * torch.exp(-12.0 * torch.remainder(time, 0.25))
        bass = tone(low) + 0.3 * tone(2 * low)
        other = tone(5 * low) + tone(6 * low) + tone(7.5 * low) + 0.1 * noise[1]
        mono = torch.stack([vocals, drums, bass, other]) * 0.1
        ears = torch.stack([mono, 0.7 * mono], dim=1)
        found.append(ears + 0.002 * noise[2:].unsqueeze(1))
    return torch.stack(found).float()


def music(items: int, frames: int) -> Tensor:
    """Stems, float32 ``(items, 4, 2, frames)``: voice, beats, bass line and chords, about -20 dBFS.

    Items differ; so do the ears, in level and by some noise of their own.
    """
    return _music(items, frames).clone()


@dataclass
class Case:
    """The input of one call for every kind of plugin.

    Attributes:
        stems: clean stems, ``(B, 4, 2, N)``.
        mixture: ``(B, 2, N)``.
        requested: requested gains, dB, ``(B, 4)``.
        listeners: one an item.
        error: how much noise an estimate has, as a part of its reference's RMS.
        sample_rate: Hz.
    """

    stems: Tensor
    mixture: Tensor
    requested: Tensor
    listeners: tuple[Listener, ...]
    error: float = 0.3
    sample_rate: int = SAMPLE_RATE

    @classmethod
    def make(cls, items: int = 2, frames: int = FRAMES, *, silent: bool = False) -> Case:
        """`items` of music at most two, or of silence."""
        stems = music(items, frames)
        stems = torch.zeros_like(stems) if silent else stems
        return cls(stems, stems.sum(1), torch.tensor(REQUESTED[:items]), listeners()[:items])

    def item(self, index: int) -> Case:
        """The case of one item by itself."""
        one = slice(index, index + 1)
        return replace(
            self,
            stems=self.stems[one].clone(),
            mixture=self.mixture[one].clone(),
            requested=self.requested[one].clone(),
            listeners=self.listeners[one],
        )

    def to(self, *where: Any) -> Case:
        """Signals on another device or of another type."""
        return replace(
            self,
            stems=self.stems.to(*where),
            mixture=self.mixture.to(*where),
            requested=self.requested.to(*where),
        )

    def with_error(self, error: float) -> Case:
        """The same with better or worse estimates."""
        return replace(self, error=error)

    def copy(self) -> Case:
        """The same in other memory."""
        return replace(
            self,
            stems=self.stems.clone(),
            mixture=self.mixture.clone(),
            requested=self.requested.clone(),
        )

    def same_signals(self, other: Case) -> bool:
        """Whether signals and gains are bit for bit the same."""
        return (
            torch.equal(self.stems, other.stems)
            and torch.equal(self.mixture, other.mixture)
            and torch.equal(self.requested, other.requested)
        )

    def audiograms(self) -> Tensor:
        """dB HL, ``(B, 2, 8)``."""
        from bench.hearing.audiograms import audiogram_tensor

        return torch.stack([audiogram_tensor(who) for who in self.listeners]).to(
            self.mixture.device
        )

    def query(self) -> GainQuery:
        """The input of a gain strategy."""
        ids = tuple(who.id for who in self.listeners)
        return GainQuery(self.requested, self.audiograms(), self.stems, ids)

    def estimate(self, reference: Tensor) -> Tensor:
        """`reference` with noise, the same for each item, of its own for each place in it."""
        generator = torch.Generator().manual_seed(7)
        noise = torch.randn(reference.shape[1:], generator=generator).to(reference)
        level = reference.square().mean(-1, keepdim=True).sqrt()
        return reference + self.error * level * noise

    def loss_input(self, place: str) -> LossInput:
        """The input of a loss term at a place."""
        reference = self.stems if place == "stems" else self.mixture
        estimate = self.estimate(reference)
        rms = self.mixture.square().mean(-1).sqrt().clamp_min(1e-8)
        return LossInput(
            estimate=estimate,
            reference=reference,
            audiograms=self.audiograms(),
            level1=level1(rms),
            sample_rate=self.sample_rate,
            place=place,
        )

    def predicted_by(self, predictor: Predictor) -> Tensor:
        """The prediction of a front end for the estimated mixture, ``(B, 2)``, by ear."""
        data = self.loss_input("remix")
        score = predictor.score(
            data.estimate.flatten(0, 1),
            data.audiograms.flatten(0, 1),
            data.level1.flatten(),
            self.sample_rate,
            data.reference.flatten(0, 1),
        )
        return score.reshape(data.level1.shape)

    def rendering(self) -> Rendering:
        """The first item as a metric sees it: 6 dB of gain in the place of a prescription."""
        from bench.system.output import OUTPUT_RATE, to_output

        stems = self.estimate(self.stems)[0]
        remix, clean = stems.sum(0).double(), self.stems[0].sum(0).double()
        amplified = [torch.nn.functional.pad(2.0 * signal, (0, TAIL)) for signal in (remix, clean)]
        return Rendering(
            scene=scene(self.stems[0], self.mixture[0], self.listeners),
            listener=self.listeners[0],
            stems=stems,
            stems_reference=self.stems[0],
            remix=remix,
            remix_reference=clean,
            output=to_output(amplified[0], self.sample_rate),
            output_reference=amplified[1],
            gains=self.requested[0].double(),
            sample_rate=self.sample_rate,
            output_rate=OUTPUT_RATE,
            amplified=amplified[0],
        )


@dataclass(frozen=True)
class MemoryAudio:
    """Audio of a scene that is in memory; a :class:`bench.api.SceneAudio`."""

    signals: dict[str, Tensor]
    sample_rate: int = SAMPLE_RATE

    @property
    def frames(self) -> int:
        """Samples per channel."""
        return int(self.signals["mixture"].shape[-1])

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        """float32 ``(2, frames)``."""
        stop = None if frames is None else start + frames
        return self.signals[part][:, start:stop].clone()


def scene(stems: Tensor, mixture: Tensor, who: tuple[Listener, ...]) -> Scene:
    """A scene of stems ``(4, 2, N)`` and mixture ``(2, N)`` in memory."""
    vocals, drums, bass, other = REQUESTED[0]
    return Scene(
        id="conformance",
        song="Conformance",
        head_position="front",
        gains=(vocals, drums, bass, other),
        listeners=tuple(listener.id for listener in who),
        audio=MemoryAudio({"mixture": mixture, **dict(zip(STEMS, stems, strict=True))}),
    )
