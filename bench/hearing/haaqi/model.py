"""The exact HAAQI: a prepared reference, and the score of what was made of it."""

from __future__ import annotations

import numpy as np
from clarity.utils.audiogram import Audiogram

from bench.errors import BenchError
from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.parameters import Floats
from bench.hearing.haaqi.resampling import to_model_rate
from bench.hearing.haaqi.scoring import HaaqiResult, Scorer


class HaaqiReference:
    """A reference in one ear, against which any number of processed signals are scored.

    Args:
        reference: ``(samples,)``, float64.
        audiogram: of this ear; interpolated to the model's six frequencies.
        sample_rate: of the reference, Hz.
        level1: dB SPL that an RMS of 1.0 stands for.
        equalisation: 1 where the reference has had no NAL-R, and the model adds it; 2 where it
            has.
    """

    def __init__(
        self,
        reference: Floats,
        audiogram: Audiogram,
        sample_rate: float,
        level1: float = parameters.DEFAULT_LEVEL,
        *,
        equalisation: int = 2,
    ) -> None:
        self._samples = to_model_rate(_checked(reference, "reference"), sample_rate)
        if not self._samples.any():
            raise BenchError("is silent", where="reference", hint="Give a reference with sound.")
        if equalisation not in (1, 2):
            raise BenchError(f"equalisation {equalisation} is unknown", hint="Use 1 or 2.")
        frequencies = np.array(parameters.AUDIOGRAM_FREQUENCIES)
        self._levels = np.asarray(audiogram.resample(frequencies).levels, dtype=np.float64)
        self._rate = sample_rate
        self._level1 = level1
        self._equalisation = equalisation
        self._keep = True
        self._prepared: Scorer | None = None

    def evaluate(
        self,
        processed: Floats,
        processed_sample_rate: float | None = None,
        *,
        draws: np.random.RandomState | None = None,
    ) -> HaaqiResult:
        """Score `processed` ``(samples,)``; its rate in Hz is the reference's unless given."""
        rate = self._rate if processed_sample_rate is None else processed_sample_rate
        samples = to_model_rate(_checked(processed, "processed"), rate)
        length = min(self._samples.size, samples.size)
        return self._scorer(length).evaluate(samples[:length], draws)

    def _scorer(self, length: int) -> Scorer:
        """The model is made for a common length; what is longer is cut."""
        scorer = self._prepared
        if scorer is None or scorer.samples != length:
            scorer = Scorer(
                self._samples[:length],
                self._levels,
                self._level1,
                self._equalisation,
                self._keep,
            )
            self._prepared = scorer
        return scorer

    def score(self, processed: Floats, processed_sample_rate: float | None = None) -> float:
        """The score alone: see :meth:`evaluate`."""
        return self.evaluate(processed, processed_sample_rate).score


def _checked(samples: Floats, name: str) -> Floats:
    samples = np.ascontiguousarray(samples, dtype=np.float64)
    if samples.ndim != 1:
        raise BenchError(
            f"has shape {samples.shape}",
            where=name,
            hint="Score one ear at a time: (samples,).",
        )
    if not samples.size:
        raise BenchError("is empty", where=name)
    if not np.isfinite(samples).all():
        raise BenchError("has NaN or infinite samples", where=name)
    return samples


def haaqi(
    reference: Floats,
    processed: Floats,
    audiogram: Audiogram,
    sample_rate: float,
    level1: float = parameters.DEFAULT_LEVEL,
    *,
    equalisation: int = 2,
    processed_sample_rate: float | None = None,
    draws: np.random.RandomState | None = None,
) -> float:
    """HAAQI of one ear, 0 to 0.999: how good `processed` sounds beside `reference`.

    Args:
        reference: ``(samples,)``, float64.
        processed: ``(samples,)``, float64.
        audiogram: of this ear.
        sample_rate: Hz.
        level1: dB SPL that an RMS of 1.0 stands for.
        equalisation: 1 where the reference has had no NAL-R, and the model adds it; 2 where it
            has.
        processed_sample_rate: Hz, where it is not the reference's.
        draws: what the threshold noise is drawn from, in pyclarity's order; by default a table.
    """
    prepared = HaaqiReference(reference, audiogram, sample_rate, level1, equalisation=equalisation)
    prepared._keep = False
    return prepared.evaluate(processed, processed_sample_rate, draws=draws).score
