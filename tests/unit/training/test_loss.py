"""The terms of a loss are weighed and added."""

from __future__ import annotations

import torch

from bench.api import Loss
from bench.builtin.losses.mse import MseLoss
from bench.spec.loss import Term
from bench.training.loss import ComposedLoss
from tests.helpers.losses import LOSSES, RATE, pair, signals


def test_composition_weighs_the_terms_and_reports_them() -> None:
    stems = pair(signals(1, 4, 2, RATE), signals(1, 4, 2, RATE, seed=1))
    remix = pair(signals(1, 2, RATE, seed=2).requires_grad_(), signals(1, 2, RATE, seed=3))
    terms: list[tuple[Term, Loss, str]] = [
        (Term(2.0, "mse"), MseLoss(), "stems"),
        (Term(0.5, "mse", "remix"), MseLoss(), "remix"),
        (Term(0.0, "sdr", "remix"), LOSSES["si-sdr"], "remix"),
    ]
    composed = ComposedLoss(terms)
    assert composed.places == ("remix", "stems")
    total, values = composed({"stems": stems, "remix": remix})
    assert list(values) == ["mse", "mse@remix", "sdr@remix"]
    assert not any(value.requires_grad for value in values.values())
    torch.testing.assert_close(total, 2 * values["mse"] + 0.5 * values["mse@remix"])
    assert float(values["sdr@remix"]) == float(LOSSES["si-sdr"](remix).detach())
    # A term of weight 0 takes no part in the gradient.
    total.backward()
    error = remix.estimate.detach() - remix.reference
    torch.testing.assert_close(remix.estimate.grad, 0.5 * 2 * error / error.numel())


def test_terms_of_different_precision_add() -> None:
    one = pair(signals(1, 2, RATE), signals(1, 2, RATE, seed=1))
    other = pair(one.estimate.double(), one.reference.double())
    total, _ = ComposedLoss(
        [(Term(1, "mse"), MseLoss(), "remix"), (Term(1, "mse", "output"), MseLoss(), "output")]
    )({"remix": one, "output": other})
    assert torch.isfinite(total)
