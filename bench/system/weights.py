"""A system's weights on disk."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from bench.errors import BenchError
from bench.runtime.files import replacing


def save_weights(path: Path, state: dict[str, Tensor]) -> None:
    """Write a system's state as safetensors, atomically."""
    from safetensors.torch import save_file

    with replacing(path) as draft:
        save_file({key: value.contiguous() for key, value in state.items()}, draft)


def load_weights(path: Path) -> dict[str, Tensor]:
    """A system's state.

    Raises:
        BenchError: the file is missing or damaged.
    """
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:
        hint = "Run it again with --fresh to train it anew."
        raise BenchError(f"cannot be read: {error}", where=str(path), hint=hint) from error
