"""The Hybrid Demucs network (A. Défossez, 2021) as torchaudio has it, and its files of weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torchaudio.models import HDemucs

from bench.api import STEMS
from bench.errors import BenchError
from bench.runtime.files import content_problem, replacing


@dataclass(frozen=True)
class Config:
    """The configuration that a state dict does not hold: keywords of torchaudio's HDemucs.

    The defaults are those of torchaudio's hdemucs_high and of its bundles. The last three are of
    its use: `masked` says that the network was trained through :mod:`bench.separation.masks`,
    and is to be used so, with masks of `sharpness`; `segment` is the length in s of the chunks that
    suit it (the official recipe's 10 s).
    """

    sources: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    channels: int = 48
    growth: int = 2
    depth: int = 6
    nfft: int = 4096
    context: int = 1
    norm_starts: int = 4
    dconv_depth: int = 2
    dconv_comp: int = 4
    dconv_attn: int = 4
    dconv_lstm: int = 4
    dconv_init: float = 1e-4
    masked: bool = False
    sharpness: float = 1.0
    segment: float = 10.0


def build_model(config: Config) -> HDemucs:
    """An HDemucs with random weights."""
    settings = asdict(config)
    for name in ("masked", "sharpness", "segment"):
        del settings[name]
    return HDemucs(**{**settings, "sources": list(config.sources)})


def load_network(path: Path) -> tuple[HDemucs, Config]:
    """A network with the weights of a file, in evaluation mode, and its config.

    Args:
        path: a state dict: safetensors, or what torch.save wrote (.pt, .th). Its network is read
            from the key ``config`` of the safetensors metadata or from a JSON file of the same name
            beside it; without either it is that of torchaudio's hdemucs_high.

    Raises:
        BenchError: the weights cannot be read, or do not fit the network.
    """
    state, metadata = _read(path)
    config = _config(path, metadata)
    try:
        model = build_model(config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BenchError(
            f"the config does not describe a network: {error}", where=str(path)
        ) from error
    try:
        model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    except RuntimeError as error:
        complaint = " ".join(str(error).split())[:160]
        raise BenchError(
            f"the weights do not fit an HDemucs of channels={config.channels}, "
            f"depth={config.depth}, nfft={config.nfft}: {complaint}",
            where=str(path),
            hint=f"write the network's settings as JSON into {path.with_suffix('.json')}",
        ) from error
    return model.eval(), config


def save_network(
    path: Path, model: torch.nn.Module, config: Config, notes: Mapping[str, Any]
) -> None:
    """Write half-precision safetensors whose metadata holds the config and `notes`."""
    tensors = {k: v.detach().half().contiguous() for k, v in model.state_dict().items()}
    metadata = {k: str(v) for k, v in notes.items()} | {"config": json.dumps(asdict(config))}
    with replacing(path) as draft:
        save_file(tensors, draft, metadata=metadata)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                names = file.keys()
                return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a file that is something else anything comes
        what = content_problem(path) or f"{type(error).__name__}: {str(error).split(chr(10))[0]}"
        hint = "Delete it and download it again; files that contain code are not opened."
        what = f"the weights cannot be read: {what[:160]}"
        raise BenchError(what, where=str(path), hint=hint) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise BenchError(
            "this is not a state dict (a flat mapping of names to tensors)",
            where=str(path),
            hint="save model.state_dict() by itself",
        )
    return state, {}


def _config(path: Path, metadata: Mapping[str, str]) -> Config:
    sidecar = path.with_suffix(".json")
    text = metadata.get("config") or (sidecar.read_text() if sidecar.is_file() else "{}")
    known = {field.name for field in fields(Config)}
    try:
        settings = json.loads(text)
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ValueError(f"unknown setting {unknown[0]}, known are {', '.join(sorted(known))}")
        config = Config(**settings)
        for name in ("channels", "growth", "depth", "nfft"):
            if not 1 <= getattr(config, name) <= 8192:
                raise ValueError(f"{name} must be from 1 to 8192")
        if config.depth > 12 or config.channels * config.growth ** (config.depth - 1) > 1 << 16:
            raise ValueError("the network is too large")
        if sorted(config.sources) != sorted(STEMS):
            raise ValueError(f"sources must be {', '.join(STEMS)} in some order")
    except (ValueError, TypeError) as error:
        raise BenchError(f"the network's config is wrong: {error}", where=str(path)) from error
    return config
