"""The last page of HAAQI, from segments to the score, for arrays and for tensors.

The exact and the differentiable HAAQI end alike: the segments that are loud enough are compared by
their cepstral correlation and by their covariance weighted by synchrony, the long-term spectra by
two differences, and a polynomial makes a score of the four. `Values` are arrays or tensors; what
comes from tensors is differentiable. Where the two need different operations there is a pair, the
second of which is named ``tensor_...``.

Envelopes, powers and covariances are ``(segments, 32)``, long-term levels ``(32,)``.

Source: Kates and Arehart (2016), The Hearing-Aid Audio Quality Index (HAAQI), IEEE/ACM TASLP 24(2),
354-365; ``melcor9``, ``ave_covary2``, ``convert_rms_to_sl`` and ``spectrum_diff`` of
``clarity.evaluator.haspi.eb`` and ``haaqi_v1`` of ``clarity.evaluator.haaqi`` (pyclarity 0.9.0).
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import numpy as np
import torch
from scipy import signal
from torch import Tensor
from torch.nn import functional

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.parameters import (
    CHANNELS,
    MODULATION_TAPS,
    SILENCE_THRESHOLD,
    SMALL,
    UPPER_KNEE,
    Cochlea,
    Floats,
    Values,
)

Number = TypeVar("Number", float, Tensor)

FIRST_BAND: Final = 4
"""Modulation bands from this one on, 20 to 125 Hz, make up the cepstral correlation."""
LOUD_LIMIT: Final = 2.5
"""Deviation of two spectra, in units of their mean, at which `d_loud` is 0."""
NORM_LIMIT: Final = 25
"""Deviation of their relative differences, times the channels, at which `d_norm` is 0."""


def _library(values: Any) -> Any:
    """Return the library that `values` belong to, torch or numpy."""
    return torch if isinstance(values, Tensor) else np


def _constant(value: Floats, like: Values) -> Any:
    """Return a constant as an array, or as a tensor of the type and on the device of `like`."""
    return torch.from_numpy(value).to(like) if isinstance(like, Tensor) else value


# --- which segments count ------------------------------------------------------------------------


def heard(levels: Values, axis: int = 1) -> Any:
    """Find the segments that are loud enough to count.

    Args:
        levels: dB SL, ``(segments, 32)``.
        axis: the one of the channels.

    Returns:
        Booleans, ``(segments,)``: the mean amplitude over the channels is above 2.5 dB SL.

    Example:
        >>> heard(np.array([[2.4] * 32, [0.0] * 24 + [10.0] * 8])).tolist()
        [False, True]
    """
    return (10 ** (levels / 20)).mean(axis) > 10 ** (SILENCE_THRESHOLD / 20)


# --- the envelopes: cepstral correlation ---------------------------------------------------------


def modulations(envelope: Floats) -> Floats:
    """Compute modulations of the cepstrum without its mean level, ``(4, 5, segments)``, zero-mean.

    Args:
        envelope: smoothed, dB SL, of the segments that are heard.

    Example:
        >>> modulations(np.full((300, 32), 40.0)).shape  # bands, cepstral coefficients, segments
        (4, 5, 300)
    """
    cepstrum = envelope @ parameters.cepstral_basis()[:, 1:]
    cepstrum -= cepstrum.mean(axis=0)
    filters = parameters.modulation_filters()[FIRST_BAND:]
    bands = signal.fftconvolve(cepstrum.T[None], filters[:, None], axes=2)
    delay = MODULATION_TAPS // 2
    bands = bands[:, :, delay : delay + envelope.shape[0]]
    centred: Floats = bands - bands.mean(axis=2, keepdims=True)
    return centred


def tensor_modulations(envelope: Tensor) -> Tensor:
    """Compute the :func:`modulations` of a tensor, ``(5, 4, segments)``.

    Example:
        >>> envelope = 10 * torch.rand(300, 32, dtype=torch.float64)
        >>> found = tensor_modulations(envelope).transpose(0, 1).numpy()
        >>> bool(np.allclose(found, modulations(envelope.numpy())))
        True
    """
    basis = _constant(parameters.cepstral_basis()[:, 1:], envelope)
    filters = _constant(parameters.modulation_filters()[FIRST_BAND:], envelope)
    cepstrum = (envelope - envelope.mean(0)) @ basis
    # The filters are symmetric: correlation is convolution.
    bands = functional.conv1d(cepstrum.T[:, None], filters[:, None], padding="same")
    return bands - bands.mean(-1, keepdim=True)


def cepstral_correlation(reference: Values, processed: Values) -> Values:
    """Average the normalised covariances of two signals' modulations: a scalar in 0 ... 1.

    Args:
        reference: :func:`modulations` or :func:`tensor_modulations`, zero-mean.
        processed: those of the processed signal in the same segments.

    Example:
        >>> wave = np.sin(np.arange(100)).reshape(1, 1, 100)
        >>> round(float(cepstral_correlation(wave, 0.5 * wave)), 6)  # scale does not matter
        1.0
    """
    reference_power, processed_power = (reference**2).sum(-1), (processed**2).sum(-1)
    covariance = abs((reference * processed).sum(-1))
    known = (reference_power >= SMALL) & (processed_power >= SMALL)
    return _normalised(covariance, reference_power, processed_power, known).mean()  # type: ignore[no-any-return]


def _normalised(covariance: Values, x_power: Values, y_power: Values, known: Any) -> Any:
    """Divide covariances by the root of both powers; 0 where these are not `known`."""
    library = _library(covariance)
    # The inner choice keeps the root's infinite slope at zero out of the gradient.
    norm = library.sqrt(library.where(known, x_power * y_power, 1.0))
    return library.where(known, covariance / norm, 0.0)


# --- the basilar membrane's motion: covariance weighted by synchrony -----------------------------


def normalised_covariance(
    covariance: Values, reference_power: Values, processed_power: Values
) -> Values:
    """Normalise covariances to 0 ... 1; they are 0 where a signal has no power.

    Args:
        covariance: magnitude, the greatest over lags.
        reference_power: mean square of the reference's motion in each segment.
        processed_power: the same of the processed signal's.

    Example:
        >>> normalised_covariance(*np.array([[1.0, 3.0, 0.0], [4.0, 2.0, 0.0], [1.0] * 3])).tolist()
        [0.5, 1.0, 0.0]
    """
    known = (reference_power > SMALL) & (processed_power > SMALL)
    normalised = _normalised(covariance, reference_power, processed_power, known)
    return normalised.clip(max=1.0)  # type: ignore[no-any-return]


def sync_covariance(covariance: Values, reference_power: Values) -> Values:
    """Average covariances over what is heard, weighted by the channels' synchrony: a scalar.

    Args:
        covariance: :func:`normalised_covariance`.
        reference_power: mean square of the reference's motion in each segment.

    Example:
        >>> power = np.full((3, 32), 100.0)
        >>> float(sync_covariance(np.full((3, 32), 0.75), power))
        0.75
        >>> float(sync_covariance(np.full((3, 32), 0.75), 0 * power))  # nothing is heard
        0.0
    """
    library = _library(covariance)
    levels = library.sqrt(2 * reference_power)
    segments = heard(levels)
    if segments.sum() <= 1:
        return library.zeros_like(covariance.sum())  # type: ignore[no-any-return]
    synchrony = _constant(parameters.sync_weights(), levels)
    weights = (levels[segments] > SILENCE_THRESHOLD) * synchrony
    return (weights * covariance[segments]).sum() / weights.sum()  # type: ignore[no-any-return]


# --- the long-term spectra -----------------------------------------------------------------------


def sensation_levels(
    rms: Floats, control_rms: Floats, ear: Cochlea[Floats], level1: float
) -> Floats:
    """Convert long-term RMS values to compressed levels in dB SL, ``(32,)``.

    Args:
        rms: RMS of the gammatone envelopes before compression, ``(32,)``.
        control_rms: RMS of the control envelopes, ``(32,)``.
        ear: the listener's cochlea.
        level1: dB SPL that an RMS of 1.0 stands for.

    Example:
        >>> normal = parameters.cochlea([0] * 6)
        >>> quiet, loud = (sensation_levels(np.full(32, rms), np.full(32, rms), normal, 65.0)
        ...                for rms in (0.01, 1.0))  # 25 dB SPL, below the knee, and 65 dB SPL
        >>> quiet[[0, 31]].round(1).tolist(), loud[[0, 31]].round(1).tolist()
        ([25.0, 25.0], [58.0, 40.0])
    """
    control = level1 + 20 * np.log10(np.maximum(control_rms, SMALL))
    control = np.maximum(np.minimum(control, UPPER_KNEE), ear.knee)
    gain = -ear.ohc_attenuation - (control - ear.knee) * (1 - 1 / ear.ratio)
    level = np.maximum(level1 + 20 * np.log10(np.maximum(rms, SMALL)), 0)
    return np.maximum(level + gain - ear.ihc_attenuation, 0)


def relative_spectrum(levels: Values) -> Values:
    """Convert levels in dB SL to the channels' shares in the sum of amplitudes, ``(32,)``.

    Example:
        >>> relative_spectrum(np.array([20.0, 0.0])).round(3).tolist()
        [0.909, 0.091]
    """
    amplitude = 10 ** (levels / 20)
    shares: Values = amplitude / amplitude.sum()
    return shares


def spectral_differences(reference: Floats, processed: Floats) -> tuple[float, float]:
    """Compare two spectra by HAAQI's d_loud and d_norm: 1 for the same shape, 0 at worst.

    Args:
        reference: long-term levels in dB SL, ``(32,)``.
        processed: those of the processed signal.

    Example:
        >>> spectral_differences(np.full(32, 40.0), np.full(32, 46.0))  # 6 dB louder
        (1.0, 1.0)
        >>> loud, norm = spectral_differences(np.full(32, 40.0), np.linspace(40, 60, 32))
        >>> round(loud, 2), round(norm, 2)
        (0.74, 0.59)
    """
    x, y = relative_spectrum(reference), relative_spectrum(processed)
    loud = similarity(np.std(x - y), LOUD_LIMIT)
    norm = similarity(np.std((x - y) / (x + y)), NORM_LIMIT)
    return float(loud), float(norm)


def similarity(deviation: Values | np.floating[Any], limit: float) -> Any:
    """Convert a standard deviation over channels to 1 where it is 0, and 0 from its limit on.

    Example:
        >>> round(float(similarity(np.std([0.0, 0.05]), LOUD_LIMIT)), 6)
        0.68
    """
    return (1 - CHANNELS * deviation / limit).clip(0, 1)


def tensor_spectral_differences(reference: Tensor, processed: Tensor) -> tuple[Tensor, Tensor]:
    """Compare as :func:`spectral_differences` does, in tensors; equal spectra have a slope of zero.

    Example:
        >>> level = torch.full((32,), 40.0, requires_grad=True)
        >>> loud, norm = tensor_spectral_differences(level.detach(), level)
        >>> (loud + norm).backward()
        >>> loud.item(), norm.item(), level.grad.abs().sum().item()
        (1.0, 1.0, 0.0)
    """
    x, y = relative_spectrum(reference), relative_spectrum(processed)

    def compared(difference: Tensor, limit: float) -> Tensor:
        variance = difference.var(correction=0)
        # The deviation has a corner where the variance is zero, and its root an infinite slope.
        deviation = torch.where(variance > 0, torch.where(variance > 0, variance, 1).sqrt(), 0)
        # The quotient comes first, unlike in `similarity`: the last bit of gradients rests on it.
        return (1 - CHANNELS / limit * deviation).clamp(0, 1)

    return compared(x - y, LOUD_LIMIT), compared((x - y) / (x + y), NORM_LIMIT)


# --- the score -----------------------------------------------------------------------------------


def combine(
    cepstral_correlation: Number, bm_sync_covariance: Number, d_loud: Number, d_norm: Number
) -> Number:
    """Combine HAAQI's four components, numbers or tensors, to its score: 0.999 where all are 1.

    Example:
        >>> round(combine(1.0, 1.0, 1.0, 1.0), 3), round(combine(0.5, 0.5, 1.0, 1.0), 3)
        (0.999, 0.259)
    """
    nonlinear = 0.754 * cepstral_correlation**3 + 0.246 * bm_sync_covariance
    linear = 0.329 * d_loud + 0.671 * d_norm
    return 0.336 * nonlinear + 0.001 * linear + 0.501 * nonlinear**2 + 0.161 * linear**2
