"""Notes at HAAQI's rate, and an ear that hears them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

RATE = 24_000
SLOPING = (20.0, 20.0, 25.0, 35.0, 40.0, 45.0, 50.0, 50.0)


def chords(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    """Decaying harmonic notes and noise bursts at irregular times, RMS 0.1."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    signal = np.zeros_like(time)
    for onset in np.sort(rng.uniform(0, seconds, int(12 * seconds))):
        envelope = np.where(time >= onset, np.exp(-(time - onset).clip(0) * rng.uniform(4, 30)), 0)
        pitch = 110 * 2 ** (rng.integers(36) / 12)
        for harmonic in range(1, 12):
            signal += envelope * np.sin(2 * np.pi * pitch * harmonic * time) / harmonic
        signal += 0.5 * envelope**3 * rng.standard_normal(len(time))
    return 0.1 * signal / np.sqrt(np.mean(signal**2))


def row(signal: np.ndarray) -> Tensor:
    return torch.from_numpy(signal).float()[None]
