"""Random audiograms of many shapes, some of them kept for testing only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.api import AUDIOGRAM_FREQUENCIES
from bench.hearing.audiograms import standard_audiograms

Audiogram = NDArray[np.float64]
Draw = Callable[[np.random.Generator], Audiogram]

_OCTAVES: Final = np.log2(np.array(AUDIOGRAM_FREQUENCIES) / 250)
_RANGE: Final = (-10.0, 110.0)
"""dB HL."""


def _standard(rng: np.random.Generator) -> Audiogram:
    """Between two of Bisgaard's standard audiograms."""
    known = standard_audiograms()
    # HAAQI hardly tells systems apart at N6 and N7; they are seen, but seldom.
    names = [name for name in known if name not in ("N6", "N7") or rng.random() < 0.3]
    first, second = rng.choice(names, 2)
    share = rng.random()
    return share * np.array(known[first]) + (1 - share) * np.array(known[second])


def _normal(rng: np.random.Generator) -> Audiogram:
    return rng.uniform(-5, 15) + rng.uniform(0, 5) * _OCTAVES / 5


def _sloping(rng: np.random.Generator) -> Audiogram:
    """Flat to a corner, then falling by up to 25 dB an octave."""
    return rng.uniform(-5, 60) + rng.uniform(0, 25) * np.maximum(_OCTAVES - rng.uniform(0, 4), 0)


def _rising(rng: np.random.Generator) -> Audiogram:
    """Worst at low frequencies."""
    return rng.uniform(0, 20) + rng.uniform(5, 12) * (5 - _OCTAVES)


def _notch(rng: np.random.Generator) -> Audiogram:
    """A noise notch between 3 and 6 kHz."""
    centre, width = rng.uniform(3.5, 4.5), rng.uniform(0.5, 1.0)
    return rng.uniform(0, 30) + rng.uniform(20, 50) * np.exp(-(((_OCTAVES - centre) / width) ** 2))


def _trough(rng: np.random.Generator) -> Audiogram:
    """A cookie bite: worst in the middle."""
    centre, width = rng.uniform(1.5, 3), rng.uniform(1, 2)
    return rng.uniform(5, 30) + rng.uniform(20, 45) * np.exp(-(((_OCTAVES - centre) / width) ** 2))


SEEN: Final[dict[str, Draw]] = {"standard": _standard, "normal": _normal, "sloping": _sloping}
"""Shapes that the training set has."""
UNSEEN: Final[dict[str, Draw]] = {"rising": _rising, "notch": _notch, "trough": _trough}
"""Shapes that only the test has."""
_SHARES: Final = {"standard": 0.5, "normal": 0.12, "sloping": 0.38}


def draw_audiogram(rng: np.random.Generator, unseen: bool = False) -> Audiogram:
    """Draw one ear's audiogram, ``(8,)`` in steps of 5 dB HL."""
    if unseen:
        shape = UNSEEN[str(rng.choice(list(UNSEEN)))]
    else:
        shape = SEEN[str(rng.choice(list(_SHARES), p=list(_SHARES.values())))]
    levels = shape(rng) + rng.normal(0, 3) + rng.normal(0, 4, len(_OCTAVES))
    return np.clip(5 * np.round(levels / 5), *_RANGE)
