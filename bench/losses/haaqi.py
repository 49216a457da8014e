"""True HAAQI as a loss, differentiated through the auditory model.

It can be gamed: a free waveform that climbs it gains HAAQI without sounding or measuring better
(see :mod:`bench.hearing.haaqi.differentiable`). Use it on gains, or add a loss such as ``sdr``.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from bench.api import AUDIOGRAM_FREQUENCIES, LossInput
from bench.hearing.haaqi.differentiable import DifferentiableHaaqi, UnscorableReference, nalr
from bench.hearing.haaqi.parameters import AUDIOGRAM_FREQUENCIES as MODEL_FREQUENCIES

_NALR_TAPS: Final = 220
"""Of the official prescription."""


class HaaqiLoss:
    """``1 - mean HAAQI`` over items and ears; on stems, over the stems too.

    On the output, estimate and reference come amplified and are compared as they are. On the remix
    and on stems neither is, and both are amplified here by NAL-R as the official scorer amplifies
    the reference, so that an estimate equal to its reference is always the best one.

    Ears and stems whose reference is silent, or audible for less than 16 ms, have no HAAQI and are
    left out; where nothing is left the loss is 0. A silent estimate of an audible reference has a
    score near 0 and a gradient of zeros.

    Ears are scored one after the other: about 60 MB and 0.1 s a second of signal are needed at a
    time, whatever the batch.
    """

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar from 0.001 (all is as the reference) to 1."""
        items, *stems, ears, _ = data.estimate.shape
        per_ear = (items, *[1] * len(stems), ears)
        columns = [AUDIOGRAM_FREQUENCIES.index(frequency) for frequency in MODEL_FREQUENCIES]
        audiograms = data.audiograms[..., columns].double().cpu().reshape(*per_ear, -1)
        levels = audiograms.expand(items, *stems, ears, -1).flatten(0, -2).numpy()
        level1 = data.level1.reshape(per_ear).expand(items, *stems, ears).flatten().tolist()
        estimates = data.estimate.float().flatten(0, -2)
        references = data.reference.float().flatten(0, -2)
        scores = []
        for ear in range(len(estimates)):
            estimate, reference = estimates[ear], references[ear]
            if data.place != "output":
                estimate, reference = (
                    nalr(x, levels[ear], data.sample_rate, _NALR_TAPS)
                    for x in (estimate, reference)
                )
            try:
                model = DifferentiableHaaqi(
                    reference[None], levels[ear : ear + 1], data.sample_rate, level1[ear]
                )
            except UnscorableReference:
                continue
            scores.append(model.score(estimate[None]))
        if not scores:
            return 0.0 * estimates.sum()
        return 1.0 - torch.cat(scores).mean()
