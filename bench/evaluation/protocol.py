"""The reference protocol, step by step: one place, for training, evaluation and scoring alike.

Source: ``recipes.cad_icassp_2024.baseline`` (enhance.py, evaluate.py) of pyclarity 0.9.0. Where the
recipe amplifies a song's second listener from the first one's output, this does what its text says:
each listener gets the remix amplified once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from bench.api import Rendering, Scene
from bench.system import System, remix, scale_stems

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

OUTPUT_RATE = 32_000
"""Hz; the sample rate of what a system hands in."""


def reference_gains(protocol: str, requested: Tensor, applied: Tensor) -> Tensor:
    """The gains of the reference, dB: the scene's (``challenge``) or the system's own."""
    return requested if protocol == "challenge" else applied


def hand_in(amplified: Tensor, sample_rate: int) -> Tensor:
    """What a system hands in: ``(2, N)`` -> ``(2, M)`` at OUTPUT_RATE, float64.

    Resampled (soxr HQ), clipped to [-1, 1] and truncated to 16 bit, as in the challenge's FLAC
    files; FLAC itself loses nothing, so it is not written here.
    """
    import soxr

    signal = soxr.resample(amplified.T.numpy(), sample_rate, OUTPUT_RATE, quality="HQ")
    pcm = np.clip(np.clip(signal, -1.0, 1.0) * 32768.0, -32768.0, 32767.0).astype(np.int16)
    return torch.from_numpy(pcm.T.astype(np.float64) / 32768.0)


@dataclass(frozen=True)
class Excerpt:
    """What one scene brings to an evaluation, read once for all its listeners and systems.

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
        return cls(scene, scene.mixture(start, frames), scene.stems(start, frames))


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
    if not bool(torch.isfinite(stems).all()):
        raise ValueError("the separator returned samples that are not finite")
    return stems


def render(
    system: System, excerpt: Excerpt, separated: Tensor, listener: Listener, protocol: str
) -> Rendering:
    """One (scene, listener) pair through the rest of the system, beside its reference.

    Arithmetic is float64 from the separated stems on, as in the official recipe.
    """
    scene, rate = excerpt.scene, excerpt.scene.sample_rate
    requested = torch.tensor([scene.gains], dtype=torch.float64)
    listeners: Sequence[Listener] = [listener]
    with torch.inference_mode():
        applied = system.gains(separated[None], requested.float(), listeners).double()
        mixture = excerpt.mixture[None].double()
        own = remix(scale_stems(separated[None].double(), applied), mixture, rate)
        wanted = reference_gains(protocol, requested, applied)
        reference = remix(scale_stems(excerpt.stems[None].double(), wanted), mixture, rate)
        return Rendering(
            scene=scene,
            listener=listener,
            stems=separated,
            stems_reference=excerpt.stems,
            remix=own[0],
            remix_reference=reference[0],
            output=hand_in(system.amplify(own, listeners)[0], rate),
            output_reference=system.amplify(reference, listeners)[0],
            gains=applied[0],
            sample_rate=rate,
            output_rate=OUTPUT_RATE,
        )
