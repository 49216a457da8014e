"""The separator that is told the answer."""

from __future__ import annotations

from torch import Tensor


class Oracle:
    """Hands back the clean stems."""

    def separate(self, mixture: Tensor, stems: Tensor) -> Tensor:
        """``(B, 2, N)`` and clean stems ``(B, 4, 2, N)`` -> those stems."""
        return stems
