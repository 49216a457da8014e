"""Weights of a system."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.system.weights import load_weights, save_weights


def test_weights_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    state = {"a": torch.randn(3, 2).T, "b": torch.zeros(())}
    save_weights(path, state)
    loaded = load_weights(path)
    assert all(torch.equal(loaded[key], value) for key, value in state.items())
