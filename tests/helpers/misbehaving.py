"""A package of plugins that each do something that a plugin must not do.

Worker processes find it by its entry point: see :func:`tests.helpers.noises.entry_point`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from clarity.utils.audiogram import Listener
from torch import Tensor

from bench.api import (
    GainQuery,
    GainsSpec,
    LossInput,
    LossSpec,
    MetricSpec,
    PrescriptionSpec,
    Rendering,
    SeparatorSpec,
    hookimpl,
)

OBSERVES = "MISBEHAVING_OBSERVER"
"""Variable that says what the observer does."""


def quarters(mixture: Tensor) -> Tensor:
    return (mixture / 4).unsqueeze(1).repeat(1, 4, 1, 1)


# --- separators --------------------------------------------------------------------------------


class WritesMixture:
    def separate(self, mixture: Tensor) -> Tensor:
        mixture /= mixture.std()
        return quarters(mixture)


class WritesByNumpy:
    def separate(self, mixture: Tensor) -> Tensor:
        mixture.numpy()[..., 7] = 0.25
        return quarters(mixture)


class SwapsEars:
    """What it writes has the same sum, and the same values."""

    def separate(self, mixture: Tensor) -> Tensor:
        mixture.copy_(mixture.flip(1).clone())
        return quarters(mixture)


class WritesStems:
    def separate(self, mixture: Tensor, stems: Tensor) -> Tensor:
        stems *= 0.5
        return stems


class OneBuffer:
    """Returns the same tensor each time, and writes into it the next time."""

    buffer: Tensor | None = None

    def separate(self, mixture: Tensor) -> Tensor:
        if OneBuffer.buffer is None or OneBuffer.buffer.shape[-1] != mixture.shape[-1]:
            OneBuffer.buffer = quarters(mixture)
        OneBuffer.buffer.copy_(quarters(mixture))
        kept = OneBuffer.buffer
        kept *= 0.5 + random.random()
        return kept


class View:
    """Returns what it was given, in another shape."""

    def separate(self, mixture: Tensor) -> Tensor:
        return mixture.unsqueeze(1).expand(-1, 4, -1, -1)


class SetsDefaults:
    def separate(self, mixture: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(2)
        np.seterr(all="raise")
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)
        random.seed(1)
        return quarters(mixture)


# --- gains and prescriptions -------------------------------------------------------------------


class ScalesStems:
    def gains(self, query: GainQuery) -> Tensor:
        query.stems.mul_(2.0)
        return torch.zeros(len(query.listeners), 4)


class WritesRequest:
    def gains(self, query: GainQuery) -> Tensor:
        query.requested.fill_(12.0)
        query.audiograms.fill_(0.0)
        return torch.zeros(len(query.listeners), 4)


class AmplifiesInPlace:
    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        signal *= 2.0
        return signal


class WritesAudiogram:
    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        for listener in listeners:
            listener.audiogram_left.levels[:] = 90
            listener.id = "another"
        return signal.clone()


# --- metrics -----------------------------------------------------------------------------------


class Metric:
    def score(self, rendering: Rendering) -> Mapping[str, float]:
        self.misbehave(rendering)
        return {"mean": 1.0}

    def misbehave(self, rendering: Rendering) -> None:
        raise NotImplementedError


class WritesOutput(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        rendering.output.numpy()[:] *= 0.1


class WritesEverything(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        for name in ("stems", "stems_reference", "remix", "remix_reference", "output_reference"):
            getattr(rendering, name).numpy()[:] = 0.0
        rendering.gains.numpy()[:] = 3.0


class WritesListener(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        rendering.listener.audiogram_left.levels[:] = 100


class Exits(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        sys.exit("enough")


class EndsProcess(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        os._exit(3)


class Kills(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Sleeps(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        time.sleep(1e6)


class Stubborn(Metric):
    """Goes on whatever is raised in it."""

    def misbehave(self, rendering: Rendering) -> None:
        while True:
            try:
                time.sleep(1e6)
            except Exception:
                continue


class Blocks(Metric):
    """Holds the interpreter in native code, where no signal is noticed."""

    def misbehave(self, rendering: Rendering) -> None:
        sum(iter(int, 1))


class ChangesFolder(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        os.chdir("/")


class Prints(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        print("by Python")
        os.write(1, b"by the system\n")


class LazyFailure(Metric):
    """Its values fail only when they are looked at."""

    def score(self, rendering: Rendering) -> Any:
        class Values(dict[str, float]):
            def items(self) -> Any:
                sys.exit(1)

        return Values()


# --- a loss, and an observer -------------------------------------------------------------------


class WritesReference:
    def __call__(self, data: LossInput) -> Tensor:
        data.reference.mul_(0.5)
        return (data.estimate - data.reference).square().mean()


SEPARATORS = {
    "writes-mixture": WritesMixture,
    "writes-by-numpy": WritesByNumpy,
    "swaps-ears": SwapsEars,
    "writes-stems": WritesStems,
    "one-buffer": OneBuffer,
    "view": View,
    "sets-defaults": SetsDefaults,
}
GAINS = {"scales-stems": ScalesStems, "writes-request": WritesRequest}
PRESCRIPTIONS = {"in-place": AmplifiesInPlace, "writes-audiogram": WritesAudiogram}
METRICS = {
    "writes-output": WritesOutput,
    "writes-everything": WritesEverything,
    "writes-listener": WritesListener,
    "exits": Exits,
    "ends-process": EndsProcess,
    "kills": Kills,
    "sleeps": Sleeps,
    "stubborn": Stubborn,
    "blocks": Blocks,
    "changes-folder": ChangesFolder,
    "prints": Prints,
    "lazy-failure": LazyFailure,
}


def made(cls: type) -> dict[str, Any]:
    return {"target": f"{__name__}:{cls.__name__}", "summary": "misbehaves"}


@hookimpl
def register_separators() -> list[SeparatorSpec]:
    return [
        SeparatorSpec(name=name, reads_stems=cls is WritesStems, **made(cls))
        for name, cls in SEPARATORS.items()
    ]


@hookimpl
def register_gains() -> list[GainsSpec]:
    return [GainsSpec(name=name, **made(cls)) for name, cls in GAINS.items()]


@hookimpl
def register_prescriptions() -> list[PrescriptionSpec]:
    return [PrescriptionSpec(name=name, **made(cls)) for name, cls in PRESCRIPTIONS.items()]


@hookimpl
def register_losses() -> list[LossSpec]:
    return [LossSpec(name="writes-reference", **made(WritesReference))]


@hookimpl
def register_metrics() -> list[MetricSpec]:
    return [MetricSpec(name=name, **made(cls)) for name, cls in METRICS.items()]


@hookimpl
def epoch_finished(row: dict[str, Any]) -> None:
    if os.environ.get(OBSERVES) == "writes":
        row.clear()


@hookimpl
def scene_scored(rows: list[dict[str, Any]]) -> None:
    how = os.environ.get(OBSERVES)
    if how == "writes":
        rows.clear()
    if how == "exits":
        sys.exit(1)
    if how == "moves":
        os.chdir("/")
    if how == "prints":
        print("scored")
