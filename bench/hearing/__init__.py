"""The science: audiograms, NAL-R, loudness, SDR, calibration, HAAQI and its predictors.

It imports nothing of bench but :mod:`bench.errors`. This module itself imports nothing.
"""

from __future__ import annotations

from typing import Final

EARS: Final = ("left", "right")
"""The ears, in the order of channels and audiograms."""
AUDIOGRAM_FREQUENCIES: Final = (250, 500, 1000, 2000, 3000, 4000, 6000, 8000)
"""Hz; the frequencies of an audiogram tensor."""
