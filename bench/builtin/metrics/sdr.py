"""The signal-to-distortion ratio of the separated stems.

museval refuses a song with a stem that is silent throughout. Here such a stem has no value, and the
others are scored as museval scores them without it. So it is with a stem that is nearly silent,
below -60 LUFS: its SDR says how the separator treats what cannot be heard, and one of them at
-82 dB would rule the mean of a whole board. Nor has a stem without any error (the oracle's) a
value, since its SDR is infinite; and where a stem is perfect there is no mean. A value that is
missing is left out, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.api import STEMS, Rendering
from bench.builtin.metrics.parts import PartScores
from bench.errors import NoValueError
from bench.hearing.loudness import integrated_loudness
from bench.hearing.sdr import audible, median_sdr
from bench.plugins.digest import digest

NEARLY_SILENT: Final = -60.0
"""LUFS below which a clean stem is not judged."""
_SHORTEST: Final = 0.4
"""Seconds below which no loudness is defined (BS.1770's block): only silence counts there."""


class Sdr:
    """museval's SDR: the median over windows of 1 s, for each stem, and the stems' mean.

    It is that of all listeners of a scene: the last one is kept, by the content of the stems.
    """

    def __init__(self) -> None:
        self._last: tuple[object, PartScores] | None = None

    def score(self, rendering: Rendering) -> PartScores:
        """Parts "mean" and each stem, dB; parts without a finite value are missing, with reasons.

        Raises:
            NoValueError: all stems are silent or below -60 LUFS, or no window has sound in every
                stem, where museval says NaN.
            ValueError: a stem's estimate is silent while the stem is not, which museval refuses.
        """
        stems = (rendering.stems, rendering.stems_reference)
        key = (rendering.sample_rate, *((one.shape, digest(one)) for one in stems))
        if self._last is None or self._last[0] != key:
            self._last = None
            self._last = key, self._scored(rendering)
        return PartScores(self._last[1], self._last[1].reasons)

    def _scored(self, rendering: Rendering) -> PartScores:
        reference = rendering.stems_reference.numpy()
        estimate = rendering.stems.numpy()
        reasons = _too_quiet(reference, rendering.sample_rate)
        judged = [index for index, stem in enumerate(STEMS) if stem not in reasons]
        if not judged:
            raise NoValueError(_of_all(reasons))
        for index in judged:
            if not audible(estimate)[index]:
                raise ValueError(f"the estimate of {STEMS[index]} is silent and the stem is not")
        if len(judged) < len(reference):
            reference, estimate = reference[judged], estimate[judged]
        values = median_sdr(reference, estimate, rendering.sample_rate)
        if np.isnan(values).any():
            raise NoValueError("no window of 1 s has sound in every stem")
        found = {
            STEMS[index]: float(value)
            for index, value in zip(judged, values, strict=True)
            if np.isfinite(value)
        }
        perfect = [STEMS[index] for index in judged if STEMS[index] not in found]
        if not perfect:
            return PartScores({"mean": float(np.mean(values)), **found}, reasons)
        reasons |= dict.fromkeys(perfect, "the estimate is the stem itself: its SDR is infinite")
        reasons["mean"] = f"the SDR of {', '.join(perfect)} is infinite"
        return PartScores(found, reasons)


def _too_quiet(stems: NDArray[np.float32], sample_rate: int) -> dict[str, str]:
    """Why stems are not judged, by name; those that are judged are not in it."""
    sounding = audible(stems)
    found = {}
    for index, name in enumerate(STEMS):
        if not sounding[index]:
            found[name] = "the stem is silent"
        elif stems.shape[-1] >= _SHORTEST * sample_rate:
            level = float(integrated_loudness(stems[index], sample_rate))
            if level < NEARLY_SILENT:
                found[name] = f"the stem is nearly silent: {_level(level)}"
    return found


def _level(level: float) -> str:
    """A loudness in words; BS.1770 does not measure below its gate at -70 LUFS."""
    return f"{level:.1f} LUFS" if np.isfinite(level) else "below -70 LUFS"


def _of_all(reasons: Mapping[str, str]) -> str:
    silent = all(reason == "the stem is silent" for reason in reasons.values())
    return "all stems are silent" if silent else "all stems are silent or below -60 LUFS"
