"""auraloss's modules, given what a loss term of bench is given.

auraloss takes ``(batch, channels, samples)``: stems ``(B, 4, 2, N)`` become a batch of ``4 B``
stereo signals; a remix or an output ``(B, 2, N)`` goes in as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import auraloss
from torch import Tensor, nn

from bench.api import LossInput
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench_auraloss import StftOptions


class _Loss:
    """A module of auraloss as a term."""

    kind: type[nn.Module]

    def __init__(self) -> None:
        self.module = self.kind()

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar."""
        loss: Tensor = self.module(_flat(data.estimate), _flat(data.reference))
        return loss


class _StftLoss:
    """A multi-resolution STFT loss of auraloss, made when the sample rate is known.

    Signals shorter than the largest FFT are lengthened by zeros, since the STFT reflects half a
    frame at their ends.
    """

    kind: type[nn.Module]

    def __init__(self, options: StftOptions) -> None:
        self._sizes = _sizes(options)
        self._weights = {
            "w_sc": options.w_sc,
            "w_log_mag": options.w_log_mag,
            "w_lin_mag": options.w_lin_mag,
            "perceptual_weighting": options.perceptual_weighting,
        }
        self._modules: dict[int, nn.Module] = {}

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar."""
        rate = data.sample_rate
        if rate not in self._modules:
            self._modules[rate] = self.kind(sample_rate=rate, **self._sizes, **self._weights)
        missing = max(0, max(self._sizes["fft_sizes"]) - data.estimate.shape[-1])
        signals = [
            _flat(nn.functional.pad(signal, (0, missing)))
            for signal in (data.estimate, data.reference)
        ]
        loss: Tensor = self._modules[rate](*signals)
        return loss


class MultiResolutionStft(_StftLoss):
    """``auraloss.freq.MultiResolutionSTFTLoss``."""

    kind = auraloss.freq.MultiResolutionSTFTLoss


class SumAndDifferenceStft(_StftLoss):
    """``auraloss.freq.SumAndDifferenceSTFTLoss``, of left plus right and of left minus right."""

    kind = auraloss.freq.SumAndDifferenceSTFTLoss


class Snr(_Loss):
    """``auraloss.time.SNRLoss``."""

    kind = auraloss.time.SNRLoss


class SdSdr(_Loss):
    """``auraloss.time.SDSDRLoss``."""

    kind = auraloss.time.SDSDRLoss


class Esr(_Loss):
    """``auraloss.time.ESRLoss``."""

    kind = auraloss.time.ESRLoss


class LogCosh(_Loss):
    """``auraloss.time.LogCoshLoss``."""

    kind = auraloss.time.LogCoshLoss


def _flat(signal: Tensor) -> Tensor:
    """``(..., 2, N)`` -> ``(batch, 2, N)``."""
    return signal.reshape(-1, *signal.shape[-2:]).contiguous()


def _sizes(options: StftOptions) -> dict[str, list[int]]:
    """FFT sizes, hops and window lengths of the resolutions.

    Raises:
        BenchError: they are no numbers, not as many of each, or do not go together.
    """
    sizes = {}
    for name in ("fft_sizes", "hop_sizes", "win_lengths"):
        text = getattr(options, name)
        try:
            sizes[name] = [int(part) for part in text.split(",")]
        except ValueError:
            raise BenchError(
                f"'{text}' is not a list of sizes",
                where=f"loss of auraloss, option '{name}'",
                hint="Write whole numbers separated by commas, such as 1024,2048,512",
            ) from None
    ffts, hops, windows = sizes.values()
    if not len(ffts) == len(hops) == len(windows):
        raise BenchError(
            f"{len(ffts)} FFT sizes, {len(hops)} hops and {len(windows)} window lengths",
            where="loss of auraloss",
            hint="fft_sizes, hop_sizes and win_lengths go together: give as many of each",
        )
    for fft, hop, window in zip(ffts, hops, windows, strict=True):
        if hop < 1 or not 1 <= window <= fft:
            raise BenchError(
                f"hop {hop} and window {window} do not go with an FFT of {fft}",
                where="loss of auraloss",
                hint="A hop is at least 1, a window from 1 to the FFT size",
            )
    return sizes
