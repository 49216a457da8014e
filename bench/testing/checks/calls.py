"""Checks of what comes back from one call: separators, gains, prescriptions, losses, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, Final

import torch
from torch import Tensor

from bench.api import LossInput, MetricSpec
from bench.errors import BenchError, NoValueError
from bench.plugins.process_state import Snapshot
from bench.testing.check import check
from bench.testing.material import ODD, SHORT, Case
from bench.testing.subject import Skip, Subject

SIGNALS: Final = ("separator", "gains", "prescription", "loss", "front-end")
CALLED: Final = (*SIGNALS, "metric")
TOLERANCE: Final = 1e-3
"""How far an item may be from itself in a batch, as a part of its peak."""
UNCHANGED: Final = (
    "the process unchanged: random number generators, settings of numpy and torch, working "
    "directory, environment, sys.path, signals, locale, warning filters"
)
OWN_GENERATOR: Final = (
    "use a generator of your own: torch.Generator().manual_seed(...), np.random.default_rng(...)"
)
_SHAPES: Final = (
    "separator: stems (B, 4, 2, N); gains: (B, 4) or (B, 2, 4); prescription: (B, 2, N + tail) "
    "with one tail for every N; loss: a scalar; metric: values for parts of its spec, with the "
    "first one whenever there is a score; front end: a score (B,)"
)


def wrong_shape(subject: Subject, case: Case, out: Any) -> str | None:
    """The fault in the shape of an output, in words."""
    if not isinstance(out, Tensor):
        return f"{type(out).__name__}, which is not a tensor"
    batch, _, frames = case.mixture.shape
    shape = tuple(out.shape)
    fits = {
        "separator": shape == (batch, 4, 2, frames),
        "gains": shape in ((batch, 4), (batch, 2, 4)),
        "prescription": shape[:-1] == (batch, 2) and shape[-1] >= frames,
        "loss": shape == (),
        "metric": True,
        "front-end": shape == (batch, 2),
    }
    return None if fits[subject.kind] else f"{shape} for B={batch}, N={frames}"


def _metric_parts(subject: Subject, case: Case) -> str | None:
    spec = subject.registered.spec
    assert isinstance(spec, MetricSpec)
    values = subject.instance.score(case.rendering())
    if not isinstance(values, Mapping):
        return f"{type(values).__name__}, which is not a mapping"
    unknown = [part for part in values if part not in spec.parts]
    if unknown:
        return f"the part '{unknown[0]}', which is not in the spec's {spec.parts}"
    return None if spec.parts[0] in values else f"no '{spec.parts[0]}', only {list(values)}"


@check("shape", CALLED, expects=_SHAPES, fix="return what bench.api says for this kind")
def _shape(subject: Subject) -> str | None:
    case = Case.make()
    if subject.kind == "metric":
        return _metric_parts(subject, case)
    return wrong_shape(subject, case, subject.call(subject.instance, case))


@check(
    "dtype",
    CALLED,
    expects="float32 for float32; from a prescription also float64 for float64, which evaluation "
    "uses; from a metric, real numbers",
    fix="take the type of the input (x.to(signal), zeros_like) instead of a fixed one",
)
def _dtype(subject: Subject) -> str | None:
    case = Case.make()
    if subject.kind == "metric":
        values = subject.instance.score(case.rendering())
        wrong = {k: v for k, v in values.items() if not isinstance(v, Real) or isinstance(v, bool)}
        return f"{next(iter(wrong.items()))!r}" if wrong else None
    wanted = (torch.float32, torch.float64) if subject.kind == "prescription" else (torch.float32,)
    for dtype in wanted:
        out = subject.call(subject.instance, case.to(dtype))
        if out.dtype != dtype:
            return f"{out.dtype} for {dtype}"
    return None


@check(
    "device",
    SIGNALS,
    expects="values on the device of the input, including a GPU if there is one",
    fix="make new tensors with device=x.device; register constants as buffers of a torch module",
)
def _device(subject: Subject) -> str | None:
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        made = subject.instance if device == "cpu" else subject.make()
        if isinstance(made, torch.nn.Module):
            made.to(device)
        out = subject.call(made, Case.make().to(device))
        if out.device.type != device:
            return f"values on {out.device} for input on {device}"
    return None


@check(
    "finite",
    CALLED,
    expects="finite values for music",
    fix="look for a division by zero, a logarithm of zero, or uninitialised samples",
)
def _finite(subject: Subject) -> str | None:
    return _not_finite(subject.call(subject.instance, Case.make()))


def _not_finite(values: Tensor) -> str | None:
    bad = int((~torch.isfinite(values)).sum())
    return f"{bad} of {values.numel()} values are NaN or infinite" if bad else None


@check(
    "silence",
    CALLED,
    expects="finite values for silence, and finite gradients from a loss and a prescription; a "
    "metric or a front end without a value raises NoValueError, ValueError or BenchError",
    fix="add a small constant under a root, a logarithm or a division; check x.std() and norms",
)
def _silence(subject: Subject) -> str | None:
    case = Case.make(silent=True)
    if subject.kind in ("metric", "front-end"):
        return _value_or_error(subject, case)
    if subject.kind == "loss":
        return _silent_losses(subject)
    if subject.kind == "prescription":
        case.mixture.requires_grad_()
        out = subject.call(subject.instance, case, grad=True)
        (gradient,) = torch.autograd.grad(out.sum(), case.mixture)
        return _not_finite(out) or _prefixed("the gradient: ", _not_finite(gradient))
    return _not_finite(subject.call(subject.instance, case))


def _prefixed(prefix: str, text: str | None) -> str | None:
    return text and prefix + text


def _value_or_error(subject: Subject, case: Case) -> str | None:
    try:
        values = subject.call(subject.instance, case)
    except (BenchError, NoValueError, ValueError):
        return None
    return _not_finite(values)


def _silent_losses(subject: Subject) -> str | None:
    """Silence on either side and on both, and an estimate that equals its reference."""
    data = Case.make().loss_input(subject.place)
    silence = torch.zeros_like(data.estimate)
    pairs = {
        "both silent": (silence, silence),
        "a silent estimate": (silence, data.reference),
        "a silent reference": (data.estimate, silence),
        "an estimate equal to its reference": (data.reference, data.reference),
    }
    for what, (estimate, reference) in pairs.items():
        value, gradient = loss_and_gradient(subject, data, estimate, reference)
        found = _not_finite(value) or _prefixed("the gradient: ", _not_finite(gradient))
        if found:
            return f"{what}: {found}"
    return None


def loss_and_gradient(
    subject: Subject, data: LossInput, estimate: Tensor, reference: Tensor
) -> tuple[Tensor, Tensor]:
    """The value, and the gradient with respect to the estimate: zeros where it has none."""
    estimate = estimate.clone().requires_grad_()
    value = subject.instance(replace(data, estimate=estimate, reference=reference.clone()))
    if not value.requires_grad:
        return value, torch.zeros_like(estimate)
    (gradient,) = torch.autograd.grad(value, estimate, allow_unused=True)
    return value.detach(), torch.zeros_like(estimate) if gradient is None else gradient


@check(
    "odd-length",
    CALLED,
    expects="the same rules for a length that no block size divides",
    fix="pad to a whole number of blocks and cut the padding off again",
)
def _odd(subject: Subject) -> str | None:
    case = Case.make(frames=ODD)
    if subject.kind == "metric":
        return _value_or_error(subject, case)
    out = subject.call(subject.instance, case)
    found = wrong_shape(subject, case, out) or _not_finite(out)
    if found or subject.kind != "prescription":
        return found
    even = subject.call(subject.instance, Case.make())
    tails = [out.shape[-1] - ODD, even.shape[-1] - Case.make().mixture.shape[-1]]
    return None if tails[0] == tails[1] else f"tails of {tails[0]} and {tails[1]} samples"


@check(
    "short",
    CALLED,
    expects=f"the same rules for {SHORT} samples, or a BenchError that says what is too short "
    "(from a metric, also NoValueError or ValueError)",
    fix="pad a signal that is shorter than a window, or raise bench.errors.BenchError",
)
def _short(subject: Subject) -> str | None:
    case = Case.make(frames=SHORT)
    if subject.kind == "metric":
        return _value_or_error(subject, case)
    made = subject.instance
    try:
        out = subject.call(made, case)
    except BenchError:
        return None
    return wrong_shape(subject, case, out) or _not_finite(out)


@check(
    "batch",
    SIGNALS,
    expects=f"an item has the same values alone and in a batch, within {TOLERANCE} of its peak; a "
    "loss the same value for a batch given twice",
    fix="normalise and filter each item separately; average a loss over items; no batch norm",
)
def _batch(subject: Subject) -> str | None:
    case, made = Case.make(), subject.instance
    if subject.kind == "loss":
        return _loss_of_twice(subject, case.loss_input(subject.place))
    together = subject.call(made, case)
    for index in range(len(case.listeners)):
        alone = subject.call(made, case.item(index))[0]
        if alone.shape != together[index].shape:
            return f"shape {tuple(alone.shape)} alone, {tuple(together[index].shape)} in a batch"
        off = float((together[index] - alone).abs().max())
        if not off <= TOLERANCE * float(alone.abs().max()) + 1e-6:
            return f"item {index} differs by {off:g}, its peak is {float(alone.abs().max()):g}"
    return None


def _loss_of_twice(subject: Subject, data: LossInput) -> str | None:
    doubled: dict[str, Any] = {
        name: torch.cat([v, v]) for name, v in vars(data).items() if isinstance(v, Tensor)
    }
    twice = replace(data, **doubled)
    with torch.no_grad():
        once, again = float(subject.instance(data)), float(subject.instance(twice))
    far = abs(again - once) > TOLERANCE * abs(once) + 1e-9
    return f"{once:g}, and {again:g} for the batch twice" if far else None


@check(
    "repeatable",
    CALLED,
    expects="bit for bit the same values when it is called again",
    fix="keep nothing between calls; no dropout in evaluation mode; draw random numbers from a "
    "torch.Generator seeded in each call",
)
def _repeatable(subject: Subject) -> str | None:
    made = subject.instance
    first, second = (subject.call(made, Case.make()) for _ in range(2))
    return _differ(first, second)


@check(
    "seeded",
    CALLED,
    expects="bit for bit the same values from two instances constructed under one seed of torch",
    fix="initialise from torch's generator, which the harness seeds, or from a seed of your own",
)
def _seeded(subject: Subject) -> str | None:
    if subject.instance is None:
        raise Skip("there is no instance")
    first, second = (subject.call(subject.make(seed=1), Case.make()) for _ in range(2))
    return _differ(first, second)


def _differ(first: Tensor, second: Tensor) -> str | None:
    if torch.equal(first, second):
        return None
    if first.shape != second.shape:
        return f"shapes {tuple(first.shape)} and {tuple(second.shape)}"
    return f"values that differ by up to {float((first - second).abs().max()):g}"


@check(
    "global-state",
    CALLED,
    expects=UNCHANGED,
    fix=OWN_GENERATOR,
)
def _global_state(subject: Subject) -> str | None:
    made = subject.instance
    before = global_state()
    subject.call(subject.make(), Case.make())
    subject.call(made, Case.make())
    return changed(before)


def global_state() -> Snapshot:
    """The state of the process, which a plugin must leave alone."""
    return Snapshot.now(generators=True)


def changed(before: Snapshot) -> str | None:
    """The parts of that state that are not as they were `before`."""
    found = [setting.name for setting, _ in before.changed()]
    return f"{' and '.join(found)} changed" if found else None


@check(
    "inputs-untouched",
    CALLED,
    expects="its input unchanged: others are given the same tensors",
    fix="write into a copy (x = x.clone()), and use x = x * y instead of x *= y",
)
def _inputs_untouched(subject: Subject) -> str | None:
    case = Case.make()
    if subject.kind in ("loss", "metric"):
        data = case.loss_input(subject.place) if subject.kind == "loss" else case.rendering()
        before = {k: v.clone() for k, v in vars(data).items() if isinstance(v, Tensor)}
        with torch.no_grad():
            subject.instance(data) if subject.kind == "loss" else subject.instance.score(data)
        spoilt = [name for name, value in before.items() if not _same(getattr(data, name), value)]
        return f"'{spoilt[0]}' changed" if spoilt else None
    before_call = case.copy()
    subject.call(subject.instance, case)
    return None if case.same_signals(before_call) else "the signals or gains it was given changed"


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


CHECKS: Final = (
    _shape,
    _dtype,
    _device,
    _finite,
    _silence,
    _odd,
    _short,
    _batch,
    _repeatable,
    _seeded,
    _global_state,
    _inputs_untouched,
)
