"""What loss terms compare, computed here from the protocol's definitions and pyclarity's NAL-R."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyloudnorm
import pytest
import torch
from clarity.enhancer.nalr import NALR
from clarity.utils.audiogram import Audiogram, Listener
from torch import Tensor

from bench.api import LossInput
from bench.builtin.prescriptions.nalr import Nalr
from bench.system.system import System
from bench.training.objective import loss_inputs
from bench.training.segments import Batch

RATE = 44_100
SAMPLES = RATE // 2
PLACES = ("stems", "remix", "output")
REQUESTED = torch.tensor([[6.0, -3.0, 0.0, 3.0], [-6.0, 0.0, 4.0, 1.0]])
APPLIED = torch.tensor(
    [
        [[-2.0, 1.0, 5.0, 0.0], [8.0, -4.0, 2.0, -1.0]],
        [[3.0, 3.0, -9.0, 0.5], [0.0, -7.0, 6.0, 2.0]],
    ]
)
"""Of a system that has its own for each ear."""
LEVELS = (np.linspace(15, 60, 8), np.linspace(40, 70, 8))


class Halves:
    """A separation that is wrong: each stem at half its amplitude, with a bit of the mixture."""

    def separate(self, mixture: Tensor, stems: Tensor) -> Tensor:
        return 0.5 * stems + 0.1 * mixture[:, None]


def listener(name: str, left: np.ndarray, right: np.ndarray) -> Listener:
    return Listener(Audiogram(levels=left), Audiogram(levels=right), name)


LISTENERS = (listener("L1", *LEVELS), listener("L2", *LEVELS[::-1]))


def make_batch(scale: float = 0.002) -> Batch:
    generator = torch.Generator().manual_seed(3)
    stems = scale * torch.randn(2, 4, 2, SAMPLES, generator=generator, dtype=torch.float64)
    # Neither the stems nor the ears are equally loud.
    stems *= torch.tensor([1.0, 0.5, 2.0, 0.7])[:, None, None] * torch.tensor([1.0, 0.6])[:, None]
    mixture = stems.sum(dim=1) * torch.tensor([0.8, 1.3])[:, None, None]
    return Batch(mixture, stems, REQUESTED, LISTENERS, ("a", "b"))


def make_system(gains: Tensor = APPLIED) -> System:
    strategy = SimpleNamespace(gains=lambda query: gains)
    return System(Halves(), strategy, Nalr(), Nalr(), reads_stems=True)  # type: ignore[arg-type]


def inputs(
    batch: Batch, protocol: str = "challenge", places: tuple[str, ...] = PLACES, **more: Any
) -> dict[str, LossInput]:
    return loss_inputs(make_system(**more), batch, protocol, places)


def scaled(stems: Tensor, gains: Tensor) -> np.ndarray:
    """Stems ``(B, 4, 2, N)`` with gains in dB, ``(B, 4)`` or by ear ``(B, 2, 4)``."""
    by_ear = gains if gains.ndim == 3 else gains[:, None].expand(-1, 2, -1)
    factors = 10 ** (by_ear.double().numpy() / 20)
    return stems.numpy() * factors.transpose(0, 2, 1)[..., None]


def matched(signals: np.ndarray, mixture: Tensor) -> np.ndarray:
    """Each signal ``(2, N)`` at the integrated loudness of its mixture, by pyloudnorm."""
    meter = pyloudnorm.Meter(RATE)
    return np.stack(
        [
            signal
            * 10
            ** ((meter.integrated_loudness(wanted.T) - meter.integrated_loudness(signal.T)) / 20)
            for signal, wanted in zip(signals, mixture.numpy(), strict=True)
        ]
    )


def amplified(signals: np.ndarray) -> np.ndarray:
    """By pyclarity, as the official recipe amplifies."""
    enhancer = NALR(nfir=220, sample_rate=RATE)
    result = []
    for signal, who in zip(signals, LISTENERS, strict=True):
        ears = (who.audiogram_left, who.audiogram_right)
        filters = [enhancer.build(ear)[0] for ear in ears]
        result.append([np.convolve(x, taps) for x, taps in zip(signal, filters, strict=True)])
    return np.array(result)


def separated(batch: Batch) -> Tensor:
    return 0.5 * batch.stems + 0.1 * batch.mixture[:, None]


@pytest.mark.parametrize(
    ("protocol", "reference"), [("challenge", REQUESTED), ("shared-gains", APPLIED)]
)
def test_each_place_holds_what_the_protocol_compares(protocol: str, reference: Tensor) -> None:
    batch = make_batch()
    found = inputs(batch, protocol)
    estimate, wanted = scaled(separated(batch), APPLIED), scaled(batch.stems, reference)
    remixes = [matched(stems.sum(axis=1), batch.mixture) for stems in (estimate, wanted)]
    expected = {
        "stems": (estimate, wanted),
        "remix": remixes,
        "output": [amplified(remix) for remix in remixes],
    }
    assert set(found) == set(expected)
    for place, (own, clean) in expected.items():
        assert found[place].place == place
        assert found[place].sample_rate == RATE
        peak = np.abs(clean).max()
        np.testing.assert_allclose(found[place].estimate, own, rtol=0, atol=1e-6 * peak)
        np.testing.assert_allclose(found[place].reference, clean, rtol=0, atol=1e-6 * peak)


@pytest.mark.parametrize(
    ("protocol", "reference"), [("challenge", REQUESTED), ("shared-gains", APPLIED)]
)
def test_level1_is_65_minus_the_level_of_the_reference(protocol: str, reference: Tensor) -> None:
    """Of each ear's remix before the prescription, after its loudness match; at every place."""
    batch = make_batch()
    remix = matched(scaled(batch.stems, reference).sum(axis=1), batch.mixture)
    expected = 65 - 20 * np.log10(np.sqrt(np.mean(remix**2, axis=-1)))
    assert np.abs(expected[:, 0] - expected[:, 1]).min() > 2  # the ears are told apart
    for place, data in inputs(batch, protocol).items():
        np.testing.assert_allclose(data.level1, expected, rtol=0, atol=1e-5, err_msg=place)


def test_the_output_is_clipped_and_its_reference_is_not() -> None:
    batch = make_batch(scale=0.3)
    data = inputs(batch, "shared-gains")
    remix = matched(scaled(separated(batch), APPLIED).sum(axis=1), batch.mixture)
    output = amplified(remix)
    beyond = np.abs(output) > 1.001
    assert 0.05 < beyond.mean() < 0.95
    np.testing.assert_array_equal(np.abs(data["output"].estimate.numpy()[beyond]), 1.0)
    np.testing.assert_allclose(
        data["output"].estimate, np.clip(output, -1, 1), rtol=0, atol=1e-5 * np.abs(output).max()
    )
    assert data["output"].reference.abs().max() > 2
    assert data["remix"].estimate.abs().max() > 1  # only a file has a full scale


class Louder(Nalr):
    def amplify(self, *given: Any) -> Tensor:
        return 2 * super().amplify(*given)


def test_the_reference_has_the_suites_prescription_whatever_the_systems_is() -> None:
    batch, system = make_batch(), make_system()
    system.prescription = Louder()
    found = loss_inputs(system, batch, "challenge", PLACES)["output"]
    estimate, clean = (
        amplified(matched(scaled(stems, gains).sum(axis=1), batch.mixture))
        for stems, gains in ((separated(batch), APPLIED), (batch.stems, REQUESTED))
    )
    for signal, wanted in ((found.estimate, 2 * estimate), (found.reference, clean)):
        np.testing.assert_allclose(signal, wanted, rtol=0, atol=1e-6 * np.abs(wanted).max())


def test_a_place_that_no_term_wants_is_not_computed() -> None:
    system = make_system()
    system.prescription = None  # type: ignore[assignment]
    assert set(loss_inputs(system, make_batch(), "challenge", ("remix",))) == {"remix"}


def test_audiograms_are_the_listeners_by_ear() -> None:
    for data in inputs(make_batch()).values():
        expected = np.array([LEVELS, LEVELS[::-1]])
        np.testing.assert_allclose(data.audiograms, expected, rtol=0, atol=1e-4)


def test_the_estimate_has_a_gradient_and_level1_has_none() -> None:
    gains = APPLIED.clone().requires_grad_()
    for protocol in ("challenge", "shared-gains"):
        found = inputs(make_batch(), protocol, gains=gains)
        for place, data in found.items():
            likeness = (data.estimate * data.reference.detach()).mean() / data.estimate.var()
            (gradient,) = torch.autograd.grad(likeness, gains, retain_graph=True)
            assert (gradient.abs() > 1e-6).all(), place
            assert not data.level1.requires_grad


def test_a_silent_reference_has_a_finite_level() -> None:
    batch = make_batch()
    silent = Batch(batch.mixture, 0 * batch.stems, REQUESTED, LISTENERS, ("a", "b"))
    level = inputs(silent)["remix"].level1
    # As loud as full scale would be above an RMS of 1e-8: 65 + 160 dB.
    torch.testing.assert_close(level, torch.full((2, 2), 225.0, dtype=level.dtype))
