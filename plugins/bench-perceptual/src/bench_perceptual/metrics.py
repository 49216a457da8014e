"""pyclarity's HASQI v2 and HASPI v2 of the output file.

Calibration and path are those of the challenge's HAAQI: an RMS of 1.0 stands for 65 dB SPL less the
RMS level of that ear's reference remix before amplification, and both signals are brought to the
model's 24 kHz by soxr HQ. (pyclarity's own resampling rounds 44.1 kHz to 44.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr
from clarity.evaluator.haspi import haspi_v2
from clarity.evaluator.hasqi import hasqi_v2
from clarity.utils.audiogram import Audiogram

from bench.api import EARS, Rendering

RATE: Final = 24_000
"""Hz; the rate of the auditory model."""
PRESENTATION_LEVEL: Final = 65.0
"""dB SPL of the reference before amplification."""
SHORTEST: Final = 0.1
"""s; the models smooth envelopes over 16 ms and compare what is left frame by frame."""

Array = npt.NDArray[np.float64]


class _PerEar:
    """A model's value for each ear, and their mean."""

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        """Parts "mean", "left" and "right", 0 to 1.

        Raises:
            ValueError: the reference or the output of an ear is silent, or shorter than SHORTEST.
        """
        seconds = rendering.output.shape[-1] / rendering.output_rate
        if seconds < SHORTEST:
            raise ValueError(f"{seconds:.3f} s are too short, {SHORTEST} s is the least")
        listener = rendering.listener
        audiograms = (listener.audiogram_left, listener.audiogram_right)
        scores = []
        for ear, audiogram in enumerate(audiograms):
            remix = rendering.remix_reference[ear].double().numpy()
            output = rendering.output[ear].double().numpy()
            if not remix.any() or not output.any():
                raise ValueError(f"the reference or the output is silent in the {EARS[ear]} ear")
            level1 = PRESENTATION_LEVEL - 20 * float(np.log10(np.sqrt(np.mean(remix**2))))
            reference = _resample(self.reference(rendering, ear), rendering.sample_rate)
            with _threshold_noise():
                scores.append(
                    self.model(
                        reference, _resample(output, rendering.output_rate), audiogram, level1
                    )
                )
        return {"mean": float(np.mean(scores)), **dict(zip(EARS, scores, strict=True))}

    def reference(self, rendering: Rendering, ear: int) -> Array:
        """What the output is compared with, at the scene's sample rate."""
        raise NotImplementedError

    def model(self, reference: Array, output: Array, audiogram: Audiogram, level1: float) -> float:
        """One ear, both signals at RATE."""
        raise NotImplementedError


class Hasqi(_PerEar):
    """Hearing-aid speech quality index: output against the amplified reference, as HAAQI is."""

    def reference(self, rendering: Rendering, ear: int) -> Array:
        amplified: Array = rendering.output_reference[ear].double().numpy()
        return amplified

    def model(self, reference: Array, output: Array, audiogram: Audiogram, level1: float) -> float:
        # Equalisation 2: the reference has been amplified already.
        return float(hasqi_v2(reference, RATE, output, RATE, audiogram, 2, level1)[0])


class Haspi(_PerEar):
    """Hearing-aid speech perception index: what a normal ear has of the unamplified reference
    against what the listener's has of the output.
    """

    def reference(self, rendering: Rendering, ear: int) -> Array:
        remix: Array = rendering.remix_reference[ear].double().numpy()
        return remix

    def model(self, reference: Array, output: Array, audiogram: Audiogram, level1: float) -> float:
        return float(haspi_v2(reference, RATE, output, RATE, audiogram, level1)[0])


def _resample(samples: Array, sample_rate: int) -> Array:
    if sample_rate == RATE:
        return samples
    resampled: Array = soxr.resample(samples, sample_rate, RATE, quality="HQ")
    return resampled


@contextmanager
def _threshold_noise() -> Iterator[None]:
    """The same noise at the threshold of hearing for every score; numpy's generator as it was."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
