"""HAAQI by the challenge's output path and level calibration.

Source: ``recipes.cad_icassp_2024.baseline.evaluate`` of pyclarity 0.9.0. Both signals are resampled
to 24 kHz (soxr HQ); the reference is the amplified one (equalisation 2); an RMS of 1.0 stands for
65 dB SPL less the RMS level of that ear's reference *before* amplification. With
``noise=recipe`` the threshold noise is the recipe's too: ``set_song_seed`` seeds numpy's legacy
generator by the scene's id, then the left ear draws, then the right.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import md5
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr
import torch
from clarity.utils.audiogram import Audiogram
from torch import Tensor

from bench.api import EARS, Rendering
from bench.builtin.metrics import HaaqiOptions
from bench.builtin.metrics.parts import PartScores
from bench.hearing.calibration import level1
from bench.hearing.haaqi import HaaqiReference
from bench.plugins.digest import digest

RATE: Final = 24_000
"""Hz; the rate of the auditory model."""


Array = npt.NDArray[np.float64]


class Haaqi:
    """HAAQI of the output in each ear, their mean, the better one, and that without a file."""

    def __init__(self, options: HaaqiOptions | None = None) -> None:
        self._options = options or HaaqiOptions()

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        """Parts "mean", "left", "right" and "better", 0 to 0.999; where asked for, "unclipped".

        "unclipped" is missing for audio that somebody else made.

        Raises:
            BenchError: the reference of an ear is silent or holds too little sound.
        """
        ears = self._ears(rendering, rendering.output, rendering.output_rate)
        by_ear = dict(zip(EARS, ears, strict=True))
        found = {"mean": float(np.mean(ears)), **by_ear, "better": max(ears)}
        if not self._options.unclipped:
            return found
        if rendering.amplified is None:
            why = "what came before the file is not known"
            return PartScores(found, {"unclipped": why})
        plain = self._ears(rendering, rendering.amplified, rendering.sample_rate)
        return {**found, "unclipped": float(np.mean(plain))}

    def _ears(self, rendering: Rendering, output: Tensor, rate: int) -> list[float]:
        """The scores of `output` ``(2, M)`` at `rate` in Hz, left then right."""
        listener = rendering.listener
        audiograms = (listener.audiogram_left, listener.audiogram_right)
        draws = None
        if self._options.noise == "recipe":
            draws = np.random.RandomState(recipe_seed(rendering.scene.id))
        scores = []
        for ear, audiogram in enumerate(audiograms):
            reference = _references.get(
                rendering.output_reference[ear].double().numpy(),
                rendering.sample_rate,
                audiogram,
                level1(_rms(rendering.remix_reference[ear].double().numpy())),
            )
            signal = resampled(output[ear].double().numpy(), rate)
            scores.append(reference.evaluate(signal, draws=draws).score)
        return scores


def recipe_seed(scene: str) -> int:
    """The seed of a scene's threshold noise, as the recipe's ``set_song_seed`` has it.

    Example:
        >>> recipe_seed("scene_10001")
        12061186
    """
    return int(md5(scene.encode("utf-8"), usedforsecurity=False).hexdigest(), 16) % 10**8


class ReferenceCache:
    """The references last used, since several systems are scored against each.

    Args:
        seconds: how much audio may be kept; a prepared reference takes some MB a second.
    """

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[object, tuple[HaaqiReference, float]] = OrderedDict()

    def get(
        self, amplified: Array, sample_rate: int, audiogram: Audiogram, level1: float
    ) -> HaaqiReference:
        """The prepared reference, found by the content of what it is made from."""
        ear = *audiogram.levels.tolist(), *audiogram.frequencies.tolist()
        key = (digest(torch.from_numpy(amplified)), ear, sample_rate, level1)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]
        reference = HaaqiReference(
            resampled(amplified, sample_rate), audiogram, RATE, level1, equalisation=2
        )
        self._kept[key] = reference, len(amplified) / sample_rate
        while sum(seconds for _, seconds in self._kept.values()) > self._seconds:
            self._kept.popitem(last=False)
        return reference


_references = ReferenceCache()


def _rms(signal: Array) -> float:
    return float(np.sqrt(np.mean(signal**2)))


def resampled(samples: Array, sample_rate: int) -> Array:
    """``(N,)`` at `sample_rate` in Hz, at the rate of the model."""
    if sample_rate == RATE:
        return samples
    signal: Array = soxr.resample(samples, sample_rate, RATE, quality="HQ")
    return signal
