"""What gain strategies are asked."""

from __future__ import annotations

import torch

from bench.api import GainQuery


def query(listeners: tuple[str, ...] = ("L1", "L2"), seed: int = 0) -> GainQuery:
    generator = torch.Generator().manual_seed(seed)
    batch = len(listeners)
    return GainQuery(
        requested=torch.randint(-10, 11, (batch, 4), generator=generator).float(),
        audiograms=100 * torch.rand(batch, 2, 8, generator=generator),
        stems=torch.zeros(batch, 4, 2, 16),
        listeners=listeners,
    )
