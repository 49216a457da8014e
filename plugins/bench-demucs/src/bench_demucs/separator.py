"""Demucs by the package's own apply_model."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from demucs.apply import apply_model
from torch import Tensor

from bench.api import SAMPLE_RATE, STEMS
from bench.errors import BenchError
from bench_demucs.weights import load_models

if TYPE_CHECKING:
    from bench_demucs import DemucsOptions


class DemucsSeparator(torch.nn.Module):
    """A pretrained Demucs without training.

    The package's random shifts are left out: they change every score a little, at random.

    Raises:
        BenchError: the weights are missing or do not fit, or an option is invalid.
    """

    def __init__(self, options: DemucsOptions) -> None:
        super().__init__()
        if not 0 <= options.overlap < 1:
            raise BenchError(
                f"an overlap of {options.overlap:g}",
                where="separator demucs, option 'overlap'",
                hint="Give a share from 0 to less than 1",
            )
        self.model = load_models(options.weights)
        self.model.requires_grad_(False)
        self._overlap = options.overlap
        sources = list(self.model.sources)
        if sorted(sources) != sorted(STEMS) or self.model.samplerate != SAMPLE_RATE:
            raise BenchError(
                f"a Demucs of {', '.join(sources)} at {self.model.samplerate} Hz",
                where=f"separator demucs, weights={options.weights}",
                hint=f"It must separate {', '.join(STEMS)} at {SAMPLE_RATE} Hz",
            )
        self._order = [sources.index(stem) for stem in STEMS]

    def separate(self, mixture: Tensor) -> Tensor:
        """``(B, 2, N)`` at 44.1 kHz -> stems ``(B, 4, 2, N)`` in the order of STEMS.

        Each item is brought to mean 0 and standard deviation 1 of its mono mix, and its stems
        back, as ``demucs.api.Separator`` does it. An item whose mono mix is constant, as silence
        is, has nothing to separate: zeros.
        """
        mono = mixture.mean(1, keepdim=True)
        mean = mono.mean(-1, keepdim=True)
        std = (mono - mean).square().sum(-1, keepdim=True)
        std = torch.sqrt(std / max(1, mixture.shape[-1] - 1))
        normal = (mixture - mean) / (std + 1e-8)
        before = random.getstate()
        stems: Tensor = apply_model(self.model, normal, shifts=0, overlap=self._overlap)
        # Its position embedding draws a number, even where no shift is asked for.
        random.setstate(before)
        stems = stems[:, self._order] * (std + 1e-8)[:, None] + mean[:, None]
        return torch.where((std > 0)[:, None], stems, torch.zeros_like(stems))
