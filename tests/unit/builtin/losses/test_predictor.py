"""Predictors as losses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from bench.api import LossInput
from bench.builtin.losses import HaaqiNetLossOptions
from bench.builtin.losses.predictor import PredictorLoss, haaqi_light, haaqi_net
from bench.errors import BenchError
from bench.hearing.haaqi_light.model import load_haaqi_light
from tests.helpers.chords import RATE, SLOPING, chords, row


def options(variant: str = "per-ear") -> SimpleNamespace:
    return SimpleNamespace(variant=variant, weights="bundled")


def data(estimate: Tensor, reference: Tensor, audiograms: Tensor, place: str) -> LossInput:
    return LossInput(estimate, reference, audiograms, torch.full((1, 2), 85.0), RATE, place)


def test_the_loss_scores_each_ear_with_its_own_audiogram() -> None:
    loss, model = haaqi_light(options()), load_haaqi_light()
    clean = torch.stack([row(chords(1.0, s))[0] for s in (0, 1)])[None]
    heard = clean.clamp(-0.1, 0.1)
    audiograms = torch.tensor([[SLOPING, (0.0,) * 8]])
    ears = model.score(heard[0], audiograms[0], torch.full((2,), 85.0), RATE, clean[0])
    value = loss(data(heard, clean, audiograms, "output"))
    assert float(value) == pytest.approx(1 - float(ears.mean()), abs=1e-5)
    other = loss(data(heard, clean, audiograms.flip(1), "output"))
    assert abs(float(other) - float(value)) > 1e-4


def test_the_papers_variant_averages_channels_and_audiograms() -> None:
    loss, model = haaqi_light(options("paper")), load_haaqi_light()
    stems = torch.stack([row(chords(1.0, s))[0] for s in range(8)]).reshape(1, 4, 2, -1)
    heard = stems.clamp(-0.1, 0.1)
    audiograms = torch.tensor([[SLOPING, (10.0,) * 8]])
    mono, clean = heard.mean(2)[0], stems.mean(2)[0]
    expected = model.score(
        mono, audiograms.mean(1).expand(4, -1), torch.full((4,), 85.0), RATE, clean
    )
    value = loss(data(heard, stems, audiograms, "stems"))
    assert float(value) == pytest.approx(1 - float(expected.mean()), abs=1e-5)


@pytest.mark.parametrize("place", ["stems", "output"])
def test_haaqi_net_needs_no_weights_and_hears_the_estimate_alone(place: str) -> None:
    variant = "paper" if place == "stems" else "per-ear"
    loss = haaqi_net(HaaqiNetLossOptions(variant=variant))
    shape = (1, 4, 2, -1) if place == "stems" else (1, 2, -1)
    signals = [row(chords(1.0, s))[0] for s in range(8 if place == "stems" else 2)]
    estimate = torch.stack(signals).reshape(shape).requires_grad_()
    audiograms = torch.tensor([[SLOPING, (10.0,) * 8]])
    value = loss(data(estimate, torch.zeros_like(estimate), audiograms, place))
    other = loss(data(estimate, estimate.detach().flip(-1), audiograms, place))
    assert float(value.detach()) == float(other.detach())
    assert 0 < float(value.detach()) < 1
    torch.autograd.backward(value)
    assert estimate.grad is not None
    assert bool((estimate.grad.flatten(0, -2).abs().amax(-1) > 0).all())


def test_an_unknown_variant_is_an_error() -> None:
    with pytest.raises(BenchError, match="per-ear"):
        haaqi_light(options("per-eer"))


class Asked:
    """A predictor that keeps what it is given."""

    def score(self, *given: Tensor | int) -> Tensor:
        self.given = given
        return torch.zeros(1)


@pytest.mark.parametrize("variant", ["per-ear", "paper"])
@pytest.mark.parametrize("place", ["stems", "output"])
def test_each_signal_of_a_batch_has_its_audiogram_and_level(variant: str, place: str) -> None:
    """Two items whose signals, ears and levels are all told apart."""
    shape = (2, 4, 2, 5) if place == "stems" else (2, 2, 5)
    estimate = torch.arange(float(torch.tensor(shape).prod())).reshape(shape)
    audiograms, level1 = torch.arange(32.0).reshape(2, 2, 8), torch.arange(4.0).reshape(2, 2)
    asked = Asked()
    loss = PredictorLoss(asked, variant)
    assert float(loss(LossInput(estimate, 2 * estimate, audiograms, level1, RATE, place))) == 1.0
    wanted: list[list[Tensor]] = [[], [], []]
    for item in range(2):
        for signals in estimate[item] if place == "stems" else estimate[item, None]:
            for ears in ([0], [1]) if variant == "per-ear" else ([0, 1],):
                wanted[0].append(signals[ears].mean(0))
                wanted[1].append(audiograms[item, ears].mean(0))
                wanted[2].append(level1[item, ears].mean(0))
    signals, heard, levels = map(torch.stack, wanted)
    for found, expected in zip(
        asked.given, (signals, heard, levels, RATE, 2 * signals), strict=True
    ):
        assert found == expected if expected is RATE else torch.equal(found, expected)
