"""A system's weights on disk, with their digest, so that a damaged file is detected."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.runtime.files import replacing

_DIGEST: Final = "bench.digest"


def save_weights(path: Path, state: dict[str, Tensor]) -> None:
    """Write a system's state as safetensors, atomically.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors.torch import save

    tensors = {key: value.contiguous() for key, value in state.items()}
    # save_file has a draft of its own, under a name that nothing tells: killed, it would stay.
    content = save(tensors, metadata={_DIGEST: _digest(tensors)})
    with replacing(path) as draft:
        draft.write_bytes(content)


def load_weights(path: Path) -> dict[str, Tensor]:
    """A system's state.

    Raises:
        BenchError: the file is missing or damaged.
    """
    from safetensors import safe_open

    hint = "Run it again with --fresh to train from scratch."
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            known = (file.metadata() or {}).get(_DIGEST)
    except Exception as error:
        raise BenchError(f"cannot be read: {error}", where=str(path), hint=hint) from error
    if known is not None and known != _digest(state):
        raise BenchError(
            "it is damaged: its weights are not what was written", where=str(path), hint=hint
        )
    return state


def _digest(state: Mapping[str, Tensor]) -> str:
    digest = blake2b(digest_size=16)
    for name in sorted(state):
        value = state[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\0".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
