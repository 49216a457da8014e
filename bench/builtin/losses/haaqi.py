"""True HAAQI as a loss, differentiated through the auditory model.

It can be gamed: a free waveform that climbs it gains HAAQI without sounding or measuring better
(see :mod:`bench.hearing.haaqi.gradient.reference`). Use it on gains, or add a loss such as ``sdr``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch
from clarity.utils.audiogram import Audiogram, Listener
from torch import Tensor

from bench.api import LossInput
from bench.hearing import nalr
from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi, UnscorableReference
from bench.hearing.haaqi.parameters import AUDIOGRAM_COLUMNS, Floats


class HaaqiLoss:
    """``1 - mean HAAQI`` over items and ears; on stems, over the stems too.

    On the output, estimate and reference come amplified and are compared as they are. On the remix
    and on stems neither is, and both are amplified here by the listener's NAL-R, as the official
    scorer amplifies the reference: so an estimate equal to its reference is the best one.

    Ears and stems whose reference is silent, or audible for less than 16 ms, have no HAAQI and are
    left out; where nothing is left the loss is 0. A silent estimate of an audible reference has a
    score near 0 and a gradient of zeros.

    As many ears are scored at once as torch may use threads, each with 60 MB of memory a second of
    signal.
    """

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar from 0.001 (all is as the reference) to 1.

        Raises:
            BenchError: NaN or infinite samples.
        """
        items, *stems, ears, _ = data.estimate.shape
        copies = stems[0] if stems else 1
        audiograms = data.audiograms.double().cpu().repeat_interleave(copies, 0).numpy()
        level1 = data.level1.repeat_interleave(copies, 0).flatten().tolist()
        estimate = data.estimate.float().reshape(items * copies, ears, -1)
        reference = data.reference.float().reshape(items * copies, ears, -1)
        if data.place != "output":
            listeners = [Listener(Audiogram(left), Audiogram(right)) for left, right in audiograms]
            estimate = nalr.amplify(estimate, listeners, data.sample_rate)
            reference = nalr.amplify(reference, listeners, data.sample_rate)
        levels = audiograms[..., AUDIOGRAM_COLUMNS].reshape(-1, 1, len(AUDIOGRAM_COLUMNS))
        learns = torch.is_grad_enabled()

        def scored(processed: Tensor, clean: Tensor, levels: Floats, level1: float) -> Tensor:
            """The score of an ear; empty where it has none."""
            with torch.set_grad_enabled(learns):  # of this thread
                try:
                    model = DifferentiableHaaqi(clean[None], levels, data.sample_rate, level1)
                except UnscorableReference:
                    return processed.new_zeros(0)
                return model.score(processed[None])

        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            ears_of = (estimate.flatten(0, 1), reference.flatten(0, 1), levels, level1)
            scores = torch.cat(list(threads.map(scored, *ears_of)))
        return 1.0 - scores.mean() if len(scores) else 0.0 * estimate.sum()
