"""Trains the network of ``nalr-fit``: ``python -m bench.pretraining.fitting.train FOLDER``.

It learns from music that this project synthesises, and from audiograms of many shapes. An example
is an excerpt of one ear, at a level and with a tilt of its own; its loss is one minus the exact
HAAQI of the clipped output against the unclipped NAL-R output, whose gradient goes through limiter
and equaliser into the network, and a small price of the loudness that is lost. No clean signal
takes part, so nothing is learned of separators.

Examples are seeded by their numbers, and their gradients added in that order: the same settings
give the same weights on the same machine, whatever the number of workers. The folder keeps the
songs, a checkpoint, from which the same command goes on after a break, and the weights.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import click
import numpy as np
import torch
from clarity.utils.audiogram import Audiogram
from torch import Tensor

from bench.api import AUDIOGRAM_FREQUENCIES, SAMPLE_RATE
from bench.data.generate.synth.dsp import generator
from bench.hearing.calibration import level1
from bench.hearing.fitting.equaliser import band_levels, equalise, filters
from bench.hearing.fitting.network import FitNetwork
from bench.hearing.fitting.stage import NALR_ALONE, OutputStage
from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi, UnscorableReference
from bench.hearing.haaqi.parameters import AUDIOGRAM_COLUMNS
from bench.hearing.loudness import differentiable_loudness
from bench.hearing.nalr import convolve, nalr_taps
from bench.pretraining.hdemucs.songs import Pool, build_pool, pool_names
from bench.pretraining.predictors.audiograms import draw_audiogram
from bench.runtime.console import ConsoleProgress
from bench.runtime.executors import run_jobs
from bench.runtime.files import replacing

State = Mapping[str, Tensor]
R = TypeVar("R")


@dataclass(frozen=True)
class Plan:
    """Settings of the training.

    Attributes:
        songs: how many songs of 10 s the pool has; the last `held_out` are not trained on.
        held_out: songs to watch the progress with.
        watched: examples of them.
        seconds: length of an example.
        batch: examples a step.
        steps: how many.
        rate: highest learning rate; it falls to 0 as a cosine.
        spread: dB by which levels are changed at most, and half as much by tilt.
        price: of a loss of loudness, in HAAQI a LU: of two outputs that are as good, the louder.
        seed: names everything that is drawn.
    """

    songs: int
    held_out: int
    watched: int
    seconds: float
    batch: int
    steps: int
    rate: float
    spread: float
    price: float
    seed: int


@dataclass(frozen=True)
class Example:
    """One ear's excerpt.

    Attributes:
        amplified: NAL-R's output, float32 ``(N,)``.
        audiogram: dB HL, float32 ``(8,)``.
        levels: of the output in ten bands, dB, float64 ``(10,)``.
        model: HAAQI with that output as its reference.
    """

    amplified: Tensor
    audiogram: Tensor
    levels: Tensor
    model: DifferentiableHaaqi

    def score(self, stage: OutputStage, price: float = 0.0) -> Tensor:
        """HAAQI of the clipped output of a stage, less the price of its loss of loudness."""
        output = stage(self.amplified, SAMPLE_RATE).clamp(-1.0, 1.0)
        score = self.model.score(output[None])[0]
        if not price:
            return score
        plain = differentiable_loudness(self.amplified.clamp(-1.0, 1.0)[None], SAMPLE_RATE)
        lost = plain - differentiable_loudness(output[None], SAMPLE_RATE)
        return score - price * lost.clamp_min(0.0)


def draw_example(pool: Pool, rng: np.random.Generator, plan: Plan) -> Example:
    """Draw an example: music, level, tilt and audiogram."""
    while True:
        mixture, _ = pool.draw(rng, 1, round(plan.seconds * SAMPLE_RATE))
        tilt = torch.linspace(-1, 1, 10, dtype=torch.float64) * rng.uniform(-0.5, 0.5)
        gains = plan.spread * (tilt + rng.uniform(-1, 1))
        ear = mixture[0, int(rng.integers(2))]
        ear = equalise(ear, filters(gains, SAMPLE_RATE))
        levels = draw_audiogram(rng, unseen=bool(rng.random() < 0.2))
        audiogram = Audiogram(levels=levels, frequencies=np.array(AUDIOGRAM_FREQUENCIES))
        amplified = convolve(ear, torch.from_numpy(nalr_taps(audiogram, SAMPLE_RATE)).to(ear))
        rms = float(ear.double().square().mean().sqrt())
        known = torch.from_numpy(levels)
        try:
            model = DifferentiableHaaqi(
                amplified[None], known[None, AUDIOGRAM_COLUMNS], SAMPLE_RATE, level1(rms)
            )
        except UnscorableReference:
            continue
        # What nothing clips teaches nothing.
        if float(amplified.abs().max()) > 1.0:
            return Example(amplified, known.float(), band_levels(amplified, SAMPLE_RATE), model)


@lru_cache(maxsize=2)
def _pool(folder: Path, first: int, last: int) -> Pool:
    return Pool(folder / "pool", pool_names(last)[first:])


def gradient(
    folder: Path, plan: Plan, state: State, number: int
) -> tuple[float, dict[str, Tensor]]:
    """The loss of one example, and its gradient by the network's parameters."""
    torch.set_num_threads(1)
    pool = _pool(folder, 0, plan.songs - plan.held_out)
    example = draw_example(pool, generator("fit", str(plan.seed), str(number)), plan)
    network = FitNetwork()
    network.load_state_dict(dict(state))
    loss = 1 - example.score(network(example.audiogram, example.levels), plan.price)
    loss.backward()  # type: ignore[no-untyped-call]
    found = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    return float(loss.detach()), found


def watched_scores(folder: Path, plan: Plan, state: State, number: int) -> tuple[float, float]:
    """HAAQI of NAL-R alone and of the network's stage, of an example that is not trained on."""
    torch.set_num_threads(1)
    pool = _pool(folder, plan.songs - plan.held_out, plan.songs)
    example = draw_example(pool, generator("fit-watched", str(number)), plan)
    network = FitNetwork()
    network.load_state_dict(dict(state))
    with torch.no_grad():
        stages = NALR_ALONE, network(example.audiogram, example.levels)
        before, after = (float(example.score(stage)) for stage in stages)
    return before, after


class Trainer:
    """Holds what a checkpoint keeps: network, optimiser and step."""

    def __init__(self, plan: Plan, folder: Path, workers: int = 1) -> None:
        self.plan, self.folder, self.workers = plan, folder, workers
        self.path = folder / "checkpoint.pt"
        torch.manual_seed(plan.seed)
        self.network = FitNetwork()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=plan.rate)
        self.step = 0
        if self.path.exists():
            state = torch.load(self.path, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def _map(
        self, function: Callable[[Path, Plan, State, int], R], numbers: Sequence[int]
    ) -> list[R]:
        """What a function finds for each example, in the order of their numbers."""
        state = {name: value.clone() for name, value in self.network.state_dict().items()}
        found: dict[int, R] = {}
        work = partial(function, self.folder, self.plan, state)
        for number, result in run_jobs(work, numbers, self.workers):
            if isinstance(result, Exception):
                raise result
            found[number] = result
        return [found[number] for number in numbers]

    def advance(self) -> float:
        """Take one step; returns the mean loss of its batch."""
        plan = self.plan
        first = self.step * plan.batch
        found = self._map(gradient, range(first, first + plan.batch))
        self.optimizer.zero_grad()
        for name, parameter in self.network.named_parameters():
            parts = [grads[name] for _, grads in found if name in grads]
            parameter.grad = torch.stack(parts).sum(0) / plan.batch if parts else None
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        rate = plan.rate * 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / plan.steps)))
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        self.step += 1
        return float(np.mean([loss for loss, _ in found]))

    def validate(self) -> tuple[float, float]:
        """Mean HAAQI of NAL-R alone and of the network over the watched examples."""
        before, after = np.mean(self._map(watched_scores, range(self.plan.watched)), axis=0)
        return float(before), float(after)

    def save(self) -> Path:
        """Write the checkpoint and the weights, each whole or not at all."""
        from safetensors.torch import save_file

        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        with replacing(self.path) as draft:
            torch.save(state, draft)
        weights = self.folder / "nalr_fit.safetensors"
        about = {"plan": json.dumps(asdict(self.plan)), "step": str(self.step)}
        with replacing(weights) as draft:
            save_file(dict(self.network.state_dict()), draft, metadata=about)
        return weights


def train(plan: Plan, folder: Path, workers: int, minutes: float) -> Path:
    """Build the pool, train, and write ``nalr_fit.safetensors`` into `folder`."""
    build_pool(folder / "pool", pool_names(plan.songs), 10.0, workers, ConsoleProgress())
    started = time.monotonic()
    trainer = Trainer(plan, folder, workers)
    losses: list[float] = []
    while trainer.step < plan.steps and time.monotonic() - started < 60 * minutes:
        losses.append(trainer.advance())
        if trainer.step % 20 == 0:
            spent = time.monotonic() - started
            click.echo(f"{trainer.step:6d}  {np.mean(losses[-20:]):.4f}  {spent:6.0f} s")
            trainer.save()
        if trainer.step % 200 == 0:
            before, after = trainer.validate()
            click.echo(f"{trainer.step:6d}  held out: NAL-R {before:.4f}, network {after:.4f}")
    before, after = trainer.validate()
    click.echo(f"{trainer.step:6d}  held out: NAL-R {before:.4f}, network {after:.4f}")
    return trainer.save()


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--songs", default=64, show_default=True, help="Songs of 10 s in the pool.")
@click.option("--seconds", default=2.0, show_default=True, help="Length of an example.")
@click.option("--batch", default=8, show_default=True, help="Examples per step.")
@click.option("--steps", default=500, show_default=True, help="Steps of the optimiser.")
@click.option("--rate", default=3e-3, show_default=True, help="Highest learning rate.")
@click.option("--spread", default=8.0, show_default=True, help="Change of levels, dB.")
@click.option("--price", default=0.001, show_default=True, help="HAAQI per LU of loudness lost.")
@click.option("--seed", default=0, show_default=True, help="Seed of all random draws.")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    help="Processes; above 1 they are restarted for each step, which pays off for large batches.",
)
@click.option(
    "--minutes", default=600.0, show_default=True, help="Stop after this many, to resume later."
)
def main(
    folder: Path,
    songs: int,
    seconds: float,
    batch: int,
    steps: int,
    rate: float,
    spread: float,
    price: float,
    seed: int,
    workers: int,
    minutes: float,
) -> None:
    """Train the bundled network; songs, checkpoint and weights are kept in FOLDER."""
    plan = Plan(songs, 8, 24, seconds, batch, steps, rate, spread, price, seed)
    click.echo(f"Wrote {train(plan, folder, workers, minutes)}")


if __name__ == "__main__":
    main()
