"""Randomness is seeded, and derived by the names of what it is for."""

from __future__ import annotations

import hashlib
import random
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
    """The global generators seeded inside the block, and as they were after it.

    They are those of Python, numpy and torch (on GPUs too, which keep the seed).
    """
    import numpy as np
    import torch

    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            torch.manual_seed(seed % 2**63)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
