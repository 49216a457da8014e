"""The prescriptions against the official recipe's ``apply_ha``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from clarity.enhancer.compressor import Compressor
from clarity.enhancer.nalr import NALR
from clarity.utils.audiogram import Audiogram, Listener
from recipes.cad_icassp_2024.baseline.evaluate import apply_ha
from torch import Tensor

from bench.api import Prescription
from bench.builtin.prescriptions import NalrCompressorOptions, register_prescriptions
from bench.builtin.prescriptions.nalr import Nalr
from bench.builtin.prescriptions.nalr_compressor import NalrCompressor
from bench.errors import BenchError

RATE = 44_100
# recipes/cad_icassp_2024/baseline/config.yaml
OFFICIAL = {
    "threshold": 0.35,
    "attenuation": 0.1,
    "attack": 50,
    "release": 1000,
    "rms_buffer_size": 0.064,
}
LISTENERS = [
    Listener(Audiogram(np.full(8, 30.0)), Audiogram(np.full(8, 55.0)), "A"),
    Listener(Audiogram(np.linspace(10, 80, 8)), Audiogram(np.zeros(8)), "B"),
]


def music(seconds: float = 1.0) -> Tensor:
    """Noise in bursts, so that the level crosses the threshold up and down."""
    generator = np.random.default_rng(0)
    samples = round(seconds * RATE)
    bursts = np.abs(np.sin(np.pi * 4 * np.arange(samples) / RATE)) ** 3
    return torch.from_numpy(0.3 * generator.standard_normal((2, 2, samples)) * bursts)


def official(signal: Tensor, settings: dict[str, float] | None) -> Tensor:
    enhancer = NALR(nfir=220, sample_rate=RATE)
    compressor = None if settings is None else Compressor(fs=RATE, **settings)
    return torch.stack(
        [
            torch.stack(
                [
                    torch.from_numpy(
                        apply_ha(enhancer, compressor, ear.numpy(), audiogram, bool(settings))
                    )
                    for ear, audiogram in zip(
                        item, (who.audiogram_left, who.audiogram_right), strict=True
                    )
                ]
            )
            for item, who in zip(signal, LISTENERS, strict=True)
        ]
    )


def test_nalr_is_the_official_one() -> None:
    found = Nalr().amplify(music(), LISTENERS, RATE)
    torch.testing.assert_close(found, official(music(), None), rtol=0, atol=1e-12)


def test_the_compressor_is_the_official_one() -> None:
    expected = official(music(), OFFICIAL)
    found = NalrCompressor(NalrCompressorOptions()).amplify(music(), LISTENERS, RATE)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    # It does compress these, but not everywhere.
    ratio = expected.abs().sum() / official(music(), None).abs().sum()
    assert 0.5 < ratio < 0.98


def test_the_compressors_options_are_pyclaritys() -> None:
    options = NalrCompressorOptions(
        threshold=0.2, attenuation=0.5, attack=5.0, release=20.0, rms_buffer=0.2
    )
    settings = {
        "threshold": 0.2,
        "attenuation": 0.5,
        "attack": 5.0,
        "release": 20.0,
        "rms_buffer_size": 0.2,
    }
    found = NalrCompressor(options).amplify(music(0.5), LISTENERS, RATE)
    torch.testing.assert_close(found, official(music(0.5), settings), rtol=0, atol=1e-9)


def test_the_compressors_gradient_is_true() -> None:
    # A low threshold and short times, so that 60 samples go through every branch.
    prescription = NalrCompressor(
        NalrCompressorOptions(threshold=0.3, attack=0.2, release=0.5, rms_buffer=0.0002)
    )
    signal = music(0.1)[:1, :, -60:].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: prescription.amplify(x, LISTENERS[:1], RATE), signal, eps=1e-7
    )


def test_the_compressor_keeps_the_type_and_stands_silence() -> None:
    signal = torch.zeros(2, 2, 500, requires_grad=True)
    amplified = NalrCompressor(NalrCompressorOptions()).amplify(signal, LISTENERS, RATE)
    assert amplified.dtype == torch.float32
    amplified.sum().backward()
    assert not amplified.detach().any()
    assert signal.grad is not None
    assert torch.isfinite(signal.grad).all()


@pytest.mark.parametrize("name", ["attack", "release", "rms_buffer"])
def test_a_time_of_nothing_is_an_error(name: str) -> None:
    with pytest.raises(BenchError, match=f"{name} must be above zero"):
        NalrCompressor(NalrCompressorOptions(**{name: 0.0}))


def test_the_built_in_prescriptions_are_registered() -> None:
    assert [spec.name for spec in register_prescriptions()] == ["nalr", "nalr-compressor"]
    assert isinstance(Nalr(), Prescription)
    assert isinstance(NalrCompressor(NalrCompressorOptions()), Prescription)
