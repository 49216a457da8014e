"""museval's BSS Eval v4 of the separated stems, each measure a metric.

museval is called once for all four measures and all listeners of a scene, since it takes long.

museval refuses a song with a stem that is silent throughout. Here such a stem has no value, and the
others are scored as museval scores them without it. A value that is not finite, as of a perfect
stem, is left out, and then there is no mean: never a zero.
"""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from bench.api import STEMS, Rendering
from bench_museval import MEASURES

if TYPE_CHECKING:
    from bench_museval import MusevalOptions

FILTERS: Final = 512
"""Samples of museval's distortion filters."""
_KEPT: Final = 8

Array = npt.NDArray[np.float64]


class _Measure:
    """One of museval's measures, of each stem and their mean."""

    name: str

    def __init__(self, options: MusevalOptions) -> None:
        self._options = options

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        """Parts "mean" and each stem, dB; parts without a finite value are missing.

        Raises:
            ValueError: museval's definition gives no value: the stems are shorter than its filters,
                all are silent, the estimate of a stem is while the stem is not, or no frame has
                sound in every stem.
        """
        if rendering.stems.shape[-1] < FILTERS:
            raise ValueError(f"shorter than museval's filters of {FILTERS} samples")
        reference = rendering.stems_reference.double().numpy()
        estimate = rendering.stems.double().numpy()
        sounding = [i for i in range(len(STEMS)) if reference[i].any()]
        if not sounding:
            raise ValueError("all stems are silent")
        for index in sounding:
            if not estimate[index].any():
                raise ValueError(f"the estimate of {STEMS[index]} is silent and the stem is not")
        rate = rendering.sample_rate
        frames = _frames.get(
            reference[sounding],
            estimate[sounding],
            round(self._options.window * rate),
            round(self._options.hop * rate),
        )[MEASURES.index(self.name)]
        if np.isnan(frames).all():
            raise ValueError("no frame has sound in every stem")
        values = dict(zip(sounding, np.nanmedian(frames, axis=1), strict=True))
        found = {STEMS[i]: float(value) for i, value in values.items() if np.isfinite(value)}
        if len(found) == len(sounding):
            return {"mean": float(np.mean(list(found.values()))), **found}
        return found


class Sdr(_Measure):
    """Signal to distortion ratio."""

    name = "sdr"


class Isr(_Measure):
    """Source image to spatial distortion ratio."""

    name = "isr"


class Sir(_Measure):
    """Source to interference ratio."""

    name = "sir"


class Sar(_Measure):
    """Sources to artefacts ratio."""

    name = "sar"


class _Frames:
    """museval's values by frame, of the stems last compared: several listeners hear the same."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Array] = OrderedDict()

    def get(self, reference: Array, estimate: Array, window: int, hop: int) -> Array:
        """``(4 measures, stems, frames)`` of stems ``(stems, 2, N)``; NaN where one is silent."""
        digest = blake2b(f"{reference.shape} {window} {hop}".encode())
        digest.update(np.ascontiguousarray(reference).data)
        digest.update(np.ascontiguousarray(estimate).data)
        key = digest.digest()
        if key not in self._kept:
            # The arguments of museval.evaluate in its mode "v4".
            values = _museval().bss_eval(
                reference.transpose(0, 2, 1),
                estimate.transpose(0, 2, 1),
                compute_permutation=False,
                window=window,
                hop=hop,
                filters_len=FILTERS,
                framewise_filters=False,
                bsseval_sources_version=False,
            )
            self._kept[key] = np.stack(values[: len(MEASURES)])
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]


_frames = _Frames()


@lru_cache(maxsize=1)
def _museval() -> ModuleType:
    """``museval.metrics`` by itself: importing the package wants ffmpeg, which this does not."""
    package = importlib.util.find_spec("museval")
    if package is None or package.submodule_search_locations is None:
        raise ImportError("museval is not installed")
    path = f"{package.submodule_search_locations[0]}/metrics.py"
    spec: Any = importlib.util.spec_from_file_location("museval_metrics", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
