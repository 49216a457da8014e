"""Hybrid Demucs against pyclarity's separation, and what fine-tuning may touch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from clarity.utils.signal_processing import denormalize_signals, normalize_signal
from clarity.utils.source_separation_support import separate_sources

from bench.api import SAMPLE_RATE, STEMS, Separator
from bench.builtin.separators import HDemucsOptions
from bench.builtin.separators.hdemucs import FineTunedHDemucs, HDemucsSeparator
from bench.separation.hdemucs import Config, build_model, save_network

SOURCES = ("drums", "bass", "other", "vocals")
SMALL = Config(sources=SOURCES, channels=4, depth=5, nfft=2048, dconv_attn=5, dconv_lstm=5)
SHORT = replace(SMALL, segment=0.2)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small network with random weights, loud enough to be told from silence."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_network(path, build_model(SMALL), SMALL, {})
    return str(path)


def _official(model: torch.nn.Module, signal: np.ndarray, segment: float) -> np.ndarray:
    """pyclarity's recipe (baseline/enhance.py), its stems in our order; ``(2, N)`` in."""
    normal, reference = normalize_signal(signal)
    stems = separate_sources(
        model, torch.from_numpy(normal[None]), SAMPLE_RATE, segment=segment, overlap=0.1
    )[0]
    stems = denormalize_signals(stems, reference)
    return stems[[SOURCES.index(stem) for stem in STEMS]]


@pytest.mark.parametrize(
    "length",
    [5000, 9702, 9703, 14_112, 14_113, 30_001],
    ids=lambda n: f"{n} samples",
)
def test_agrees_with_pyclarity(weights: str, length: int) -> None:
    """Shorter than a chunk of 9702 samples, just one, a few samples more, or three."""
    signal = np.random.default_rng(length).normal(0.01, 0.1, (2, length)).astype(np.float32)
    separator = HDemucsSeparator(HDemucsOptions(weights=weights, segment=0.2))
    ours = separator.separate(torch.from_numpy(signal[None]))[0].numpy()
    expected = _official(separator.model, signal, segment=0.2)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(ours, expected, atol=1e-6, rtol=0)


def test_weights_may_say_the_chunk_that_suits_them(weights: str, tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    save_network(path, HDemucsSeparator(HDemucsOptions(weights=weights)).model, SHORT, {})
    signal = torch.randn(1, 2, 30_001, generator=torch.Generator().manual_seed(2)) * 0.1
    chosen, own, usual = (
        HDemucsSeparator(HDemucsOptions(weights=name, segment=segment)).separate(signal)
        for name, segment in ((weights, 0.2), (str(path), 0.0), (weights, 0.0))
    )
    torch.testing.assert_close(chosen, own, atol=0, rtol=0)
    assert (chosen - usual).abs().max() > 1e-4


def test_batch_items_do_not_touch(weights: str) -> None:
    batch = torch.randn(2, 2, 30_000, generator=torch.Generator().manual_seed(1)) * 0.1
    batch[1] *= 0.01
    separator = HDemucsSeparator(HDemucsOptions(weights=weights))
    together = separator.separate(batch)
    alone = torch.cat([separator.separate(item[None]) for item in batch])
    assert together.shape == (2, 4, 2, 30_000)
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("length", [1, 2, 100, 4410, 4411])
def test_very_short_mixtures(weights: str, length: int) -> None:
    mixture = torch.linspace(-0.5, 0.4, 2 * length).reshape(1, 2, length)
    separator = HDemucsSeparator(HDemucsOptions(weights=weights))
    stems = separator.separate(mixture)
    assert stems.shape == (1, 4, 2, length)
    assert torch.isfinite(stems).all()
    # One sample is its own mean, which is taken off; of two there is something to separate.
    assert (stems.abs().max() > 1e-3) == (length > 1)


def test_silence_gives_silence(weights: str) -> None:
    mixture = torch.zeros(2, 2, 20_000)
    mixture[1] = 0.1 * torch.randn(2, 20_000, generator=torch.Generator().manual_seed(2))
    stems = HDemucsSeparator(HDemucsOptions(weights=weights)).separate(mixture)
    assert torch.equal(stems[0], torch.zeros(4, 2, 20_000))
    assert stems[1].abs().max() > 0


def test_mono_like_and_antiphase_mixtures(weights: str) -> None:
    sound = 0.1 * torch.randn(20_000, generator=torch.Generator().manual_seed(3))
    mixture = torch.stack([torch.stack([sound, sound]), torch.stack([sound, -sound])])
    stems = HDemucsSeparator(HDemucsOptions(weights=weights)).separate(mixture)
    assert torch.isfinite(stems).all()
    # The mono mix of opposite channels is silence: there is no level to bring it to.
    assert torch.equal(stems[1], torch.zeros(4, 2, 20_000))


def test_pretrained_model_is_not_trainable(weights: str) -> None:
    separator = HDemucsSeparator(HDemucsOptions(weights=weights))
    assert isinstance(separator, Separator)
    assert not any(p.requires_grad for p in separator.parameters())
    assert not separator.separate(torch.randn(1, 2, 10_000)).requires_grad


def test_fine_tuning_leaves_all_but_the_decoders_bit_for_bit(weights: str) -> None:
    separator = FineTunedHDemucs(HDemucsOptions(weights=weights, segment=0.2))
    separator.train()
    before = {k: v.clone() for k, v in separator.state_dict().items()}
    optimiser = torch.optim.Adam([p for p in separator.parameters() if p.requires_grad], lr=1e-3)
    generator = torch.Generator().manual_seed(4)
    for _ in range(3):
        mixture = 0.1 * torch.randn(2, 2, 20_000, generator=generator)
        loss = (separator.separate(mixture) - mixture[:, None] / 4).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = separator.state_dict()
    assert after.keys() == before.keys()
    decoders = ("model.freq_decoder", "model.time_decoder")
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed
    assert all(k.startswith(decoders) for k in changed)
    weights_of = {k for k, _ in separator.named_parameters() if k.startswith(decoders)}
    # What the loss does not reach is nothing but the convolution after a bottleneck of zeros.
    assert len(changed) >= 0.9 * len(weights_of)


def test_full_size_trains_what_the_seed_paper_trains() -> None:
    """Parameter counts of torchaudio's hdemucs_high, counted in torchaudio by prefix."""
    with torch.device("meta"):
        model = build_model(Config())
    counts = dict.fromkeys(("freq_encoder", "time_encoder", "freq_decoder", "time_decoder"), 0)
    for name, parameter in model.named_parameters():
        if name.split(".")[0] in counts:
            counts[name.split(".")[0]] += parameter.numel()
    assert counts["freq_decoder"] + counts["time_decoder"] == 40_489_464
    assert sum(p.numel() for p in model.parameters()) == 83_639_368
