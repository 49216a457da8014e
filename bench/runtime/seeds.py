"""Randomness is seeded, and derived by the names of what it is for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager


def derive(seed: int, *names: object) -> int:
    """A seed below 2**63 from the run's seed and names, the same on every machine.

    Example:
        >>> derive(0, "segments", 1) == derive(0, "segments", 1) != derive(0, "segments", 2)
        True
    """
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's global generator seeded inside the block, and as it was after it."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        yield
