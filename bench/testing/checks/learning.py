"""Checks of gradients, of weights that are kept, and of which way is better."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from bench.api import MetricSpec
from bench.testing.check import check
from bench.testing.checks.calls import loss_and_gradient
from bench.testing.material import Case
from bench.testing.subject import Skip, Subject


def _random_sum(values: Tensor) -> Tensor:
    """A scalar on which every value has an influence of its own."""
    weights = torch.randn(values.shape, generator=torch.Generator().manual_seed(3))
    return (values * weights.to(values)).sum()


@check(
    "gradients",
    ("separator", "gains", "prescription", "loss", "front-end"),
    expects="finite gradients, not all zero: for the parameters of a trainable plugin, for the "
    "signal of a prescription (trainable or not) and a front end, for the estimate of a loss",
    fix="no detach, no_grad, .numpy() or .item() on the way; learned values must be parameters "
    "of a torch.nn.Module, with requires_grad",
)
def _gradients(subject: Subject) -> str | None:
    case = Case.make()
    if subject.kind == "loss":
        data = case.loss_input(subject.place)
        _, gradient = loss_and_gradient(subject, data, data.estimate, data.reference)
        return _wrong([gradient])
    if subject.kind in ("prescription", "front-end"):
        case.mixture.requires_grad_()
        out = subject.call(subject.instance, case, grad=True)
        if not out.requires_grad:
            return "an output without gradients"
        wrong = _wrong(torch.autograd.grad(_random_sum(out), [case.mixture]))
        if wrong or not subject.trainable:
            return wrong
        case = Case.make()
    if not subject.trainable:
        raise Skip("its spec does not say that it is trainable")
    assert subject.instance is not None
    made = subject.make()
    if not isinstance(made, nn.Module):
        return f"{type(made).__name__}, which is not a torch.nn.Module"
    parameters = [p for p in made.train(True).parameters() if p.requires_grad]
    if not parameters:
        return "no parameter that requires a gradient"
    out = subject.call(made, case, grad=True)
    if not out.requires_grad:
        return "an output without gradients"
    found = torch.autograd.grad(_random_sum(out), parameters, allow_unused=True)
    return _wrong([gradient for gradient in found if gradient is not None])


def _wrong(gradients: list[Tensor] | tuple[Tensor, ...]) -> str | None:
    if any(not bool(torch.isfinite(gradient).all()) for gradient in gradients):
        return "gradients that are NaN or infinite"
    if not any(float(gradient.abs().max()) > 0 for gradient in gradients):
        return "gradients of nothing but zeros"
    return None


@check(
    "frozen",
    ("separator", "gains", "prescription"),
    expects="no parameter that requires a gradient unless the spec says trainable=True",
    fix="self.requires_grad_(False), or trainable=True in the spec",
)
def _frozen(subject: Subject) -> str | None:
    if subject.trainable:
        raise Skip("it is trainable")
    if not isinstance(subject.instance, nn.Module):
        return None
    learned = [name for name, p in subject.instance.named_parameters() if p.requires_grad]
    return f"'{learned[0]}' and {len(learned) - 1} others require one" if learned else None


@check(
    "save-load",
    ("separator", "gains", "prescription"),
    expects="the same values from an instance of another seed, once it has loaded the saved state",
    fix="keep all that a result depends on in parameters and buffers (register_buffer)",
)
def _save_load(subject: Subject) -> str | None:
    from bench.system.weights import load_weights, save_weights

    if not isinstance(subject.instance, nn.Module):
        raise Skip("it is not a torch.nn.Module, so it has no state to save")
    first, second = subject.make(seed=1), subject.make(seed=2)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        # As if it had been trained.
        for parameter in first.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator))
    state = {name: value.detach().clone() for name, value in first.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        save_weights(Path(folder) / "weights.safetensors", state)
        second.load_state_dict(load_weights(Path(folder) / "weights.safetensors"))
    case = Case.make()
    one, other = subject.call(first, case), subject.call(second, case)
    off = float((one - other).abs().max())
    return f"values that differ by up to {off:g}" if off else None


@check(
    "ordered",
    ("loss", "metric", "front-end"),
    expects="a better value for a better estimate: lower for a loss, higher for a front end, "
    "according to higher_is_better for a metric",
    fix="check the sign, and whether estimate and reference are swapped",
)
def _ordered(subject: Subject) -> str | None:
    case = Case.make()
    good, bad = case.with_error(0.1), case.with_error(1.0)
    if subject.kind == "loss":
        near, far = (float(subject.call(subject.instance, one)) for one in (good, bad))
        return None if near < far else f"{near:g} for a good estimate, {far:g} for a bad one"
    if subject.kind == "front-end":
        near, far = (float(subject.call(subject.instance, one).mean()) for one in (good, bad))
        return None if near > far else f"{near:g} for a good estimate, {far:g} for a bad one"
    spec = subject.registered.spec
    assert isinstance(spec, MetricSpec)
    if spec.higher_is_better is None:
        raise Skip("its spec says that neither way is better")
    near, far = (
        float(subject.instance.score(one.rendering())[spec.parts[0]]) for one in (good, bad)
    )
    right = near >= far if spec.higher_is_better else near <= far
    return None if right else f"{near:g} for a good output, {far:g} for a bad one"


CHECKS: Final = (
    _gradients,
    _frozen,
    _save_load,
    _ordered,
)
