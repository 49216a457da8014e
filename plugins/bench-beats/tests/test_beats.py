"""The published model over SpeechBrain's BEATs, with small random checkpoints in original form."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("speechbrain")

from bench_beats.front_end import BEATS_FILE, BeatsFrontEnd
from speechbrain.lobes.models.beats import BEATs, BEATsConfig

from bench.errors import BenchError
from bench.hearing.haaqi_net import load
from bench.hearing.haaqi_net.model import HaaqiNet

CONFIG = {
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    patched = BEATsConfig.__init__

    def configured(self: BEATsConfig, cfg: object = None) -> None:
        patched(self, CONFIG)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BEATsConfig, "__init__", configured)
        beats = BEATs()
    torch.save({"cfg": CONFIG, "model": original_names(beats.state_dict())}, folder / BEATS_FILE)
    model = HaaqiNet(BeatsFrontEnd(folder / BEATS_FILE))
    for parameter in model.beats_model.parameters():
        # So that a test can tell whose BEATs weights were loaded.
        parameter.data.add_(0.001)
    torch.save({"model": original_names(model.state_dict())}, folder / "haaqi_net.pt")
    return folder


def test_original_checkpoints_load_unchanged(folder: Path) -> None:
    original = torch.load(folder / "haaqi_net.pt", weights_only=True)["model"]
    assert "beats_model.encoder.pos_conv.0.weight_g" in original
    model = load("beats", str(folder / "haaqi_net.pt"))
    loaded = original_names(model.state_dict())
    assert loaded.keys() == original.keys()
    assert all(torch.equal(loaded[name], original[name]) for name in original)


def test_layers_do_not_mix_a_batch(folder: Path) -> None:
    front_end = BeatsFrontEnd(folder / BEATS_FILE).eval()
    waveform = 0.1 * torch.randn(3, 16_000, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        together = front_end.layers(waveform)
        alone = front_end.layers(waveform[1:2])
    # 98 frames of 128 bins make 6 x 8 patches.
    assert together.shape == (12, 3, 48, 768)
    torch.testing.assert_close(together[:, 1:2], alone, rtol=1e-4, atol=1e-4)


def test_five_seconds_are_248_patches(folder: Path) -> None:
    front_end = BeatsFrontEnd(folder / BEATS_FILE).eval()
    with torch.inference_mode():
        assert front_end.layers(torch.zeros(1, 80_000)).shape[2] == 248


def test_scores_carry_gradients_in_eval_mode(folder: Path) -> None:
    model = load("beats", str(folder / "haaqi_net.pt"))
    signal = (0.1 * torch.randn(2, 44_100)).requires_grad_()
    score = model.score(signal, torch.full((2, 8), 30.0), torch.full((2,), 85.0), 44_100)
    assert score.shape == (2,)
    assert bool(((score > 0) & (score < 1)).all())
    score.sum().backward()
    assert signal.grad is not None
    assert bool(torch.isfinite(signal.grad).all())
    assert float(signal.grad.abs().max()) > 0


def test_missing_files_say_what_to_get(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="without weights"):
        load("beats")
    with pytest.raises(BenchError, match="HAAQI-Net"):
        load("beats", str(tmp_path / "none.pt"))
    (tmp_path / "haaqi_net.pt").write_bytes((folder / "haaqi_net.pt").read_bytes())
    with pytest.raises(BenchError, match=BEATS_FILE):
        load("beats", str(tmp_path / "haaqi_net.pt"))


def test_a_damaged_beats_checkpoint_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "haaqi_net.pt").write_bytes((folder / "haaqi_net.pt").read_bytes())
    torch.save({"cfg": CONFIG, "model": {}}, tmp_path / BEATS_FILE)
    with pytest.raises(BenchError, match="not a BEATs checkpoint"):
        load("beats", str(tmp_path / "haaqi_net.pt"))
