"""The exact HAAQI of a pair of signals, or of many against one prepared reference."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from clarity.utils.audiogram import Audiogram

from bench.errors import BenchError
from bench.hearing.audiograms import check_audiogram
from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.exact.resampling import to_model_rate
from bench.hearing.haaqi.exact.scorer import HaaqiResult, Scorer
from bench.hearing.haaqi.parameters import Floats

_LOWEST_RATE: Final = 1_000
"""Hz; the model rounds rates to whole kHz."""


class HaaqiReference:
    """A reference in one ear, against which any number of processed signals are scored.

    Args:
        reference: ``(samples,)``, float64.
        audiogram: of this ear; interpolated to the model's six frequencies.
        sample_rate: of the reference, Hz.
        level1: dB SPL that an RMS of 1.0 stands for.
        equalisation: 1 where the reference has had no NAL-R, and the model adds it; 2 where it
            has.

    Raises:
        BenchError: the reference is empty, has more than one dimension or NaN, the audiogram, the
            rate or the level is none, or `equalisation` is neither 1 nor 2.
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
        if equalisation not in (1, 2):
            raise BenchError(
                f"equalisation {equalisation} is unknown",
                hint="1: the reference needs NAL-R; 2: it has it already.",
            )
        check_audiogram(audiogram)
        self._samples = to_model_rate(_checked(reference, "reference"), _checked_rate(sample_rate))
        # Of a silent reference, which is refused when it is scored, an RMS of 1.0 has no level.
        if not math.isfinite(level1) and self._samples.any():
            raise BenchError(f"a level of {level1} dB SPL is none", where="level1")
        frequencies = np.array(parameters.AUDIOGRAM_FREQUENCIES)
        self._levels = np.asarray(audiogram.resample(frequencies).levels, dtype=np.float64)
        self._sample_rate = sample_rate
        self._level1 = level1
        self._equalisation = equalisation
        self._kept: Scorer | None = None

    def evaluate(
        self,
        processed: Floats,
        processed_sample_rate: float | None = None,
        *,
        draws: np.random.RandomState | None = None,
    ) -> HaaqiResult:
        """Score `processed` and give the components of the score.

        Args:
            processed: ``(samples,)``, float64. Of two lengths the shorter one counts; what is
                kept of the reference is kept for one length.
            processed_sample_rate: Hz, where it is not the reference's.
            draws: generator of the threshold noise, used in pyclarity's order and left as
                pyclarity leaves it, for the other ear; by default the noise is a table, always
                the same.

        Raises:
            BenchError: `processed` is not a signal, the two have less than 16 ms in common, or
                `draws` is not numpy's legacy generator.
        """
        samples = self._common(processed, processed_sample_rate)
        scorer = self._kept
        if scorer is None or scorer.samples != samples.size:
            scorer = self._kept = self._scorer(samples.size, keep=True)
        return scorer.evaluate(samples, draws)

    def score(self, processed: Floats, processed_sample_rate: float | None = None) -> float:
        """Score `processed`, 0 to 0.999: see :meth:`evaluate`."""
        return self.evaluate(processed, processed_sample_rate).score

    def _common(self, processed: Floats, sample_rate: float | None) -> Floats:
        """Resample `processed` to 24 kHz and cut it to the reference."""
        rate = self._sample_rate if sample_rate is None else sample_rate
        samples = _checked(processed, "processed")
        return to_model_rate(samples, _checked_rate(rate))[: self._samples.size]

    def _scorer(self, length: int, keep: bool) -> Scorer:
        reference = self._samples[:length]
        return Scorer(reference, self._levels, self._level1, self._equalisation, keep)

    def __getstate__(self) -> dict[str, Any]:
        # The memory is many times the size of the signal, and soon computed again.
        return {**self.__dict__, "_kept": None}


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


def _checked_rate(sample_rate: float) -> float:
    if not _LOWEST_RATE <= sample_rate < math.inf:
        hint = f"Give a rate in Hz, at least {_LOWEST_RATE}."
        raise BenchError(f"a sample rate of {sample_rate} Hz is none", where="haaqi", hint=hint)
    return sample_rate


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
        draws: generator of the threshold noise, used in pyclarity's order and left as pyclarity
            leaves it, for the other ear; by default the noise is a table.

    Returns:
        pyclarity's ``compute_haaqi`` to 1e-8 with the same draws. By default to 1e-5 for most
        ears, and up to 1.4e-4 off for a profound loss, where little but the noise is heard and
        pyclarity's own score varies by up to 6e-4 with its draws.

    Raises:
        BenchError: a signal is empty, has more than one dimension or NaN, the reference is
            silent or has less than 16 ms of sound, the audiogram, a rate or the level is none, or
            `equalisation` is neither 1 nor 2.

    Source:
        Kates and Arehart (2016), The Hearing-Aid Audio Quality Index (HAAQI), IEEE/ACM TASLP 24(2),
        354-365; pyclarity 0.9.0.
    """
    prepared = HaaqiReference(reference, audiogram, sample_rate, level1, equalisation=equalisation)
    samples = prepared._common(processed, processed_sample_rate)
    return prepared._scorer(samples.size, keep=False).evaluate(samples, draws).score
