"""The exact HAAQI: a prepared reference, and the score of what was made of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from clarity.enhancer.nalr import NALR
from clarity.utils.audiogram import Audiogram
from numpy.typing import NDArray
from scipy import signal

from bench.errors import BenchError
from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.alignment import audible_span, bulk_delay, channel_lags, shifted
from bench.hearing.haaqi.filterbank import (
    GROUPS,
    STATE_ROWS,
    cochlea_block,
    cochlea_coefficients,
    control_coefficients,
    control_energy,
    initial_state,
)
from bench.hearing.haaqi.haircells import (
    BLOCK,
    covariances,
    hair_cells,
    haircell_coefficients,
)
from bench.hearing.haaqi.parameters import (
    CHANNELS,
    COVARIANCE_LAG,
    COVARIANCE_WINDOW,
    ENVELOPE_WINDOW,
    MAX_LAG,
    Cochlea,
    Floats,
)
from bench.hearing.haaqi.resampling import to_model_rate
from bench.hearing.haaqi.simd import LANES, aligned


@dataclass(frozen=True)
class HaaqiResult:
    """A score and its components, each 1 where the two signals are equal.

    Attributes:
        score: HAAQI, 0 to 0.999.
        cepstral_correlation: of the envelopes' modulations from 20 to 125 Hz.
        bm_sync_covariance: of the basilar membrane's motion, weighted by synchrony.
        d_loud: the change of the long-term spectrum.
        d_norm: the change of the spectrum relative to itself.
    """

    score: float
    cepstral_correlation: float
    bm_sync_covariance: float
    d_loud: float
    d_norm: float


NOISE_SIZE = 1 << 20


@cache
def _noise_table() -> NDArray[np.float32]:
    return np.random.default_rng(20150219).standard_normal(NOISE_SIZE, dtype=np.float32)


@dataclass
class _Group:
    """What is kept of eight channels of a signal."""

    motion: Floats
    envelope: Floats


def _middle_ear(samples: Floats) -> Floats:
    low = signal.lfilter(*parameters.middle_ear_lowpass(), samples)
    filtered: Floats = signal.lfilter(*parameters.middle_ear_highpass(), low)
    return filtered


def _control_rms(ear_signal: Floats) -> Floats:
    rows = control_coefficients()
    energy = np.concatenate([control_energy(ear_signal, rows[g]) for g in range(GROUPS)])
    gains = parameters.gammatone_gains(parameters.gammatone_poles(parameters.control_bandwidth()))
    return np.asarray(gains * np.sqrt(energy / ear_signal.size))


class _Ear:
    """One signal in one ear, up to the aligned hair cells."""

    def __init__(self, samples: Floats, ear: Cochlea, level1: float) -> None:
        self.ear = ear
        self.level1 = level1
        self.signal = _middle_ear(samples)
        self.control_rms = _control_rms(self.signal)
        self.bandwidth = parameters.adjusted_bandwidth(self.control_rms, ear.bandwidth, level1)
        self.rows = cochlea_coefficients(ear, self.bandwidth, level1)
        self.hair = haircell_coefficients(ear, level1)
        self.gains = parameters.gammatone_gains(parameters.gammatone_poles(self.bandwidth))
        self.rms = np.empty(CHANNELS)

    def cochlea(self, group: int, envelope: Floats, motion: Floats, pad: int) -> None:
        state = initial_state()
        n = self.signal.size
        cochlea_block(self.signal, 0, n, self.rows[group], state, envelope, motion, pad)
        lanes = slice(group * LANES, (group + 1) * LANES)
        self.rms[lanes] = self.gains[lanes] * np.sqrt(state[STATE_ROWS - 1] / n)

    def levels(self) -> Floats:
        return parameters.sensation_levels(self.rms, self.control_rms, self.ear, self.level1)


def evaluate_pair(
    reference: Floats,
    processed: Floats,
    ear: Cochlea,
    level1: float,
    draws: np.random.RandomState | None,
) -> HaaqiResult:
    n = reference.size
    x, y = _Ear(reference, ear, level1), _Ear(processed, ear, level1)
    delays = parameters.group_delays(x.bandwidth)
    pad = MAX_LAG + int(delays.max()) + LANES
    env_x, bm_x, env_y, bm_y = (aligned(n + 2 * pad) for _ in range(4))
    e_segments = parameters.segments(n, ENVELOPE_WINDOW)
    c_segments = parameters.segments(n, COVARIANCE_WINDOW)
    out_x, out_y = aligned(n + BLOCK), aligned(n + BLOCK)
    smooth_x, smooth_y = np.empty((2, e_segments, CHANNELS))
    power_x, covariance = np.empty((2, c_segments, CHANNELS))
    if draws is not None:
        noises = [draws.standard_normal((CHANNELS, n)) for _ in range(2)]
    for g in range(GROUPS):
        lanes = slice(g * LANES, (g + 1) * LANES)
        x.cochlea(g, env_x, bm_x, pad)
        y.cochlea(g, env_y, bm_y, pad)
        lag_e = channel_lags(env_x[pad:], env_y, n, pad)
        lag_m = channel_lags(bm_x[pad:], bm_y, n, pad)
        first = delays[lanes]
        zero = np.zeros(LANES, dtype=np.int64)
        for which, (one, env, bm, le, lm, out, smooth) in enumerate(
            (
                (x, env_x, bm_x, zero, zero, out_x, smooth_x),
                (y, env_y, bm_y, lag_e, lag_m, out_y, smooth_y),
            )
        ):
            if draws is None:
                noise = _noise_table()
                start = g * NOISE_SIZE // GROUPS + which * (NOISE_SIZE // (2 * GROUPS))
            else:
                noise = np.zeros((n + BLOCK, LANES))
                for k in range(LANES):
                    noise[first[k] : n, k] = noises[which][g * LANES + k, : n - first[k]]
                noise = noise.ravel()
                start = 0
            rise, fall = aligned(n // 96 + 4), aligned(n // 96 + 4)
            state = aligned(2)
            for t in range(0, n - n % BLOCK + (BLOCK if n % BLOCK else 0), BLOCK):
                hair_cells(
                    env,
                    bm,
                    pad - first + le,
                    pad - first + lm,
                    first,
                    t,
                    one.hair[g],
                    state,
                    noise,
                    parameters.noise_amplitude(level1),
                    start,
                    out,
                    t,
                    rise,
                    fall,
                )
            smooth[:, lanes] = _smooth(rise, fall, e_segments)
        px, py, peak = (aligned(c_segments) for _ in range(3))
        covariances(out_x, out_y, c_segments, *_lag_weights(), px, py, peak)
        norm = _power_weights(c_segments)[:, None]
        px, py = px * norm, py * norm
        known = (px > parameters.SMALL) & (py > parameters.SMALL)
        product = np.where(known, px * py, 1.0)
        covariance[:, lanes] = np.where(known, np.clip(peak / np.sqrt(product), 0, 1), 0)
        power_x[:, lanes] = 2 * px
    cep = _cepstral(smooth_x, smooth_y)
    sync = _sync(covariance, np.sqrt(power_x))
    loud, norm_ = parameters.spectral_differences(x.levels(), y.levels())
    return HaaqiResult(parameters.combine(cep, sync, loud, norm_), cep, sync, loud, norm_)


def _smooth(rise: Floats, fall: Floats, segments: int) -> Floats:
    window = np.hanning(ENVELOPE_WINDOW)
    half = window[ENVELOPE_WINDOW // 2 :].sum()
    smooth = np.empty((segments, LANES))
    smooth[1:-1] = (rise[1 : segments - 1] + fall[2:segments]) / window.sum()
    smooth[0] = fall[0] / half
    smooth[-1] = rise[segments - 1] / half
    return smooth


@cache
def _lag_weights() -> tuple[Floats, Floats]:
    window = np.hanning(COVARIANCE_WINDOW)
    half = window[COVARIANCE_WINDOW // 2 :]

    def w(v):
        c = np.correlate(v, v, "full")
        return 1 / c[len(v) - 1 - COVARIANCE_LAG : len(v) + COVARIANCE_LAG]

    return w(window), w(half)


def _power_weights(segments: int) -> Floats:
    window = np.hanning(COVARIANCE_WINDOW)
    w = np.full(segments, 1 / np.sum(window**2))
    w[0] = w[-1] = 1 / np.sum(window[COVARIANCE_WINDOW // 2 :] ** 2)
    return w


def _cepstral(reference: Floats, processed: Floats) -> float:
    loudness = 20 * np.log10(np.sum(10 ** (reference / 20), axis=1) / CHANNELS)
    heard = loudness > parameters.SILENCE_THRESHOLD
    if heard.sum() <= 1:
        return 0.0
    basis = parameters.cepstral_basis()[:, 1:]
    filters = parameters.modulation_filters()[4:]

    def modulations(smooth):
        cepstrum = smooth[heard] @ basis
        cepstrum -= cepstrum.mean(axis=0)
        m = signal.fftconvolve(cepstrum.T[None], filters[:, None], mode="full", axes=2)
        m = m[:, :, 64 : 64 + cepstrum.shape[0]]
        return m - m.mean(axis=2, keepdims=True)

    x, y = modulations(reference), modulations(processed)
    xx, yy, xy = (x * x).sum(2), (y * y).sum(2), (x * y).sum(2)
    ok = (xx >= 1e-30) & (yy >= 1e-30)
    return float(np.sum(np.abs(xy[ok]) / np.sqrt(xx[ok] * yy[ok])) / xx.size)


def _sync(covariance: Floats, rms: Floats) -> float:
    loudness = 20 * np.log10(np.sum(10 ** (rms / 20), axis=1) / CHANNELS)
    heard = loudness > parameters.SILENCE_THRESHOLD
    if heard.sum() <= 1:
        return 0.0
    weight = (rms[heard] > parameters.SILENCE_THRESHOLD) * parameters.sync_weights()
    return float(np.sum(weight * covariance[heard]) / np.sum(weight))


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
        self._audiogram = audiogram.resample(frequencies)
        self._rate = sample_rate
        self._level1 = level1
        self._equalisation = equalisation

    def evaluate(
        self,
        processed: Floats,
        processed_sample_rate: float | None = None,
        *,
        draws: np.random.RandomState | None = None,
    ) -> HaaqiResult:
        """Score `processed` ``(samples,)``; its rate in Hz is the reference's unless given."""
        rate = self._rate if processed_sample_rate is None else processed_sample_rate
        p = to_model_rate(_checked(processed, "processed"), rate)
        n = min(self._samples.size, p.size)
        r, p = self._samples[:n], p[:n]
        p = shifted(p, bulk_delay(r, p))
        start, stop = audible_span(r)
        r, p = r[start:stop], p[start:stop]
        if r.size < COVARIANCE_WINDOW:
            raise BenchError(
                f"holds {1000 * r.size / 24000:.1f} ms of sound; HAAQI needs 16 ms",
                where="reference",
            )
        if self._equalisation == 1:
            nalr = NALR(140, parameters.SAMPLE_RATE)
            fir, _ = nalr.build(self._audiogram)
            r = signal.fftconvolve(r, fir)[140 : 140 + r.size]
        ear = parameters.cochlea(self._audiogram.levels)
        return evaluate_pair(r, p, ear, self._level1, draws)

    def score(self, processed: Floats, processed_sample_rate: float | None = None) -> float:
        """The score alone: see :meth:`evaluate`."""
        return self.evaluate(processed, processed_sample_rate).score


def _checked(samples: Floats, name: str) -> Floats:
    samples = np.ascontiguousarray(samples, dtype=np.float64)
    if samples.ndim != 1:
        raise BenchError(
            f"has shape {samples.shape}", where=name, hint="Score one ear at a time: (samples,)."
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
    return prepared.evaluate(processed, processed_sample_rate, draws=draws).score
