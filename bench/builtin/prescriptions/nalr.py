"""The challenge's prescription."""

from __future__ import annotations

from collections.abc import Sequence

from clarity.utils.audiogram import Listener
from torch import Tensor

from bench.hearing import nalr


class Nalr:
    """NAL-R with the official parameters; the output is 220 samples longer, and 110 late."""

    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        """``(B, 2, N)`` -> ``(B, 2, N + 220)``."""
        return nalr.amplify(signal, listeners, sample_rate)
