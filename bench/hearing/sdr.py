"""Signal-to-distortion ratio by museval's definition (BSS Eval v4, images), without its filters.

museval splits the error of an estimate into spatial, interference and artifact parts by projection
filters of 512 taps, which is nearly all of its work, and then adds the three again for the SDR. The
filters cancel, so that in each window

    SDR = 10 log10( sum s^2 / sum (e - s)^2 )

over the samples and channels of reference s and estimate e.

Conventions: sources are ``(sources, channels, samples)``. Windows are 1 s, side by side; what is
left at the end is not measured, and a signal shorter than a window is one window. As in museval,
a window counts for no source at all (NaN) where any source, in reference or estimate, is silent in
it: where its channels sum to exactly zero at every sample.

Source: Vincent et al. (2006), IEEE TASLP 14(4), 1462-1469; Stöter, Liutkus and Ito (2018),
LVA/ICA; ``museval.metrics.bss_eval_images_framewise``.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_BLOCK = 1 << 18
"""Samples that are looked at together, so that long signals are not copied."""


def framewise_sdr(
    reference: npt.ArrayLike, estimate: npt.ArrayLike, window: int, hop: int | None = None
) -> Array:
    """Compute the SDR of each source in each window.

    Args:
        reference: ``(sources, channels, samples)``.
        estimate: the same shape.
        window: samples.
        hop: samples between the beginnings of two windows; `window` where None.

    Returns:
        dB, ``(sources, windows)``; NaN where a source is silent, inf where there is no error.

    Raises:
        ValueError: the shapes differ, or are not ``(sources, channels, samples)``.

    Example:
        >>> framewise_sdr(np.ones((1, 2, 4)), 1.1 * np.ones((1, 2, 4)), window=2).round(6).tolist()
        [[20.0, 20.0]]
    """
    s, e = np.asarray(reference), np.asarray(estimate)
    if s.shape != e.shape or s.ndim != 3:
        raise ValueError(f"expected two of (sources, channels, samples), got {s.shape}, {e.shape}")
    hop = window if hop is None else hop
    samples = s.shape[-1]
    count = (samples - window + hop) // hop if window < samples else 1
    found = np.full((len(s), count), np.nan)
    for index in range(count):
        part = slice(index * hop, min(index * hop + window, samples))
        clean = s[..., part].astype(np.float64)
        given = e[..., part].astype(np.float64)
        if not (audible(clean).all() and audible(given).all()):
            continue
        with np.errstate(divide="ignore"):
            found[:, index] = 10 * np.log10(_energy(clean) / _energy(given - clean))
    return found


def median_sdr(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> Array:
    """Compute the median over windows of 1 s, as tables of separation results give it.

    Args:
        reference: ``(sources, channels, samples)``.
        estimate: the same shape.
        sample_rate: Hz.

    Returns:
        dB, ``(sources,)``; NaN where no window counts.

    Example:
        >>> source = np.ones((1, 2, 24))  # three seconds at 8 Hz
        >>> estimate = source * np.repeat([1.1, 1.01, 1.5], 8)  # 20, 40 and 6 dB
        >>> median_sdr(source, estimate, 8).round(6).tolist()
        [20.0]
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        median: Array = np.nanmedian(framewise_sdr(reference, estimate, sample_rate), axis=-1)
    return median


def audible(sources: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Find the sources of ``(sources, channels, samples)`` that are not silent to museval.

    Returns:
        Booleans, ``(sources,)``: the sum of the channels is not zero at every sample.

    Example:
        >>> antiphase = np.array([[1.0, 1.0], [-1.0, -1.0]])
        >>> audible(np.stack([antiphase, abs(antiphase)])).tolist()
        [False, True]
    """
    signals = np.asarray(sources)
    starts = range(0, signals.shape[-1], _BLOCK)

    def sounds(source: npt.NDArray[np.generic], start: int) -> bool:
        return bool(source[:, start : start + _BLOCK].astype(np.float64).sum(axis=0).any())

    return np.array([any(sounds(source, start) for start in starts) for source in signals], bool)


def _energy(sources: Array) -> Array:
    energy: Array = np.square(sources).sum(axis=(1, 2))
    return energy
