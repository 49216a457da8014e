"""The prescriptions against the official recipe's ``apply_ha``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyloudnorm
import pytest
import torch
from clarity.enhancer.compressor import Compressor
from clarity.enhancer.nalr import NALR
from clarity.utils.audiogram import Audiogram, Listener
from recipes.cad_icassp_2024.baseline.evaluate import apply_ha
from torch import Tensor

from bench.api import AdaptivePrescription, Prescription
from bench.builtin.prescriptions import (
    NalrCompressorOptions,
    NalrFitOptions,
    NalrHeadroomOptions,
    NalrLimiterOptions,
    NalrTunedOptions,
    nalr_tuned,
    register_prescriptions,
)
from bench.builtin.prescriptions.nalr import Nalr
from bench.builtin.prescriptions.nalr_compressor import NalrCompressor
from bench.builtin.prescriptions.nalr_fit import NalrFit, NalrFitTrained
from bench.builtin.prescriptions.nalr_headroom import NalrHeadroom
from bench.builtin.prescriptions.nalr_limiter import NalrLimiter
from bench.builtin.prescriptions.nalr_tuned import NalrTuned
from bench.errors import BenchError
from bench.hearing.fitting.stage import OutputStage

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
    specs = {spec.name: spec for spec in register_prescriptions()}
    assert list(specs) == [
        *("nalr", "nalr-compressor", "nalr-headroom", "nalr-limiter", "nalr-limiter-ft"),
        *("nalr-tuned", "nalr-fit", "nalr-fit-ft"),
    ]
    assert {name for name, spec in specs.items() if spec.trainable} == {
        *("nalr-limiter-ft", "nalr-fit-ft"),
    }
    assert isinstance(Nalr(), Prescription)
    assert isinstance(NalrCompressor(NalrCompressorOptions()), Prescription)


def loud(seconds: float = 1.5) -> Tensor:
    """Noise that NAL-R brings far above full scale, float32."""
    return music(seconds).float()


def share_of_clipping(output: Tensor) -> Tensor:
    return (output.abs() >= 1).double().mean(-1)


def test_headroom_cuts_each_ear_by_what_it_needs() -> None:
    plain = Nalr().amplify(loud(), LISTENERS, RATE)
    output = NalrHeadroom(NalrHeadroomOptions(clipped=0.02)).amplify(loud(), LISTENERS, RATE)
    assert (share_of_clipping(plain)[:, 0] > 0.05).all()
    assert (share_of_clipping(output) <= 0.0201).all()
    factor = output[..., 1000] / plain[..., 1000]
    torch.testing.assert_close(output, plain * factor[..., None], rtol=1e-4, atol=1e-6)
    assert len({round(float(value), 3) for value in factor.flatten()}) > 1
    # The right ear of the second listener hears normally and is not amplified.
    quiet = NalrHeadroom(NalrHeadroomOptions(clipped=0.02)).amplify(0.01 * loud(), LISTENERS, RATE)
    torch.testing.assert_close(quiet, Nalr().amplify(0.01 * loud(), LISTENERS, RATE))


def test_the_untrained_network_is_nalr() -> None:
    found = NalrFit(NalrFitOptions(weights="none")).amplify(music(), LISTENERS, RATE)
    torch.testing.assert_close(found, official(music(), None), rtol=0, atol=1e-9)


def test_the_untrained_network_learns_from_its_first_step() -> None:
    prescription = NalrFitTrained(NalrFitOptions(weights="none"))
    output = prescription.amplify(loud(), LISTENERS, RATE).clamp(-1, 1)
    (output - Nalr().amplify(loud(), LISTENERS, RATE)).square().mean().backward()
    assert prescription.network.head.bias.grad is not None
    gains, thresholds, amounts = prescription.network.head.bias.grad.split([10, 4, 4])
    assert gains.abs().min() > 0
    assert amounts.any()
    assert not thresholds.any()


@pytest.mark.parametrize(
    "prescription",
    [
        NalrHeadroom(NalrHeadroomOptions(max_loudness_loss=1.0)),
        NalrLimiter(NalrLimiterOptions(threshold=-30.0, max_loudness_loss=1.0)),
        NalrTuned(NalrTunedOptions(steps=1, start=-20.0, max_loudness_loss=1.0)),
        NalrFit(NalrFitOptions(max_loudness_loss=1.0)),
    ],
    ids=lambda prescription: type(prescription).__name__,
)
def test_every_one_keeps_the_loudness_that_it_is_to_keep(prescription: Prescription) -> None:
    signal = loud()[:1]
    meter = pyloudnorm.Meter(RATE)
    plain, own = (
        [meter.integrated_loudness(ear.clamp(-1, 1).double().numpy()) for ear in output[0]]
        for output in (
            one.amplify(signal, LISTENERS[:1], RATE).detach() for one in (Nalr(), prescription)
        )
    )
    for before, after in zip(plain, own, strict=True):
        assert before - after < 1.03


def test_a_song_is_looked_at_once() -> None:
    """What was fitted amplifies a part of a song as it does the whole."""
    signal = loud(4.0)[:1]
    for prescription in (
        NalrHeadroom(NalrHeadroomOptions()),
        NalrTuned(NalrTunedOptions(steps=1)),
        NalrFit(NalrFitOptions()),
    ):
        assert isinstance(prescription, AdaptivePrescription)
        fitted = prescription.fit(signal, LISTENERS[:1], RATE)
        whole = fitted.amplify(signal, LISTENERS[:1], RATE)
        part = fitted.amplify(signal[..., RATE:], LISTENERS[:1], RATE)
        # Limiters have settled after a second.
        torch.testing.assert_close(
            whole[..., 2 * RATE + 1000 :], part[..., RATE + 1000 :], rtol=0, atol=2e-3
        )
        assert torch.equal(whole, prescription.amplify(signal, LISTENERS[:1], RATE))


def test_a_long_song_is_judged_by_excerpts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a search, and its memory, do not grow with the song."""
    seen: list[int] = []

    def spy(pieces: list[Tensor], *rest: object) -> OutputStage:
        seen.extend(len(piece) for piece in pieces)
        return OutputStage()

    monkeypatch.setattr(nalr_tuned, "search_stage", spy)
    for seconds in (3.0, 20.0):
        prescription = NalrTuned(NalrTunedOptions(seconds=4.0))
        prescription.fit(loud(seconds)[:1], LISTENERS[:1], RATE)
    short, long = seen[:2], seen[2:]
    assert short == [3 * RATE + 220] * 2
    assert long == [RATE + 220] * 8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NalrHeadroom(NalrHeadroomOptions(clipped=1.0)), "clipped must be 0 or more"),
        (lambda: NalrHeadroom(NalrHeadroomOptions(clipped=-0.1)), "clipped must be 0 or more"),
        (lambda: NalrLimiter(NalrLimiterOptions(release=0.0)), "release must be above zero"),
        (lambda: NalrTuned(NalrTunedOptions(bands=1)), "bands must be 2 or more"),
        (lambda: NalrTuned(NalrTunedOptions(seconds=0.0)), "seconds must be above zero"),
        (lambda: NalrFit(NalrFitOptions(weights="nowhere.safetensors")), "no such file"),
        (lambda: NalrFit(NalrFitOptions(weights=__file__)), "not weights of nalr-fit"),
    ],
)
def test_what_makes_no_sense_is_an_error(make: Callable[[], object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        make()
