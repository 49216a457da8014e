"""HAAQI light: its cochlea against pyclarity's, its manners, its gradients."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from clarity.enhancer.nalr import NALR
from clarity.evaluator.haaqi.haaqi import haaqi_v1
from clarity.utils.audiogram import Audiogram
from torch import Tensor

from bench.api import LossInput
from bench.builtin.losses.predictor import haaqi_light
from bench.errors import BenchError
from bench.hearing.haaqi_light import cochlea, comparison
from bench.hearing.haaqi_light import model as light
from bench.hearing.haaqi_light.model import (
    FrameScorer,
    HaaqiLight,
    load_haaqi_light,
    save_haaqi_light,
)
from bench.plugins.front_ends import load_predictor
from tests.helpers.chords import RATE, SLOPING, chords, row


def amplified(signal: np.ndarray) -> np.ndarray:
    fir, _ = NALR(140, RATE).build(Audiogram(levels=np.array(SLOPING)))
    return np.convolve(signal, fir)


def score(model: HaaqiLight, processed: Tensor, reference: Tensor, level1: float = 85.0) -> Tensor:
    rows = len(processed)
    audiograms = torch.tensor([SLOPING]).expand(rows, -1)
    return model.score(processed, audiograms, torch.full((rows,), level1), RATE, reference)


def degradations() -> dict[str, np.ndarray]:
    signal, rng = chords(), np.random.default_rng(1)
    spectrum = np.fft.rfft(signal)
    low = np.arange(len(spectrum)) < 3000 * 2
    return {
        "identical": signal,
        "noise 20 dB": signal + 0.01 * rng.standard_normal(len(signal)),
        "noise 0 dB": signal + 0.1 * rng.standard_normal(len(signal)),
        "low-pass": np.fft.irfft(spectrum * low, len(signal)),
        "clipped": np.clip(signal, -0.1, 0.1),
        "other music": chords(seed=7),
        "half of other music": 0.7 * signal + 0.7 * chords(seed=7),
    }


@pytest.mark.slow
def test_untrained_it_is_close_to_pyclaritys_haaqi() -> None:
    audiogram, level1 = Audiogram(levels=np.array(SLOPING)), 85.0
    clean = amplified(chords())
    truths, guesses = [], []
    for name, damaged in degradations().items():
        heard = amplified(damaged)
        np.random.seed(0)  # noqa: NPY002
        truth, *_ = haaqi_v1(clean, RATE, heard, RATE, audiogram, 2, level1=level1)
        with torch.inference_mode():
            guess = float(score(HaaqiLight().eval(), row(heard), row(clean), level1))
        assert guess == pytest.approx(truth, abs=0.1), name
        truths.append(truth)
        guesses.append(guess)
    assert np.corrcoef(truths, guesses)[0, 1] > 0.98


def test_the_bundled_model_ranks_what_is_plainly_ranked() -> None:
    model = load_haaqi_light()
    clean = row(amplified(chords()))
    scores = {
        name: float(score(model, row(amplified(damaged)), clean))
        for name, damaged in degradations().items()
    }
    assert scores["identical"] > 0.95
    assert scores["identical"] > scores["noise 20 dB"] > scores["noise 0 dB"]
    assert scores["noise 20 dB"] > scores["half of other music"] > scores["other music"]
    assert scores["other music"] < 0.3


def test_it_is_the_same_at_every_sample_rate() -> None:
    torchaudio = pytest.importorskip("torchaudio")
    model = load_haaqi_light()
    clean = row(amplified(chords()))
    heard = row(np.clip(amplified(chords()), -0.2, 0.2))
    at_24 = float(score(model, heard, clean))
    audiogram, level1 = torch.tensor([SLOPING]), torch.tensor([85.0])
    at_44 = model.score(
        torchaudio.functional.resample(heard, RATE, 44_100, lowpass_filter_width=64),
        audiogram,
        level1,
        44_100,
        torchaudio.functional.resample(clean, RATE, 32_000, lowpass_filter_width=64),
        32_000,
    )
    assert float(at_44) == pytest.approx(at_24, abs=0.005)


def test_level1_is_a_level() -> None:
    model = load_haaqi_light()
    clean, heard = row(amplified(chords())), row(np.clip(amplified(chords()), -0.2, 0.2))
    louder = score(model, heard, clean, 85.0)
    torch.testing.assert_close(
        score(model, heard / 10, clean / 10, 105.0), louder, rtol=0, atol=1e-3
    )
    quieter = score(model, heard, clean, 45.0)
    assert abs(float(quieter) - float(louder)) > 0.01


def test_rows_do_not_mix() -> None:
    model = load_haaqi_light()
    clean = torch.cat([row(amplified(chords(seed=s))) for s in (0, 1)])
    heard = clean + 0.02 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    together = score(model, heard, clean)
    alone = torch.cat([score(model, heard[i : i + 1], clean[i : i + 1]) for i in (0, 1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("silent", ["estimate", "reference", "both"])
def test_silence_gives_a_finite_loss_and_gradient(silent: str) -> None:
    loss = haaqi_light(options())
    music = row(chords(1.0))[None].expand(1, 2, -1)
    estimate = (music * (silent == "reference")).clone().requires_grad_()
    reference = music * (silent == "estimate")
    level1 = torch.full((1, 2), float("inf") if silent != "estimate" else 85.0)
    value = loss(LossInput(estimate, reference, torch.zeros(1, 2, 8), level1, RATE, "output"))
    value.backward()
    assert bool(torch.isfinite(value))
    assert estimate.grad is not None
    assert bool(torch.isfinite(estimate.grad).all())


def test_the_gradient_is_the_slope() -> None:
    model = load_haaqi_light()
    clean = row(amplified(chords()))
    noise = 0.02 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

    def of(amount: float) -> float:
        return float(score(model, clean + amount * noise, clean))

    amount = torch.tensor(1.0, requires_grad=True)
    (slope,) = torch.autograd.grad(score(model, clean + amount * noise, clean).sum(), amount)
    numeric = (of(1.02) - of(0.98)) / 0.04
    assert numeric < -0.01
    assert float(slope) == pytest.approx(numeric, rel=0.1)


def test_the_slope_is_the_formulas_in_direction() -> None:
    """The trained correction has no gradient that an optimiser could exploit."""
    model = load_haaqi_light()
    clean = row(amplified(chords()))
    heard = row(amplified(chords(seed=7))).requires_grad_()
    audiogram, level1 = torch.tensor([SLOPING]).float(), torch.tensor([85.0])
    value = model.score(heard, audiogram, level1, RATE, clean)
    estimate = model.features(heard, audiogram, level1, RATE, clean).estimate
    assert abs((value - estimate).item()) > 1e-4
    (ours,), (formula,) = (torch.autograd.grad(v.sum(), heard) for v in (value, estimate))
    cosine = torch.nn.functional.cosine_similarity(ours, formula)
    assert float(cosine) == pytest.approx(1.0, abs=1e-5)


def test_groups_of_bands_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long song's bands are computed in groups."""
    model = load_haaqi_light()
    clean, heard = row(amplified(chords())), row(amplified(chords(seed=7)))
    whole = score(model, heard, clean)
    for module in (cochlea, comparison):
        monkeypatch.setattr(module, "AT_ONCE", 1 << 14)
    monkeypatch.setattr(light, "_QUERIES", 7)
    torch.testing.assert_close(score(model, heard, clean), whole, rtol=0, atol=1e-6)


def test_the_network_can_move_a_score_by_a_bounded_amount_only() -> None:
    scorer = FrameScorer()
    torch.nn.init.constant_(scorer.frame_score.bias, 1e6)
    scorer.requires_grad_(False)
    clean, heard = row(amplified(chords())), row(amplified(chords(seed=7)))
    plain = torch.logit(score(HaaqiLight().eval().requires_grad_(False), heard, clean))
    moved = torch.logit(score(HaaqiLight(scorer).eval(), heard, clean))
    assert float(moved - plain) == pytest.approx(1.5, abs=1e-3)


def test_weights_survive_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = HaaqiLight(FrameScorer(channels=32, layers=3, heads=2)).eval()
    for parameter in model.scorer.parameters():
        parameter.data = (0.1 * torch.randn(parameter.shape)).half().float()
    save_haaqi_light(model, tmp_path / "w.safetensors")
    again = load_haaqi_light(str(tmp_path / "w.safetensors"))
    clean, heard = row(chords(1.0)), row(np.clip(chords(1.0), -0.1, 0.1))
    assert torch.equal(score(model, heard, clean), score(again, heard, clean))
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_missing_and_foreign_weights_are_errors(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no such weights"):
        load_predictor(weights=str(tmp_path / "none.safetensors"))
    (tmp_path / "text.safetensors").write_text("not tensors")
    with pytest.raises(BenchError, match="not the weights"):
        load_predictor(weights=str(tmp_path / "text.safetensors"))


def test_shapes_are_checked() -> None:
    model = load_haaqi_light()
    stereo, level1 = torch.zeros(2, RATE), torch.full((2,), 85.0)
    with pytest.raises(ValueError, match=r"\(B, 8\)"):
        model.score(stereo, torch.zeros(8), level1, RATE, stereo)
    with pytest.raises(ValueError, match="reference"):
        model.score(stereo, torch.zeros(2, 8), level1, RATE)


def options(variant: str = "per-ear") -> SimpleNamespace:
    return SimpleNamespace(variant=variant, weights="bundled")
