"""The difference in loudness between the output and the reference."""

from __future__ import annotations

from collections.abc import Mapping

import soxr

from bench.api import Rendering
from bench.hearing.loudness import finite_loudness


class LufsDifference:
    """Integrated loudness (BS.1770-4) of the output minus that of the amplified reference.

    Both are measured after amplification: before it they are equal by construction, as either
    remix is brought to the loudness of the mixture. The reference is resampled to the output's
    rate, so that what remains is separation, gains and clipping. Silence counts as -80 LUFS.
    """

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        """Part "mean" (both ears together), LU.

        Raises:
            BenchError: shorter than 0.4 s.
        """
        rate = rendering.output_rate
        reference = rendering.output_reference.double().numpy()
        if rendering.sample_rate != rate:
            reference = soxr.resample(reference.T, rendering.sample_rate, rate, quality="HQ").T
        output = rendering.output.double().numpy()
        return {"mean": finite_loudness(output, rate) - finite_loudness(reference, rate)}
