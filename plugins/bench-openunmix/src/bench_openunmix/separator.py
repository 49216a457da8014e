"""Open-Unmix in chunks, with the arithmetic of the official recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bench.api import SAMPLE_RATE
from bench.errors import BenchError
from bench_openunmix.weights import load_separator

if TYPE_CHECKING:
    from bench_openunmix import OpenUnmixOptions


class OpenUnmixSeparator(torch.nn.Module):
    """A pretrained Open-Unmix; nothing of it is trained, and its input is not normalised.

    Raises:
        BenchError: the weights are not there or do not fit, or an option makes no sense.
    """

    def __init__(self, options: OpenUnmixOptions) -> None:
        super().__init__()
        if options.iterations < 0 or options.overlap < 0 or options.segment <= 0:
            raise BenchError(
                "iterations and overlap must not be negative, and segment must be above 0",
                where="separator openunmix",
            )
        self.model = load_separator(options.weights, options.iterations)
        self.model.requires_grad_(False)
        self._chunk = int(SAMPLE_RATE * options.segment * (1 + options.overlap))
        self._fade = int(SAMPLE_RATE * options.overlap)

    def separate(self, mixture: Tensor) -> Tensor:
        """``(B, 2, N)`` at 44.1 kHz -> stems ``(B, 4, 2, N)`` in the order of STEMS.

        Chunks are cut and cross-faded by straight lines as pyclarity's separate_sources does it,
        its habits included: those after the first are longer by the fade, and one that is alone
        fades out at its end. What is shorter than a fade is spared that.
        """
        batch, channels, length = mixture.shape
        ramp = torch.linspace(0, 1, self._fade, dtype=mixture.dtype, device=mixture.device)
        stems = mixture.new_zeros(batch, 4, channels, length)
        for start in range(0, length, self._chunk):
            first, end = max(0, start - self._fade), min(start + self._chunk, length)
            window = mixture.new_ones(end - first)
            if start:
                window[: self._fade] *= ramp
            if length > self._fade and (not start or end < length):
                window[len(window) - self._fade :] *= ramp.flip(0)
            stems[..., first:end] += self._run(mixture[..., first:end]) * window
        return stems

    def _run(self, chunk: Tensor) -> Tensor:
        """The network; it reflects half a window at the ends, which a short chunk does not have."""
        length = chunk.shape[-1]
        missing = max(0, self.model.stft.n_fft - length)
        estimate: Tensor = self.model(torch.nn.functional.pad(chunk, (0, missing)))
        return estimate[..., :length]
