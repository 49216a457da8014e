"""Channels before the inner hair cells, and what pyclarity makes of them."""

from __future__ import annotations

import numpy as np
from clarity.evaluator.haspi import eb
from numpy.typing import NDArray

from bench.hearing.simd.vector import LANES

Floats = NDArray[np.float64]
LEVEL1 = 85.0
LOSS = np.array([20.0, 30, 40, 50, 60, 70])
GROUP = 2
"""The channels from 16 to 23."""
PAD = 500


def channels(samples: int, seed: int) -> tuple[Floats, Floats]:
    """Compressed envelope and motion of eight channels, ``(8, samples)``, some of it inaudible."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 24_000
    decibels = -20 + 25 * np.sin(2 * np.pi * rng.uniform(8, 40, (LANES, 1)) * time)
    envelope = 10 ** ((decibels - 30) / 20)
    carrier = np.sin(2 * np.pi * rng.uniform(500, 2000, (LANES, 1)) * time)
    return envelope, envelope * carrier


def hair_cells_of(envelope: Floats, motion: Floats) -> tuple[Floats, Floats]:
    """Adapted envelope in dB SL and motion, both ``(8, samples)``, by pyclarity."""
    *_, attenuation = eb.loss_parameters(LOSS, eb.center_frequency(32))
    levels, motions = np.zeros((2, *envelope.shape))
    for k in range(LANES):
        level, moved = eb.envelope_sl(
            envelope[k], motion[k], attenuation[GROUP * LANES + k], LEVEL1
        )
        levels[k], motions[k] = eb.inner_hair_cell_adaptation(level, moved, 2.0, 24_000.0)
    return levels, motions
