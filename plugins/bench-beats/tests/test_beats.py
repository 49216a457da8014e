"""The published model over SpeechBrain's BEATs, with small random checkpoints in original form."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("speechbrain")

import numpy as np
from bench_beats.front_end import BeatsFrontEnd
from conftest import BEATS_FILE, CONFIG, original_names

from bench.errors import BenchError
from bench.plugins.front_ends import load_predictor


def test_original_checkpoints_load_unchanged(folder: Path) -> None:
    original = torch.load(folder / "haaqi_net.pt", weights_only=True)["model"]
    assert "beats_model.encoder.pos_conv.0.weight_g" in original
    model = load_predictor("beats", str(folder / "haaqi_net.pt"))
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


def test_no_global_random_state_is_touched(folder: Path) -> None:
    """SpeechBrain draws from numpy's generator for each layer, whether it drops layers or not."""
    front_end = BeatsFrontEnd(folder / BEATS_FILE).eval()
    before = np.random.get_state()[1:3]  # noqa: NPY002
    torch_before = torch.get_rng_state()
    with torch.inference_mode():
        front_end.layers(torch.zeros(1, 8_000))
    after = np.random.get_state()[1:3]  # noqa: NPY002
    assert np.array_equal(before[0], after[0])
    assert before[1] == after[1]
    assert torch.equal(torch_before, torch.get_rng_state())


def test_five_seconds_are_248_patches(folder: Path) -> None:
    front_end = BeatsFrontEnd(folder / BEATS_FILE).eval()
    with torch.inference_mode():
        assert front_end.layers(torch.zeros(1, 80_000)).shape[2] == 248


def test_scores_carry_gradients_in_eval_mode(folder: Path) -> None:
    model = load_predictor("beats", str(folder / "haaqi_net.pt"))
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
        load_predictor("beats")
    with pytest.raises(BenchError, match="HAAQI-Net"):
        load_predictor("beats", str(tmp_path / "none.pt"))
    (tmp_path / "haaqi_net.pt").write_bytes((folder / "haaqi_net.pt").read_bytes())
    with pytest.raises(BenchError, match=BEATS_FILE):
        load_predictor("beats", str(tmp_path / "haaqi_net.pt"))


def test_a_damaged_beats_checkpoint_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "haaqi_net.pt").write_bytes((folder / "haaqi_net.pt").read_bytes())
    torch.save({"cfg": CONFIG, "model": {}}, tmp_path / BEATS_FILE)
    with pytest.raises(BenchError, match="not a BEATs checkpoint"):
        load_predictor("beats", str(tmp_path / "haaqi_net.pt"))
