"""Open-Unmix in chunks, with the arithmetic of the official recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bench.api import SAMPLE_RATE
from bench.separation.chunks import RECIPE_OVERLAP, window
from bench_openunmix.weights import load_separator

if TYPE_CHECKING:
    from bench_openunmix import OpenUnmixOptions


class OpenUnmixSeparator(torch.nn.Module):
    """A pretrained Open-Unmix without training; its input is not normalised.

    Raises:
        BenchError: the weights are missing or do not fit, or an option is invalid.
    """

    def __init__(self, options: OpenUnmixOptions) -> None:
        super().__init__()
        self._lone_fades = options.overlap == RECIPE_OVERLAP
        self.model = load_separator(options.weights, options.iterations)
        self.model.requires_grad_(False)
        self._chunk = int(SAMPLE_RATE * options.segment * (1 + options.overlap))
        self._fade = int(SAMPLE_RATE * options.overlap)

    def separate(self, mixture: Tensor) -> Tensor:
        """``(B, 2, N)`` at 44.1 kHz -> stems ``(B, 4, 2, N)`` in the order of STEMS.

        Chunks are cut and cross-faded by straight lines as pyclarity's separate_sources does it,
        its habits included: those after the first are longer by the fade, and with its overlap of
        0.1 s one that is alone fades out at its end. What is shorter than a fade is spared that.
        """
        batch, channels, length = mixture.shape
        stems = mixture.new_zeros(batch, 4, channels, length)
        for start in range(0, length, self._chunk):
            first, end = max(0, start - self._fade), min(start + self._chunk, length)
            shape = window(start, end, length, self._fade, lone_fades=self._lone_fades)
            stems[..., first:end] += self._run(mixture[..., first:end]) * shape.to(mixture)
        return stems

    def _run(self, chunk: Tensor) -> Tensor:
        """The network; it reflects half a window at the ends, which a short chunk does not have."""
        length = chunk.shape[-1]
        missing = max(0, self.model.stft.n_fft - length)
        estimate: Tensor = self.model(torch.nn.functional.pad(chunk, (0, missing)))
        return estimate[..., :length]
