"""The share of the output that is clipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bench.api import EARS, Rendering

FULL_SCALE: Final = 1 - 2.0**-15
"""The largest sample that 16 bit can hold."""


class Clipping:
    """Share of the output's samples at full scale, 0 to 1."""

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        """Parts "mean", "left" and "right"."""
        share = (rendering.output.abs() >= FULL_SCALE).double().mean(dim=-1)
        return {"mean": float(share.mean()), **dict(zip(EARS, share.tolist(), strict=True))}
