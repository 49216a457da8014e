"""Hybrid Demucs by torchaudio, normalised and cut into chunks as the official recipe does."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.api import SAMPLE_RATE, STEMS
from bench.builtin.separators import HDemucsOptions
from bench.builtin.separators.weights import load_model
from bench.separation.chunks import RECIPE_OVERLAP, check_chunks, window
from bench.separation.masks import WINDOW, mask_mixture


class HDemucsSeparator(torch.nn.Module):
    """Pretrained Hybrid Demucs without training.

    Memory does not grow with the length of the mixture beyond that of the stems themselves,
    unless gradients are recorded.

    Raises:
        BenchError: the weights are missing or do not fit.
    """

    def __init__(self, options: HDemucsOptions) -> None:
        super().__init__()
        self.model, config = load_model(options.weights)
        self._config = config
        self.model.requires_grad_(False)
        self._order = [self.model.sources.index(stem) for stem in STEMS]
        segment = options.segment or config.segment
        check_chunks(segment, options.overlap)
        self._lone_fades = options.overlap == RECIPE_OVERLAP
        self._chunk = int(SAMPLE_RATE * segment * (1 + options.overlap))
        self._fade = int(SAMPLE_RATE * options.overlap)

    def separate(self, mixture: Tensor) -> Tensor:
        """``(B, 2, N)`` at 44.1 kHz -> stems ``(B, 4, 2, N)`` in the order of STEMS.

        Each item is brought to mean 0 and standard deviation 1 of its mono mix, and its stems
        back. An item whose mono mix is constant, as silence is, has nothing to separate: zeros.
        """
        mono = mixture.mean(1, keepdim=True)
        mean, std = mono.mean(-1, keepdim=True), mono.std(-1, keepdim=True, correction=0)
        del mono
        heard = std > 0
        # A chunk at a time and in place: the stems of a song are the largest tensor there is.
        stems = self._in_chunks(mixture, mean, torch.where(heard, std, torch.ones_like(std)))
        return stems.add_(mean[:, None]).masked_fill_(~heard[:, None], 0.0)

    def _in_chunks(self, mixture: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """Run the network chunk by chunk and cross-fade, ``(B, 2, N)`` -> ``(B, 4, 2, N)``.

        The stems have the standard deviation of the mixture, and no mean yet. The arithmetic is
        that of pyclarity's separate_sources, with its habits: chunks after the first are longer by
        the fade, and with the recipe's overlap of 0.1 s one that is alone fades out at its end like
        any other first. Only what is shorter than a fade is spared, where the original would give
        zeros.
        """
        batch, channels, length = mixture.shape
        stems = mixture.new_zeros(batch, len(self._order), channels, length)
        for start in range(0, max(1, length), self._chunk):
            first = max(0, start - self._fade)
            end = min(start + self._chunk, length)
            estimate = self._run((mixture[..., first:end] - mean) / std)[:, self._order]
            shape = window(start, end, length, self._fade, lone_fades=self._lone_fades)
            stems[..., first:end] += estimate * (std[:, None] * shape.to(mixture))
        return stems

    def _run(self, chunk: Tensor) -> Tensor:
        """The network, which cannot reflect what is shorter than its window, on any length."""
        length = chunk.shape[-1]
        missing = max(0, max(int(self.model.nfft), WINDOW) - length)
        padded = torch.nn.functional.pad(chunk, (0, missing))
        estimate: Tensor = self.model(padded)
        if self._config.masked:
            estimate = mask_mixture(estimate, padded, self._config.sharpness)
        return estimate[..., :length]


class FineTunedHDemucs(HDemucsSeparator):
    """Hybrid Demucs whose decoders are trained; all other weights stay bit for bit unchanged."""

    def __init__(self, options: HDemucsOptions) -> None:
        super().__init__(options)
        self.model.freq_decoder.requires_grad_(True)
        self.model.time_decoder.requires_grad_(True)
