"""An output stage for one ear and one signal, found by the gradient of HAAQI.

What is made as large as possible is the HAAQI of the clipped output against the unclipped NAL-R
output of the same system: no clean signal is used. It is the exact HAAQI with its gradient
(:mod:`bench.hearing.haaqi.gradient`); the method is Adam on the gains of an equaliser's bands, and
on the thresholds of a limiter behind it. They are too few to game the index as a free waveform can.
Of all that is tried the best is kept, and NAL-R alone is tried, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from bench.hearing.fitting.limiter import CENTRES
from bench.hearing.fitting.loudness_loss import NO_LIMIT
from bench.hearing.fitting.stage import NALR_ALONE, OutputStage
from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi, UnscorableReference

_LAST_RATE: Final = 0.2
"""The last step's rate, as a part of the first one's."""

Ears = Sequence[tuple[Tensor, DifferentiableHaaqi]]
"""Excerpts of one ear's NAL-R output, each with the HAAQI that has it as its reference."""


@dataclass(frozen=True)
class Search:
    """The settings of a search.

    Attributes:
        steps: of Adam.
        bands: of the equaliser.
        rate: the first steps' size, dB; it falls to a fifth along a cosine.
        start: gain of all bands that it starts from, dB.
        threshold: of the limiter that it starts from, dB re full scale; no limiter where None.
        max_loudness_loss: LU; what is lost beyond it is made up for.
    """

    steps: int
    bands: int
    rate: float
    start: float
    threshold: float | None
    max_loudness_loss: float = NO_LIMIT


def search_stage(
    pieces: Sequence[Tensor], level1: float, audiogram: Tensor, sample_rate: int, search: Search
) -> OutputStage:
    """Find the output stage of one ear.

    Args:
        pieces: excerpts of the ear's NAL-R output, not clipped, each ``(N,)``, full scale 1.0.
        level1: dB SPL that an RMS of 1.0 stands for.
        audiogram: dB HL ``(6,)`` at HAAQI's frequencies.
        sample_rate: Hz.
        search: its settings.

    Returns:
        NAL-R alone where nothing that was tried is better, and for an ear without a sound.

    Raises:
        BenchError: shorter than 0.4 s, where the loss of loudness is limited.
    """
    # Evaluation runs in inference mode, whose tensors take no part in a gradient.
    with torch.inference_mode(False), torch.enable_grad():
        ears = []
        for piece in pieces:
            signal = piece.detach().clone().float()
            try:
                model = DifferentiableHaaqi(signal[None], audiogram[None], sample_rate, level1)
                ears.append((signal, model))
            except UnscorableReference:
                continue
        # What is nowhere above full scale is its own reference: it cannot be bettered.
        if all(float(signal.abs().max()) <= 1.0 for signal, _ in ears):
            return NALR_ALONE
        return _search(ears, sample_rate, search)


def _search(ears: Ears, sample_rate: int, search: Search) -> OutputStage:
    gains = torch.full((search.bands,), search.start, dtype=torch.float64, requires_grad=True)
    learned = [gains]
    thresholds = None
    if search.threshold is not None:
        thresholds = torch.full((len(CENTRES),), search.threshold, dtype=torch.float64)
        learned.append(thresholds.requires_grad_())
    pieces = [signal for signal, _ in ears]
    best = NALR_ALONE
    with torch.no_grad():
        best_score = _score(best, ears, sample_rate)
    optimizer = torch.optim.Adam(learned, lr=search.rate)
    for step in range(search.steps):
        progress = step / max(1, search.steps - 1)
        share = _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * progress)) / 2
        optimizer.param_groups[0]["lr"] = search.rate * share
        optimizer.zero_grad()
        stage = OutputStage(gains, thresholds)
        stage = stage.within(search.max_loudness_loss, pieces, sample_rate)
        score = _score(stage, ears, sample_rate)
        if score > best_score:
            best_score = score
            kept = None if thresholds is None else thresholds.detach().clone()
            best = OutputStage(gains.detach().clone(), kept, level=stage.level)
        optimizer.step()
    return best


def _score(stage: OutputStage, ears: Ears, sample_rate: int) -> float:
    """The mean HAAQI over the excerpts; with gradients on, that of its negative is added up."""
    total = 0.0
    for signal, model in ears:
        output = stage(signal, sample_rate).clamp(-1.0, 1.0)
        score = model.score(output[None])[0] / len(ears)
        if score.requires_grad:
            # Excerpt by excerpt, so that the memory is that of one.
            (-score).backward()  # type: ignore[no-untyped-call]
        total += float(score.detach())
    return total
