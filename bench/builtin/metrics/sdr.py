"""How well the stems were separated.

museval refuses a song with a stem that is silent throughout. Here such a stem has no value, and the
others are scored as museval scores them without it. Nor has a stem without any error (the oracle's)
a value, since its SDR is infinite; and where a stem is perfect there is no mean. A value that is
missing is left out, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.api import STEMS, Rendering
from bench.errors import NoValueError
from bench.hearing.sdr import audible, median_sdr


class Sdr:
    """museval's SDR: the median over windows of 1 s, for each stem, and the stems' mean."""

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        """Parts "mean" and each stem, dB; parts without a finite value are missing.

        Raises:
            NoValueError: all stems are silent, or no window has sound in every stem, where museval
                says NaN.
            ValueError: a stem's estimate is silent while the stem is not, which museval refuses.
        """
        reference = rendering.stems_reference.numpy()
        estimate = rendering.stems.numpy()
        sounding = np.flatnonzero(audible(reference))
        if not len(sounding):
            raise NoValueError("all stems are silent")
        for index in sounding:
            if not audible(estimate)[index]:
                raise ValueError(f"the estimate of {STEMS[index]} is silent and the stem is not")
        if len(sounding) < len(reference):
            reference, estimate = reference[sounding], estimate[sounding]
        values = median_sdr(reference, estimate, rendering.sample_rate)
        if np.isnan(values).any():
            raise NoValueError("no window of 1 s has sound in every stem")
        found = {
            STEMS[index]: float(value)
            for index, value in zip(sounding, values, strict=True)
            if np.isfinite(value)
        }
        if len(found) == len(sounding):
            return {"mean": float(np.mean(values)), **found}
        return found
