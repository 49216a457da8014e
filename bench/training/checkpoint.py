"""Checkpoints: written whole or not at all, loaded without running anything that is in them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.runtime.files import replacing

_DIGEST: Final = "digest"
_HINT: Final = "Run it again with --fresh to train from scratch."


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after an epoch.

    Attributes:
        epoch: epochs done; 0 before the first.
        state: the system's state.
        optimizer: the optimiser's state dict.
        best_epoch: the epoch with the best true HAAQI so far.
        best_score: that HAAQI, on the validation pairs.
    """

    epoch: int
    state: dict[str, Tensor]
    optimizer: dict[str, Any]
    best_epoch: int
    best_score: float


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write it atomically: a killed run finds the one before it, never half of one."""
    _save(path, {**checkpoint.__dict__})


def load_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint, or None where there is none.

    Raises:
        BenchError: the file is damaged.
    """
    if not path.exists():
        return None
    content = _load(path)
    known = content.pop(_DIGEST, None) if isinstance(content, dict) else ""
    is_whole = isinstance(content, dict) and set(content) == set(Checkpoint.__dataclass_fields__)
    # torch looks at no checksum: one of an older bench is taken as it is.
    if not is_whole or known not in (None, _digest(content)):
        what = "it is damaged, or not a checkpoint of bench"
        raise BenchError(what, where=str(path), hint=_HINT)
    return Checkpoint(**content)


def _save(path: Path, content: dict[str, Any]) -> None:
    with replacing(path) as draft:
        torch.save({**content, _DIGEST: _digest(content)}, draft)


def _load(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:
        raise BenchError(f"cannot be read: {error}", where=str(path), hint=_HINT) from error
    return content


def _digest(content: Any) -> str:
    digest = blake2b(digest_size=16)
    todo = [content]
    while todo:
        value = todo.pop()
        if isinstance(value, Tensor):
            digest.update(f"{value.dtype} {tuple(value.shape)}".encode())
            plain = value.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy().data)
        elif isinstance(value, dict):
            digest.update(repr(list(value)).encode())
            todo += value.values()
        elif isinstance(value, list | tuple):
            digest.update(str(len(value)).encode())
            todo += value
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()
