"""The mixture as it is, for what needs no separation."""

from __future__ import annotations

from torch import Tensor

from bench.api import STEMS


class Unseparated:
    """Each stem is a quarter of the mixture, so that their sum is the mixture."""

    def separate(self, mixture: Tensor) -> Tensor:
        """``(B, 2, N)`` -> ``(B, 4, 2, N)``."""
        return (mixture / len(STEMS)).unsqueeze(1).repeat(1, len(STEMS), 1, 1)
