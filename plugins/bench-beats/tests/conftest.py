"""Small checkpoints in the form of the originals, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

CONFIG: dict[str, Any] = {
    "embed_dim": 32,
    "encoder_layers": 12,
    "encoder_embed_dim": 768,
    "encoder_ffn_embed_dim": 32,
    "encoder_attention_heads": 12,
    "conv_pos": 16,
    "conv_pos_groups": 16,
    "deep_norm": True,
    "gru_rel_pos": True,
    "relative_position_embedding": True,
    "num_buckets": 32,
    "max_distance": 128,
}
BEATS_FILE = "BEATs_iter3_plus_AS2M.pt"
"""The name under which the original is published."""


def original_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As torch's old weight norm, which the original was saved with, named its parameters."""
    old = {
        "parametrizations.weight.original0": "weight_g",
        "parametrizations.weight.original1": "weight_v",
    }
    renamed = {}
    for name, value in state.items():
        for new, before in old.items():
            name = name.replace(new, before)
        renamed[name] = value.clone()
    return renamed


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A HAAQI-Net checkpoint, and that of BEATs beside it, whose weights differ."""
    pytest.importorskip("speechbrain")
    from bench_beats.front_end import BeatsFrontEnd
    from speechbrain.lobes.models.beats import BEATs, BEATsConfig

    from bench.hearing.haaqi_net.published import HaaqiNet

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    original = BEATsConfig.__init__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BEATsConfig, "__init__", lambda self, cfg=None: original(self, CONFIG))
        beats = BEATs()
    for parameter in beats.parameters():
        # Biases of zero and gains of one would hide that they are left out.
        parameter.data.add_(0.02 * torch.randn(parameter.shape))
    torch.save({"cfg": CONFIG, "model": original_names(beats.state_dict())}, folder / BEATS_FILE)
    model = HaaqiNet(BeatsFrontEnd(folder / BEATS_FILE))
    for parameter in model.beats_model.parameters():
        # So that a test can tell whose BEATs weights were loaded.
        parameter.data.add_(0.001)
    torch.save({"model": original_names(model.state_dict())}, folder / "haaqi_net.pt")
    return folder
