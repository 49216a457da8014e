"""The loss terms against independent definitions, and their behaviour on silence."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pyloudnorm
import pytest
import torch
from torch import Tensor

from bench.builtin.losses import LoudnessLossOptions, register_losses
from bench.builtin.losses.loudness import LoudnessLoss
from bench.builtin.losses.mse import MseLoss
from bench.errors import BenchError
from tests.helpers.losses import LOSSES, RATE, pair, signals


def test_mse() -> None:
    estimate, reference = signals(2, 4, 2, RATE), signals(2, 4, 2, RATE, seed=1)
    expected = np.mean((estimate.numpy() - reference.numpy()) ** 2)
    assert float(MseLoss()(pair(estimate, reference))) == pytest.approx(expected, rel=1e-5)


def test_plain_sdr_is_musevals_over_the_whole_signal(museval_metrics: ModuleType) -> None:
    reference = signals(4, 2, 2000)
    estimate = 0.8 * reference + 0.3 * signals(4, 2, 2000, seed=1)
    # One window over everything; museval takes (sources, samples, channels). A stem at a time, as
    # its time grows with the cube of their number; the others count for the other measures alone.
    expected = [
        museval_metrics.bss_eval_images_framewise(
            one[None].mT.double().numpy(), other[None].mT.double().numpy(), window=2000, hop=2000
        )[0].mean()
        for one, other in zip(reference, estimate, strict=True)
    ]
    loss = LOSSES["sdr"](pair(estimate[None].double(), reference[None].double()))
    assert float(loss) == pytest.approx(-sum(expected) / 4, abs=1e-5)


def test_si_sdr_is_the_sdr_of_the_best_scaled_reference() -> None:
    reference = signals(3, 2, RATE).double()
    estimate = 0.5 * reference + 0.2 * signals(3, 2, RATE, seed=1)
    found = float(LOSSES["si-sdr"](pair(estimate, reference)))
    expected = []
    for e, s in zip(estimate.numpy(), reference.numpy(), strict=True):
        projection = np.linalg.lstsq(s.reshape(-1, 1), e.ravel(), rcond=None)[0][0] * s.ravel()
        error = e.ravel() - projection
        expected.append(10 * np.log10(projection @ projection / (error @ error)))
    assert found == pytest.approx(-np.mean(expected), abs=1e-5)
    assert found == pytest.approx(float(LOSSES["si-sdr"](pair(3 * estimate, reference))), abs=1e-5)
    assert float(LOSSES["sdr"](pair(3 * estimate, reference))) > found + 1


def test_one_scale_serves_both_channels() -> None:
    reference = signals(1, 2, RATE).double()
    lopsided = reference * torch.tensor([[1.0], [0.1]], dtype=torch.float64)
    # Scaled channel by channel this would be perfect.
    assert float(LOSSES["si-sdr"](pair(lopsided, reference))) > -10


def loudness(form: str = "lufs") -> LoudnessLoss:
    return LoudnessLoss(LoudnessLossOptions(form=form))


def levels(x: Tensor) -> np.ndarray:  # type: ignore[type-arg]
    """LUFS by pyloudnorm."""
    meter = pyloudnorm.Meter(RATE)
    return np.array([meter.integrated_loudness(s.T.double().numpy()) for s in x.flatten(0, 1)])


def test_loudness_is_the_relative_difference_by_pyloudnorm() -> None:
    estimate, reference = 0.3 * signals(2, 4, 2, RATE), signals(2, 4, 2, RATE, seed=1)
    ours, wanted = 2 ** (levels(estimate) / 10), 2 ** (levels(reference) / 10)
    expected = np.mean(((ours - wanted) / (ours + wanted)) ** 2)
    assert float(loudness()(pair(estimate, reference))) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("mismatch", "value"), [(1, 0.0012), (-3, 0.011), (6, 0.042), (-10, 1 / 9), (20, 0.36)]
)
def test_a_mismatch_in_lu_has_the_value_that_the_docs_say(mismatch: float, value: float) -> None:
    reference = signals(1, 4, 2, RATE)
    estimate = 10 ** (mismatch / 20) * reference
    assert float(loudness()(pair(estimate, reference))) == pytest.approx(value, rel=0.03)


def test_a_lost_stem_counts_one_and_no_more() -> None:
    reference = signals(1, 4, 2, RATE)
    assert 0.9 < float(loudness()(pair(1e-9 * reference, 30 * reference))) < 1
    assert 0.9 < float(loudness()(pair(3000 * reference, 0.03 * reference))) <= 1


def test_a_stem_that_is_silent_in_the_segment_is_left_out_of_loudness_and_sdr() -> None:
    estimate, reference = signals(2, 4, 2, RATE), signals(2, 4, 2, RATE, seed=1)
    reference[0, 2] = 0
    reference[1, 0] *= 1e-5
    heard = torch.ones(2, 4, dtype=torch.bool)
    heard[0, 2] = heard[1, 0] = False
    for name in ("loudness", "si-sdr", "sdr"):
        whole = LOSSES[name](pair(estimate, reference))
        part = LOSSES[name](pair(estimate[heard][None], reference[heard][None]))
        torch.testing.assert_close(whole, part)
        estimate.requires_grad_()
        (gradient,) = torch.autograd.grad(LOSSES[name](pair(estimate, reference)), estimate)
        assert not gradient[0, 2].any()
        assert gradient[0, 1].any()


def test_the_form_rms_is_the_seed_papers() -> None:
    estimate, reference = 0.3 * signals(2, 4, 2, RATE), signals(2, 4, 2, RATE, seed=1)
    rms = [np.sqrt(np.mean(x.double().numpy() ** 2, axis=(-2, -1))) for x in (estimate, reference)]
    expected = np.mean((rms[0] - rms[1]) ** 2)
    assert float(loudness("rms")(pair(estimate, reference))) == pytest.approx(expected, rel=1e-4)


def test_loudness_of_too_little_or_of_an_unknown_form_is_an_error() -> None:
    with pytest.raises(BenchError, match="too short"):
        loudness()(pair(signals(1, 2, 3000), signals(1, 2, 3000)))
    with pytest.raises(BenchError, match="no form 'rmss'") as error:
        loudness("rmss")
    assert "rms" in error.value.hint


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("silent", ["estimate", "reference", "both", "neither", "one stem"])
@pytest.mark.parametrize("shape", [(2, 4, 2, RATE), (2, 2, RATE)], ids=["stems", "remix"])
def test_silence_gives_a_finite_value_and_gradient(
    name: str, silent: str, shape: tuple[int, ...]
) -> None:
    estimate, reference = signals(*shape), signals(*shape, seed=1)
    if silent in ("estimate", "both"):
        estimate = torch.zeros(shape)
    if silent in ("reference", "both"):
        reference = torch.zeros(shape)
    if silent == "one stem":
        estimate[0] = 0
        reference[0] = 0
    estimate.requires_grad_()
    value = LOSSES[name](pair(estimate, reference))
    assert value.shape == ()
    value.backward()
    assert torch.isfinite(value)
    assert estimate.grad is not None
    assert torch.isfinite(estimate.grad).all()
    if silent == "neither":
        assert estimate.grad.any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_along_the_gradient_makes_the_loss_smaller(name: str) -> None:
    reference = signals(1, 4, 2, RATE).double()
    estimate = (0.5 * reference + 0.5 * signals(1, 4, 2, RATE, seed=1)).requires_grad_()
    before = LOSSES[name](pair(estimate, reference))
    (gradient,) = torch.autograd.grad(before, estimate)
    step = 1e-4 * gradient * estimate.detach().norm() / gradient.norm()
    after = LOSSES[name](pair(estimate.detach() - step, reference))
    before = before.detach()
    assert after < before
    # To first order, the fall is the gradient times the step.
    assert float(before - after) == pytest.approx(float((gradient * step).sum()), rel=0.01)


def test_the_built_in_losses_are_registered() -> None:
    specs = {spec.name: spec for spec in register_losses()}
    assert set(specs) == {"mse", "sdr", "loudness", "haaqi", "haaqi-light", "haaqi-net"}
    assert specs["haaqi-light"].default_place == specs["haaqi"].default_place == "output"
    assert specs["mse"].default_place == "stems"


@pytest.mark.parametrize("name", ["sdr", "si-sdr"])
def test_nothing_is_gained_below_the_noise_of_16_bit(name: str) -> None:
    """A step of 2 ** -15 has a noise of its square over 12."""
    reference = signals(1, 4, 2, RATE).double()
    power = reference.square().mean((-2, -1))
    noise = (2.0**-15) ** 2 / 12
    expected = -10 * torch.log10((power + noise) / noise).mean()
    assert float(LOSSES[name](pair(reference, reference))) == pytest.approx(float(expected))
    nothing = LOSSES[name](pair(torch.zeros_like(reference), reference))
    assert float(nothing) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("decibels", "is_heard"), [(-59.9, True), (-60.1, False)])
def test_a_reference_of_60_below_full_scale_is_silent(decibels: float, is_heard: bool) -> None:
    reference = torch.full((1, 2, RATE), 10 ** (decibels / 20))
    estimate = (0.5 * reference).requires_grad_()
    value = LOSSES["sdr"](pair(estimate, reference))
    (gradient,) = torch.autograd.grad(value, estimate)
    assert bool(gradient.any()) is is_heard
    # An error of half the signal: 6.02 dB.
    assert float(value.detach()) == pytest.approx(-6.0206 if is_heard else 0.0, abs=1e-3)


@pytest.mark.parametrize(("lufs", "is_heard"), [(-59.5, True), (-60.5, False)])
def test_a_stem_below_minus_60_lufs_has_no_loudness_to_be_met(lufs: float, is_heard: bool) -> None:
    signal = signals(1, 1, 2, RATE)
    reference = 10 ** ((lufs - levels(signal)[0]) / 20) * signal
    loud = 10 ** ((lufs + 10 - levels(signal)[0]) / 20) * signal
    found = float(loudness()(pair(loud, reference)))
    assert found == pytest.approx(1 / 9 if is_heard else 0.0, rel=1e-3)


def test_an_estimate_counts_as_minus_60_lufs_at_least() -> None:
    signal = signals(1, 1, 2, RATE)
    reference = 10 ** ((-50.0 - levels(signal)[0]) / 20) * signal
    for softer in (0.1, 0.0):
        found = float(loudness()(pair(softer * reference, reference)))
        assert found == pytest.approx(1 / 9, rel=1e-3)  # ten LU less: half as loud
