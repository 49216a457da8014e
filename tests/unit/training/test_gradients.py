"""The share of each loss term in the gradient."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.plugins import installed
from bench.system.system import build_system
from bench.training.gradients import gradient_norms, ruling_terms
from bench.training.loss import losses_of
from bench.training.objective import loss_inputs
from bench.training.segments import draw_epoch, read_batch
from tests.helpers.specs import make

Gradients = dict[str, dict[str, Tensor]]
"""By term and part, each as one vector."""


def gradients_at_the_start(
    root: Path, gains: str, of: Collection[str], seed: int, batch: int = 3
) -> Gradients:
    """Of the weighted terms of `joint` and of one minus true HAAQI, on a batch of the demo."""
    spec = make(gains=gains, loss="joint + haaqi")
    dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
    system = build_system(spec, installed())
    system.train(True)
    loss = losses_of(spec, installed())
    parts = {part: own for part, own in system.trainable().items() if part in of}
    assert len(parts) == len(of)
    [items] = draw_epoch(
        dataset.scenes("train"),
        dataset.listeners("train"),
        segments=batch,
        batch=batch,
        seconds=1.5,
        seed=seed,
        epoch=1,  # type: ignore[arg-type]
    )
    inputs = loss_inputs(system, read_batch(items), spec.protocol, loss.places)
    weighted, _ = loss.weighted(inputs)
    found: Gradients = {}
    for term, value in weighted.items():
        found[term] = {}
        for part, parameters in parts.items():
            each = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
            found[term][part] = torch.cat(
                [
                    (torch.zeros_like(p) if g is None else g).flatten().double()
                    for p, g in zip(parameters, each, strict=True)
                ]
            )
    return found


def cosine(one: Tensor, other: Tensor) -> float:
    return float(one @ other / (one.norm() * other.norm()))


@pytest.mark.parametrize(
    ("gains", "parts"), [("cnn-residual", ("separator", "gains")), ("cnn", ("gains",))]
)
def test_joint_goes_where_true_haaqi_goes(
    small_set: Path, gains: str, parts: tuple[str, ...]
) -> None:
    """From equal gains (`cnn` at its start) no separation is heard: it is tried on the gains."""
    found = gradients_at_the_start(small_set, gains, parts, seed=0)
    truth = found.pop("haaqi")
    for part in parts:
        joint = torch.stack([term[part] for term in found.values()]).sum(0)
        assert cosine(joint, truth[part]) > 0.3
        norms = {term: float(found[term][part].norm()) for term in found}
        assert max(norms.values()) < 0.9 * sum(norms.values())
        assert norms["loudness"] < norms["haaqi-light"]


def test_norms_are_those_of_separate_trainings_and_leave_gradients_alone() -> None:
    separator = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    gains = nn.Parameter(torch.tensor([0.5]))
    own = {"separator": [separator], "gains": [gains]}
    terms = {
        "mse": 2 * separator.square().sum(),
        "sdr": 3 * (separator.sum() + gains.sum()),
        "constant": torch.tensor(1.0),
    }
    norms = gradient_norms(terms, own)
    assert norms["separator"]["mse"] == pytest.approx(4 * 14**0.5)
    assert norms["gains"] == {"mse": 0.0, "sdr": pytest.approx(3.0), "constant": 0.0}
    assert separator.grad is None
    sum(terms.values(), start=torch.tensor(0.0)).backward()  # the graph is still there


def test_a_term_rules_above_nine_tenths_and_never_alone() -> None:
    assert ruling_terms({"gains": {"mse": 89.0, "sdr": 11.0}}) == ""
    assert "mse accounts for 92 %" in ruling_terms({"gains": {"mse": 92.0, "sdr": 8.0}})
    assert ruling_terms({"gains": {"mse": 1.0}}) == ""
    assert ruling_terms({"gains": {"mse": 0.0, "sdr": 0.0}}) == ""
    both = ruling_terms({part: {"mse": 99.0, "sdr": 1.0} for part in ("separator", "gains")})
    share = "mse accounts for 99 % of the {} gradient"
    assert both == ", ".join(share.format(part) for part in ("separator's", "gains'"))
