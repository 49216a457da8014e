"""Every check of the conformance kit fails for a plugin that is broken in just that way."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from clarity.utils.audiogram import Listener
from torch import Tensor, nn

from bench.api import (
    DatasetSpec,
    GainQuery,
    GainsSpec,
    LossInput,
    LossSpec,
    MetricSpec,
    PluginSpec,
    PrescriptionSpec,
    Rendering,
    Scene,
    SeparatorSpec,
    option,
)
from bench.errors import BenchError
from bench.plugins import Observer, Registered
from bench.plugins.kinds import OBSERVER_HOOKS
from bench.testing import Check, Subject, checks_for
from bench.testing.material import Case, MemoryAudio, listeners, scene
from bench.testing.subject import KINDS

# --- separators --------------------------------------------------------------------------------


class Quarter:
    """Nothing is wrong with it."""

    def separate(self, mixture: Tensor) -> Tensor:
        return torch.stack([mixture / 4] * 4, dim=1)


class NoMethod:
    pass


class NoBatch(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture)[0]


class Double(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture).double()


class Elsewhere(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture).to("meta")


class NotANumber(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture) * float("nan")


class Normalised(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture / mixture.std(-1, keepdim=True))


class WholeBlocks(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture[..., : mixture.shape[-1] // 50 * 50])


class Reflected(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(nn.functional.pad(mixture, (999, 0), mode="reflect")[..., 999:])


class OfTheBatch(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture / (mixture.abs().max() + 1e-9))


class Remembers(Quarter):
    calls = 0

    def separate(self, mixture: Tensor) -> Tensor:
        self.calls += 1
        return super().separate(mixture) * self.calls


class Unseeded(Quarter):
    def __init__(self) -> None:
        self.weight = float(np.random.default_rng().random())

    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture) * self.weight


class SeedsNumpy(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        np.random.seed(0)  # noqa: NPY002
        return super().separate(mixture)


class SeedsTorch(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        torch.manual_seed(1)
        return super().separate(mixture)


class InPlace(Quarter):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture.mul_(0.5))


class Learns(nn.Module):
    """Nothing is wrong with it where the spec says trainable."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4))

    def separate(self, mixture: Tensor) -> Tensor:
        return mixture[:, None] * self.weight[:, None, None]


class Detached(Learns):
    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture).detach()


class NotKept(Learns):
    def __init__(self) -> None:
        super().__init__()
        self.other = torch.rand(())

    def separate(self, mixture: Tensor) -> Tensor:
        return super().separate(mixture) * self.other


# --- gains, prescriptions, losses, metrics -----------------------------------------------------


class Requested:
    def gains(self, query: GainQuery) -> Tensor:
        return query.requested


class OneGain(Requested):
    def gains(self, query: GainQuery) -> Tensor:
        return query.requested.mean(1, keepdim=True)


class Louder:
    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        return 2 * signal


class Single(Louder):
    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        return 2 * signal.float()


class OddTail(Louder):
    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        return nn.functional.pad(signal, (0, -signal.shape[-1] % 512))


class Root(Louder):
    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        return signal * signal.square().mean(-1, keepdim=True).sqrt()


class NoGradient(Louder):
    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        return torch.from_numpy(signal.detach().numpy() * 2)


class LearnsToAmplify(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.rand(()))

    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        return signal * self.factor


class ForgetsToLearn(LearnsToAmplify):
    """Gradients reach the signal, not what is learned."""

    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        return signal * self.factor.detach() + 0.0 * self.factor


class DrawnAmplifier(LearnsToAmplify):
    def __init__(self) -> None:
        super().__init__()
        self.other = torch.rand(())

    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        return super().amplify(signal, listeners, sample_rate) * self.other


class Squares:
    def __call__(self, data: LossInput) -> Tensor:
        return (data.estimate - data.reference).square().mean()


class ManyValues(Squares):
    def __call__(self, data: LossInput) -> Tensor:
        return (data.estimate - data.reference).square().mean(-1)


class Summed(Squares):
    def __call__(self, data: LossInput) -> Tensor:
        return (data.estimate - data.reference).square().sum()


class Logarithm(Squares):
    def __call__(self, data: LossInput) -> Tensor:
        return torch.log10(super().__call__(data))


class Upside(Squares):
    def __call__(self, data: LossInput) -> Tensor:
        return -super().__call__(data)


class Writes(Squares):
    def __call__(self, data: LossInput) -> Tensor:
        data.reference.clamp_(-0.01, 0.01)
        return super().__call__(data)


class Ratio:
    """Signal-to-noise ratio of the remix, dB."""

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        noise = (rendering.remix - rendering.remix_reference).square().sum()
        if not noise:
            raise ValueError("there is no noise")
        value = 10 * torch.log10(rendering.remix_reference.square().sum() / noise)
        return {"mean": float(value)}


class OtherPart(Ratio):
    def score(self, rendering: Rendering) -> Mapping[str, float]:
        return {"average": super().score(rendering)["mean"]}


class NoHeadline(Ratio):
    def score(self, rendering: Rendering) -> Mapping[str, float]:
        return {"left": super().score(rendering)["mean"]}


class TensorScore(Ratio):
    def score(self, rendering: Rendering) -> Mapping[str, float]:
        return {"mean": torch.tensor(super().score(rendering)["mean"])}  # type: ignore[dict-item]


class SilenceIsNan(Ratio):
    def score(self, rendering: Rendering) -> Mapping[str, float]:
        noise = (rendering.remix - rendering.remix_reference).square().sum()
        return {"mean": float(rendering.remix_reference.square().sum() / noise)}


class ByAccident(Ratio):
    def score(self, rendering: Rendering) -> Mapping[str, float]:
        rendering.remix[:, 1000]
        return super().score(rendering)


class WrongWay(Ratio):
    def score(self, rendering: Rendering) -> Mapping[str, float]:
        return {"mean": -super().score(rendering)["mean"]}


# --- datasets ----------------------------------------------------------------------------------


class Two:
    """Two splits of one scene each; its module imports torch, and so it is not light."""

    splits: tuple[str, ...] = ("train", "valid")

    def scenes(self, split: str) -> Sequence[Scene]:
        if split not in self.splits:
            raise BenchError(f"no split '{split}'")
        case = Case.make(frames=10_000)
        return [replace(scene(case.stems[0], case.mixture[0], case.listeners), id=split)]

    def listeners(self, split: str) -> Mapping[str, Listener]:
        return {who.id: who for who in listeners()}

    def fingerprint(self, split: str) -> str:
        return f"fingerprint-{split}"


class NoSplits(Two):
    splits = ()


class AnySplit(Two):
    def scenes(self, split: str) -> Sequence[Scene]:
        return super().scenes("train")


class Unheard(Two):
    def listeners(self, split: str) -> Mapping[str, Listener]:
        return {}


class Factors(Two):
    def scenes(self, split: str) -> Sequence[Scene]:
        return [replace(s, gains=(1.0, 2.0, 1e6, 1.0)) for s in super().scenes(split)]


@dataclass(frozen=True)
class Mono(MemoryAudio):
    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        return super().read(part, start, frames)[:1]


@dataclass(frozen=True)
class Stops(MemoryAudio):
    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        return self.signals[part][:, start:frames]


def heard_through(audio: type[MemoryAudio], found: Sequence[Scene]) -> list[Scene]:
    return [replace(s, audio=audio(s.audio.signals)) for s in found]  # type: ignore[attr-defined]


class InMono(Two):
    def scenes(self, split: str) -> Sequence[Scene]:
        return heard_through(Mono, super().scenes(split))


class FramesIsStop(Two):
    def scenes(self, split: str) -> Sequence[Scene]:
        return heard_through(Stops, super().scenes(split))


class OneFingerprint(Two):
    def fingerprint(self, split: str) -> str:
        return "the-same-one"


class DrawnAnew(Two):
    def __init__(self) -> None:
        self.name = str(np.random.default_rng().random())

    def scenes(self, split: str) -> Sequence[Scene]:
        return [replace(s, song=self.name) for s in super().scenes(split)]


class SeedsRandom(Two):
    def scenes(self, split: str) -> Sequence[Scene]:
        random.seed(split)
        return super().scenes(split)


# --- what is checked ---------------------------------------------------------------------------

SPECS: dict[str, type[PluginSpec]] = {
    "separator": SeparatorSpec,
    "gains": GainsSpec,
    "prescription": PrescriptionSpec,
    "loss": LossSpec,
    "metric": MetricSpec,
    "dataset": DatasetSpec,
}
SCIPY = "tests.helpers.scipy_dataset:Empty"
GOOD = {
    "separator": Quarter,
    "gains": Requested,
    "prescription": Louder,
    "loss": Squares,
    "metric": Ratio,
    "dataset": Two,
}


def subject(kind: str, made: type, *, module: str = "bench.errors", **spec: Any) -> Subject:
    values = {"name": "x", "target": f"{__name__}:{made.__name__}", "summary": "a test", **spec}
    found = Registered(SPECS[kind](**values), "somewhere", "1", module)
    return Subject(found, found.spec.options() if found.spec.options else None)


def observer(module: str = "bench.errors", **hooks: Any) -> Subject:
    known = tuple(name for name in OBSERVER_HOOKS if name in hooks)
    return Subject(Observer("x", "somewhere", "1", known, module, SimpleNamespace(**hooks)))


@dataclass(frozen=True)
class Undocumented:
    size: int = 3


@dataclass(frozen=True)
class Listed:
    sizes: list[int] = field(default_factory=list, metadata={"help": "sizes"})


@dataclass
class Thawed:
    size: int = option(3, "size")


def local_options() -> type:
    @dataclass(frozen=True)
    class Local:
        size: int = option(3, "size")

    return Local


class TakesOptions(Quarter):
    def __init__(self, options: object) -> None:
        pass


BROKEN: list[tuple[str, Subject, str]] = [
    ("spec", subject("separator", Quarter, summary=""), "summary ''"),
    ("spec", subject("separator", Quarter, needs=("weights",)), "trained on"),
    ("spec", subject("loss", Squares, default_place="stem"), "'stem'"),
    ("spec", subject("metric", Ratio, parts=("mean", "mean")), "parts="),
    ("options", subject("separator", TakesOptions, options=Undocumented), "no help text"),
    ("options", subject("separator", TakesOptions, options=Listed), "list[int]"),
    ("options", subject("separator", TakesOptions, options=Thawed), "not frozen"),
    ("import-light", subject("gains", Requested, module="scipy"), "imports scipy"),
    ("import-light", subject("gains", Requested, module="no_such_module"), "ModuleNotFoundError"),
    ("pickle", subject("separator", TakesOptions, options=local_options()), "local object"),
    ("made", subject("separator", NoMethod), "not a Separator"),
    ("shape", subject("separator", NoBatch), "(4, 2, 66150)"),
    ("shape", subject("gains", OneGain), "(2, 1)"),
    ("shape", subject("loss", ManyValues), "(2, 4, 2)"),
    ("shape", subject("metric", OtherPart), "'average'"),
    ("shape", subject("metric", NoHeadline, parts=("mean", "left")), "no 'mean'"),
    ("dtype", subject("separator", Double), "torch.float64"),
    ("dtype", subject("prescription", Single), "torch.float32 for torch.float64"),
    ("dtype", subject("metric", TensorScore), "tensor"),
    ("device", subject("separator", Elsewhere), "meta"),
    ("finite", subject("separator", NotANumber), "NaN"),
    ("silence", subject("separator", Normalised), "NaN"),
    ("silence", subject("prescription", Root), "the gradient"),
    ("silence", subject("loss", Logarithm), "both silent"),
    ("silence", subject("metric", SilenceIsNan), "NaN"),
    ("odd-length", subject("separator", WholeBlocks), "N=49999"),
    ("odd-length", subject("prescription", OddTail), "tails of"),
    ("short", subject("separator", Reflected), "RuntimeError"),
    ("short", subject("metric", ByAccident), "IndexError"),
    ("batch", subject("separator", OfTheBatch), "differs by"),
    ("batch", subject("loss", Summed), "for the batch twice"),
    ("repeatable", subject("separator", Remembers), "differ by"),
    ("seeded", subject("separator", Unseeded), "differ by"),
    ("global-state", subject("separator", SeedsNumpy), "numpy's global generator"),
    ("global-state", subject("separator", SeedsTorch), "torch's global generator"),
    ("inputs-untouched", subject("separator", InPlace), "changed"),
    ("inputs-untouched", subject("loss", Writes), "'reference' changed"),
    ("gradients", subject("separator", Detached, trainable=True), "without gradients"),
    ("gradients", subject("separator", Quarter, trainable=True), "not a torch.nn.Module"),
    ("gradients", subject("prescription", NoGradient), "without gradients"),
    ("gradients", subject("prescription", ForgetsToLearn, trainable=True), "nothing but zeros"),
    ("gradients", subject("prescription", Louder, trainable=True), "not a torch.nn.Module"),
    ("frozen", subject("prescription", LearnsToAmplify), "'factor'"),
    ("save-load", subject("prescription", DrawnAmplifier, trainable=True), "differ by"),
    ("frozen", subject("separator", Learns), "'weight'"),
    ("save-load", subject("separator", NotKept, trainable=True), "differ by"),
    ("ordered", subject("loss", Upside), "for a good estimate"),
    ("ordered", subject("metric", WrongWay), "for a good output"),
    ("splits", subject("dataset", NoSplits), "no split"),
    ("splits", subject("dataset", AnySplit), "no BenchError"),
    ("scenes", subject("dataset", Unheard), "unknown listener 'sloping'"),
    ("scenes", subject("dataset", Factors), "1000000.0"),
    ("audio", subject("dataset", InMono), "(1, 10000)"),
    ("excerpts", subject("dataset", FramesIsStop), "other samples"),
    ("fingerprint", subject("dataset", OneFingerprint), "the same one"),
    ("repeatable", subject("dataset", DrawnAnew), "other scenes"),
    ("global-state", subject("dataset", SeedsRandom), "random's generator"),
    (
        "light-plan",
        subject("dataset", Two, target=SCIPY),
        "imports scipy",
    ),
    ("hooks", observer(), "none"),
    (
        "notified",
        observer(scene_scored=lambda rows: [round(row["value"]) for row in rows]),
        "TypeError",
    ),
    ("inputs-untouched", observer(scene_scored=lambda rows: rows.clear()), "changed"),
    ("global-state", observer(run_started=lambda: random.seed(1)), "random's generator"),
    ("import-light", observer(module="scipy", run_started=lambda: None), "imports scipy"),
]


def the_check(kind: str, name: str) -> Check:
    (found,) = [check for check in checks_for(kind) if check.name == name]
    return found


@pytest.mark.parametrize(
    ("name", "broken", "came"),
    [pytest.param(*case, id=f"{case[0]}-{case[1].kind}-{n}") for n, case in enumerate(BROKEN)],
)
def test_a_broken_plugin_fails_the_check(name: str, broken: Subject, came: str) -> None:
    result = the_check(broken.kind, name).run(broken)
    assert result.status == "failed"
    assert came in result.got
    text = str(result)
    assert result.check.expects in text
    assert result.check.fix in text


def test_every_check_can_fail() -> None:
    shown = {id(the_check(broken.kind, name)) for name, broken, _ in BROKEN}
    missing = {
        f"{kind} {check.name}"
        for kind in KINDS
        for check in checks_for(kind)
        if id(check) not in shown
    }
    assert missing == set()


class TestNothingWrong:
    """The same checks pass where nothing is wrong, so that it is the fault that they see."""

    skips: ClassVar = {"pickle", "gradients", "save-load", "frozen"}

    @pytest.mark.parametrize("kind", list(GOOD))
    def test_good_plugins_pass(self, kind: str) -> None:
        good = subject(kind, GOOD[kind])
        # Light it is not: its module is this one, which imports torch.
        checks = [check for check in checks_for(kind) if check.name != "light-plan"]
        results = {check.name: check.run(good) for check in checks}
        assert [str(r) for r in results.values() if r.status == "failed"] == []
        assert {name for name, r in results.items() if r.status == "skipped"} <= self.skips

    @pytest.mark.parametrize("name", ["gradients", "save-load", "seeded"])
    def test_a_trainable_one_passes(self, name: str) -> None:
        good = subject("separator", Learns, trainable=True)
        assert the_check("separator", name).run(good).status == "passed"

    def test_an_observer_passes(self) -> None:
        good = observer(run_finished=lambda summary: None)
        assert {check.run(good).status for check in checks_for("observer")} == {"passed"}
