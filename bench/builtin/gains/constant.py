"""Gains that are the same for every scene and listener."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.api import GainQuery


class Fixed:
    """The scene's requested gains."""

    def gains(self, query: GainQuery) -> Tensor:
        """dB, ``(B, 4)``."""
        return query.requested


class NoGains:
    """0 dB."""

    def gains(self, query: GainQuery) -> Tensor:
        """dB, ``(B, 4)``."""
        return torch.zeros_like(query.requested)
