"""A swelling song, and its samples from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE = 44_100


def noise(seconds: float, channels: int = 2, rate: int = RATE) -> np.ndarray:
    """Noise that swells, so that a section's own level would be heard. ``(N, channels)``."""
    generator = np.random.default_rng(7)
    swell = np.linspace(0.02, 0.2, int(seconds * rate))[:, None]
    return (generator.standard_normal((int(seconds * rate), channels)) * swell).astype(np.float32)


def read(path: Path) -> np.ndarray:
    samples, _ = soundfile.read(path, dtype="int16", always_2d=True)
    return samples.astype(np.int64)
