"""Weights from files of every kind, and what is said of those that do not fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torchaudio.models import hdemucs_high

from bench.api import SAMPLE_RATE, STEMS, Scene
from bench.builtin.datasets import CadenzaOptions, DemoOptions
from bench.builtin.datasets.demo import DemoDataset
from bench.builtin.separators import HDemucsOptions
from bench.builtin.separators.hdemucs import HDemucsSeparator
from bench.builtin.separators.weights import BUNDLED, load_model
from bench.data.cadenza import CadenzaDataset
from bench.errors import BenchError
from bench.evaluation.protocol import Excerpt
from bench.hearing.sdr import median_sdr
from bench.separation.hdemucs import Config, build_model, save_network

TINY = Config(sources=STEMS, channels=4, depth=5, nfft=2048, dconv_attn=5, dconv_lstm=5)


@pytest.fixture
def tiny() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(TINY).eval()


def test_safetensors_say_their_own_config(tmp_path: Path, tiny: torch.nn.Module) -> None:
    path = tmp_path / "a.safetensors"
    save_network(path, tiny, TINY, {"seed": 0})
    model, _ = load_model(str(path))
    assert model.sources == list(STEMS)
    for name, tensor in tiny.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor.half().float()), name
    assert not model.training


@pytest.mark.parametrize("suffix", [".pt", ".th", ".safetensors"])
def test_config_beside_the_file(tmp_path: Path, tiny: torch.nn.Module, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".safetensors":
        save_file(tiny.state_dict(), path)
    else:
        torch.save(tiny.state_dict(), path)
    path.with_suffix(".json").write_text(json.dumps(asdict(TINY)))
    model, _ = load_model(str(path))
    for name, tensor in tiny.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


@pytest.mark.slow
def test_full_size_state_dict_needs_no_config(tmp_path: Path) -> None:
    torch.manual_seed(0)
    official = hdemucs_high(["drums", "bass", "other", "vocals"])
    path = tmp_path / "full.th"
    torch.save(official.state_dict(), path)
    model, _ = load_model(str(path))
    assert model.sources == ["drums", "bass", "other", "vocals"]
    assert sum(p.numel() for p in model.parameters()) == 83_639_368


def _error(weights: Path | str) -> str:
    with pytest.raises(BenchError) as caught:
        load_model(str(weights))
    return str(caught.value)


def test_weights_that_do_not_fit(tmp_path: Path, tiny: torch.nn.Module) -> None:
    path = tmp_path / "a.pt"
    torch.save(tiny.state_dict(), path)
    wrong = {**asdict(TINY), "channels": 8}
    path.with_suffix(".json").write_text(json.dumps(wrong))
    message = _error(path)
    assert "do not fit" in message
    assert "channels=8" in message
    assert "a.json" in message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "config is wrong"),
        ('{"chanels": 4}', "unknown setting chanels"),
        ('{"sources": ["vocals", "drums"]}', "sources must be"),
        ('{"channels": 3, "norm_starts": 0}', "the config does not describe a network"),
    ],
)
def test_bad_config(tmp_path: Path, tiny: torch.nn.Module, text: str, complaint: str) -> None:
    path = tmp_path / "a.pt"
    torch.save(tiny.state_dict(), path)
    path.with_suffix(".json").write_text(text)
    assert complaint in _error(path)


def test_files_that_hold_no_state_dict(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pt"
    assert "the file of weights does not exist" in _error(missing)
    assert "is a folder, not a file of weights" in _error(tmp_path)
    assert "bundled" in _error("budled")
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(b"not a checkpoint")
    assert "cannot be read" in _error(damaged)
    empty = tmp_path / "empty.safetensors"
    empty.write_bytes(b"")
    assert "cannot be read" in _error(empty)
    nested = tmp_path / "nested.pt"
    torch.save({"model": {"w": torch.zeros(1)}}, nested)
    assert "not a state dict" in _error(nested)
    # A pickle that would run code is refused, not run.
    code = tmp_path / "code.pt"
    torch.save(Path("x"), code)
    assert "cannot be read" in _error(code)


def test_bundle_offline_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    message = _error("musdb")
    assert "hdemucs_high_musdbhq_only.pt" in message
    assert "https://download.pytorch.org/torchaudio/models/" in message
    assert str(tmp_path / "hub" / "torchaudio" / "models") in message
    assert "hdemucs_high_trained.pt" in _error("musdb-plus")


def test_bundle_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchaudio's own loader finds a file at this very place."""
    from torchaudio.utils.download import _get_local_path

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = Path(_get_local_path("models/hdemucs_high_musdbhq_only.pt"))
    path.write_bytes(b"damaged")
    assert str(path) in _error("musdb")


def test_bundled_weights() -> None:
    assert BUNDLED.stat().st_size <= 10 * 2**20
    model, _ = load_model("bundled")
    assert model.sources == list(STEMS)
    assert {str(t.dtype) for t in load_file(BUNDLED).values()} == {"torch.float16"}


def _gain_over_the_mixture(scenes: Sequence[Scene]) -> float:
    """By how many dB of SDR the bundled separator is above a quarter of the mixture a stem."""
    separator = HDemucsSeparator(HDemucsOptions())
    gains = []
    for scene in scenes:
        excerpt = Excerpt.read(scene)
        with torch.inference_mode():
            ours = separator.separate(excerpt.mixture[None])[0]
        quarter = (excerpt.mixture / 4).expand_as(ours)
        clean = excerpt.stems.numpy()
        heard = clean.any((-2, -1))
        scores = [median_sdr(clean[heard], x.numpy()[heard], SAMPLE_RATE) for x in (ours, quarter)]
        gains.append(float(np.mean(scores[0] - scores[1])))
    return float(np.mean(gains))


@pytest.mark.slow
def test_bundled_weights_stand_above_the_mixture() -> None:
    """On songs of the demo's validation split, whose names the training never had."""
    assert _gain_over_the_mixture(DemoDataset(DemoOptions()).scenes("valid")) > 4.5


@pytest.mark.slow
@pytest.mark.parametrize(("split", "least"), [("train", 2.5), ("valid", 1.0)])
def test_bundled_weights_separate_recordings(real_data: Path, split: str, least: float) -> None:
    """Of which they have heard none."""
    dataset = CadenzaDataset(CadenzaOptions(root=str(real_data / "cadenza_real")))
    assert _gain_over_the_mixture(dataset.scenes(split)) > least
