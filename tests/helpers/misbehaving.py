"""A package of plugins that each do something that a plugin must not do.

Worker processes find it by its entry point: see :func:`tests.helpers.noises.entry_point`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import locale
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from clarity.utils.audiogram import Listener
from torch import Tensor

from bench.api import (
    DatasetSpec,
    GainQuery,
    GainsSpec,
    LossInput,
    LossSpec,
    MetricSpec,
    PrescriptionSpec,
    Rendering,
    Scene,
    SeparatorSpec,
    hookimpl,
)
from bench.plugins import guard
from bench.runtime.executors import in_worker
from tests.helpers.noises import Noises

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


class WritesData:
    """Past what autograd counts."""

    def separate(self, mixture: Tensor) -> Tensor:
        mixture.data.mul_(3.0)
        return quarters(mixture)


class WritesByMemory:
    """Into the memory itself, which no tensor counts."""

    def separate(self, mixture: Tensor) -> Tensor:
        bytes_ = ctypes.c_char * (4 * mixture.numel())
        ctypes.memset(ctypes.byref(bytes_.from_address(mixture.data_ptr())), 0, 400)
        return quarters(mixture)


class FreesMemory:
    def separate(self, mixture: Tensor) -> Tensor:
        separated = quarters(mixture)
        mixture.untyped_storage().resize_(0)
        return separated


KEPT: list[Tensor] = []


class Keeps:
    """Keeps what it is given; :class:`WritesKept` writes there later."""

    def separate(self, mixture: Tensor, stems: Tensor) -> Tensor:
        KEPT[:] = [mixture, stems]
        return stems.clone()


class WritesLater:
    """From a thread, when it has returned long ago."""

    def separate(self, mixture: Tensor) -> Tensor:
        @torch.inference_mode()
        def write() -> None:
            for _ in range(100):
                mixture.fill_(0.5)
                time.sleep(0.01)

        separated = quarters(mixture)
        threading.Thread(target=write, daemon=True).start()
        return separated


class SetsTheProcess:
    """All that lies in the process and is not the plugin's own."""

    def separate(self, mixture: Tensor) -> Tensor:
        separated = quarters(mixture)
        os.environ["HOME"] = os.environ["BENCH_CACHE"] = "/nowhere"
        os.environ.pop("PATH", None)
        os.umask(0o777)
        sys.path.insert(0, "/nowhere")
        sys.path.remove(sys.path[-1])
        sys.setrecursionlimit(sys.getrecursionlimit() + 1)
        sys.stderr = io.StringIO()
        gc.disable()
        warnings.simplefilter("error")
        with contextlib.suppress(locale.Error):
            locale.setlocale(
                locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C"
            )
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        torch.set_flush_denormal(True)
        torch.use_deterministic_algorithms(True)
        torch.set_float32_matmul_precision("medium")
        torch.autograd.set_detect_anomaly(True)
        torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
        torch.backends.cudnn.allow_tf32 = False
        torch.set_autocast_enabled("cpu", True)
        torch.set_default_device("meta")
        return separated


class Forks:
    """Its fork goes on with the work of the harness, unless that is seen to."""

    def separate(self, mixture: Tensor) -> Tensor:
        os.fork()
        return quarters(mixture)


class UsesProcesses:
    """As a data loader does; its fork ends itself by os._exit."""

    def separate(self, mixture: Tensor) -> Tensor:
        work = multiprocessing.get_context("fork").Process(target=print)
        work.start()
        work.join()
        assert work.exitcode == 0
        return quarters(mixture)


class StartsThread:
    """That never ends, and that Python would wait for."""

    def separate(self, mixture: Tensor) -> Tensor:
        threading.Thread(target=time.sleep, args=(1e6,), daemon=False).start()
        return quarters(mixture)


# --- gains and prescriptions -------------------------------------------------------------------


class ScalesStems:
    def gains(self, query: GainQuery) -> Tensor:
        query.stems.mul_(2.0)
        return torch.zeros(len(query.listeners), 4)


class WritesKept:
    def gains(self, query: GainQuery) -> Tensor:
        for signal_ in KEPT:
            signal_.fill_(0.25)
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


class WritesScene(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        for name in ("id", "song", "gains", "listeners"):
            object.__setattr__(rendering.scene, name, ("x",))
        object.__setattr__(rendering.scene.audio, "scene", "s4")
        object.__setattr__(rendering, "output", torch.zeros(2, 100))
        rendering.stems.data = torch.zeros(4, 2, 5)


class KeepsRendering(Metric):
    """And writes into it when it is called for the next pair."""

    kept: Rendering | None = None

    def misbehave(self, rendering: Rendering) -> None:
        if KeepsRendering.kept is not None:
            KeepsRendering.kept.stems_reference.fill_(0.1)
            KeepsRendering.kept.output_reference.fill_(0.1)
        KeepsRendering.kept = rendering


class WritesInThread(Metric):
    def misbehave(self, rendering: Rendering) -> None:
        @torch.inference_mode()
        def write() -> None:
            for _ in range(100):
                rendering.stems_reference.fill_(0.1)
                rendering.output.fill_(0.1)
                time.sleep(0.005)

        threading.Thread(target=write, daemon=True).start()


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
    """Holds the interpreter in native code, where no signal is noticed.

    The worker that it is made in is ended soon, and not after ten seconds.
    """

    def __init__(self) -> None:
        if in_worker():
            guard.GRACE = 0.5  # type: ignore[misc]

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


class Loss:
    def __call__(self, data: LossInput) -> Tensor:
        self.misbehave()
        return (data.estimate - data.reference).square().mean()

    def misbehave(self) -> None:
        raise NotImplementedError


class KillsTraining(Loss):
    def misbehave(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class SleepsInTraining(Loss):
    def misbehave(self) -> None:
        time.sleep(1e6)


class ExitsBackward:
    """When the gradient is asked for, the harness has left the loss."""

    def __call__(self, data: LossInput) -> Tensor:
        value = (data.estimate - data.reference).square().mean()
        value.register_hook(lambda gradient: sys.exit("enough"))
        return value


class ExitsAsked(Noises):
    """When it is asked for its scenes, in the process of the command."""

    def scenes(self, split: str) -> Sequence[Scene]:
        sys.exit(0)


LOSSES = {
    "writes-reference": WritesReference,
    "kills-training": KillsTraining,
    "sleeps-in-training": SleepsInTraining,
    "exits-backward": ExitsBackward,
}
SEPARATORS = {
    "writes-mixture": WritesMixture,
    "writes-by-numpy": WritesByNumpy,
    "swaps-ears": SwapsEars,
    "writes-stems": WritesStems,
    "one-buffer": OneBuffer,
    "view": View,
    "sets-defaults": SetsDefaults,
    "writes-data": WritesData,
    "writes-by-memory": WritesByMemory,
    "frees-memory": FreesMemory,
    "keeps": Keeps,
    "writes-later": WritesLater,
    "sets-the-process": SetsTheProcess,
    "forks": Forks,
    "uses-processes": UsesProcesses,
    "starts-thread": StartsThread,
}
GAINS = {
    "scales-stems": ScalesStems,
    "writes-request": WritesRequest,
    "writes-kept": WritesKept,
}
PRESCRIPTIONS = {"in-place": AmplifiesInPlace, "writes-audiogram": WritesAudiogram}
METRICS = {
    "writes-output": WritesOutput,
    "writes-everything": WritesEverything,
    "writes-listener": WritesListener,
    "writes-scene": WritesScene,
    "keeps-rendering": KeepsRendering,
    "writes-in-thread": WritesInThread,
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
        SeparatorSpec(name=name, reads_stems=cls in (WritesStems, Keeps), **made(cls))
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
    return [LossSpec(name=name, **made(cls)) for name, cls in LOSSES.items()]


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    return [DatasetSpec(name="exits-asked", **made(ExitsAsked))]


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
    if how == "sleeps":
        time.sleep(1e6)
    if how == "prints":
        print("scored")
