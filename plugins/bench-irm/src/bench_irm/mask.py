"""Ideal ratio masks by torch's STFT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench_irm import IrmOptions

_EPSILON: Final = 1e-10
"""Added to each stem's share: bins where every stem is silent are shared alike. A full-scale tone
has a magnitude of about a quarter of the window's length."""


class IdealRatioMask:
    """Shares the mixture out among the stems, bin by bin, by the clean stems' magnitudes.

    Stem k gets ``|S_k|^p / sum_j |S_j|^p`` of the mixture's spectrum, for each ear by itself. The
    stems sum to the mixture, even where the clean ones at the microphones do not.

    Raises:
        BenchError: an option is invalid.
    """

    def __init__(self, options: IrmOptions) -> None:
        if options.power <= 0:
            raise BenchError(
                f"{options.power:g} is not a valid exponent",
                where="separator irm, option 'power'",
                hint="Give a number above 0, such as 1 or 2",
            )
        if options.window < 4 or options.window % 4:
            raise BenchError(
                f"{options.window} is not a valid window length",
                where="separator irm, option 'window'",
                hint="It is moved by a quarter: give a multiple of 4, such as 4096",
            )
        self._power = options.power
        self._window = options.window

    def separate(self, mixture: Tensor, stems: Tensor) -> Tensor:
        """``(B, 2, N)`` and clean stems ``(B, 4, 2, N)`` -> ``(B, 4, 2, N)``."""
        length = mixture.shape[-1]
        # The STFT reflects half a window at the ends, which a shorter signal does not have.
        missing = max(0, self._window - length)
        mixture, stems = (torch.nn.functional.pad(x, (0, missing)) for x in (mixture, stems))
        weights = self._stft(stems).abs() ** self._power + _EPSILON
        shares = weights / weights.sum(1, keepdim=True)
        return self._istft(shares * self._stft(mixture)[:, None], length)

    def _stft(self, signal: Tensor) -> Tensor:
        flat = signal.reshape(-1, signal.shape[-1])
        window = torch.hann_window(self._window, dtype=signal.dtype, device=signal.device)
        bins = torch.stft(flat, self._window, self._window // 4, window=window, return_complex=True)
        return bins.reshape(*signal.shape[:-1], *bins.shape[-2:])

    def _istft(self, bins: Tensor, length: int) -> Tensor:
        flat = bins.reshape(-1, *bins.shape[-2:])
        window = torch.hann_window(self._window, dtype=flat.real.dtype, device=flat.device)
        signal = torch.istft(flat, self._window, self._window // 4, window=window, length=length)
        return signal.reshape(*bins.shape[:-2], length)
