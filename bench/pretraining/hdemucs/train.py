"""Trains the bundled separator: ``python -m bench.pretraining.hdemucs.train FOLDER``.

A small HDemucs learns from music that this project synthesises (see
:mod:`bench.pretraining.hdemucs.songs`); no song of the demo is in it. The folder keeps the pool and
a checkpoint, from which the same command goes on after a break. The loss is the logarithm of the
error in frames of a second, in dB under the stem, since that is what SDR counts; the weights kept
are a moving average.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from bench.api import SAMPLE_RATE, STEMS
from bench.data.generate.synth.dsp import generator
from bench.hearing.sdr import median_sdr
from bench.pretraining.hdemucs.songs import Pool, build_pool, pool_names
from bench.runtime.files import replacing
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.separation.hdemucs import Config, build_model, save_network
from bench.separation.masks import mask_mixture

SHARPNESS = 1.15
"""Of the masks in use, while training goes through masks of 1: of 1, 1.15 and 1.3 it gave the
pool's held-out songs the highest SDR, by 0.04 dB."""


@dataclass(frozen=True)
class Plan:
    """Settings of the training.

    Attributes:
        config: of the network, as keywords of torchaudio's HDemucs.
        songs: how many songs of 10 s the pool has; the last `held_out` are not trained on.
        held_out: songs to watch the progress with.
        frames: samples of an example.
        batch: examples a step.
        steps: how many.
        rate: highest learning rate, after `warm_up` steps; it falls to 0 as a cosine.
        warm_up: steps.
        average: decay of the moving average of the weights.
        clip: largest norm of a gradient.
        coherent: share of the examples whose stems are of one song.
        spread: dB by which a stem's level is changed at most.
        seed: names everything that is drawn.
    """

    config: Config
    songs: int
    held_out: int
    frames: int
    batch: int
    steps: int
    rate: float
    warm_up: int
    average: float
    clip: float
    coherent: float
    spread: float
    seed: int


def frame_error(estimate: Tensor, stems: Tensor) -> Tensor:
    """Error energy in dB against the stem's, mean over frames of a second, stems and examples.

    Both are ``(B, 4, 2, N)``. Errors 30 dB under their stem, or 23 dB under all that is heard,
    are as good as none: otherwise near-silent frames would count for most.
    """
    frames = max(1, stems.shape[-1] // SAMPLE_RATE)
    shape = (*stems.shape[:3], frames, -1)
    used = frames * (stems.shape[-1] // frames)
    error = (estimate - stems)[..., :used].reshape(shape).square().sum((2, 4))
    energy = stems[..., :used].reshape(shape).square().sum((2, 4))
    heard = energy.sum(1, keepdim=True).mean(-1, keepdim=True) + 1e-8
    least = 1e-3 * energy + 5e-3 * heard
    return 10.0 * torch.log10((error + least) / (energy + 0.1 * heard)).mean()


def _normalised(mixture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mono = mixture.mean(1, keepdim=True)
    mean, std = mono.mean(-1, keepdim=True), mono.std(-1, keepdim=True) + 1e-5
    return (mixture - mean) / std, mean, std


class Trainer:
    """Holds what a checkpoint keeps: network, average, optimiser and step."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.path = folder / "checkpoint.pt"
        torch.manual_seed(plan.seed)
        self.model = build_model(plan.config).train()
        self.average = build_model(plan.config).eval()
        self.average.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=plan.rate, betas=(0.9, 0.99), weight_decay=0.0
        )
        self.step = 0
        if self.path.exists():
            state = torch.load(self.path, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        with replacing(self.path) as draft:
            torch.save(state, draft)

    def advance(self, pool: Pool) -> float:
        """Take one step; returns the loss in dB."""
        plan = self.plan
        rng = generator("pretrain", str(plan.seed), str(self.step))
        draw = partial(pool.draw, rng, plan.frames, plan.coherent, plan.spread)
        examples = [draw() for _ in range(plan.batch)]
        mixture = torch.from_numpy(np.stack([m for m, _ in examples]))
        stems = torch.from_numpy(np.stack([s for _, s in examples]))
        mixture, _, std = _normalised(mixture)
        done = min(1.0, self.step / plan.steps)
        warm = min(1.0, (self.step + 1) / plan.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = plan.rate * warm * 0.5 * (1 + math.cos(math.pi * done))
        with torch.autocast("cpu", torch.bfloat16):
            estimate = self.model(mixture)
        shares = mask_mixture(estimate.float(), mixture)
        loss = frame_error(shares, stems / std[:, None])
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip)
        self.optimiser.step()
        self.step += 1
        decay = min(plan.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        return float(loss.detach())

    def validate(self, pool: Pool) -> dict[str, float]:
        """Median SDR of each stem, dB, mean over the pool's songs, by the averaged weights."""
        scores = []
        for mixture, stems in pool.whole():
            x, mean, std = _normalised(torch.from_numpy(mixture)[None])
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                masked = mask_mixture(self.average(x).float(), x, self.plan.config.sharpness)
            estimate = masked[0] * std + mean
            scores.append(median_sdr(stems, estimate.numpy(), SAMPLE_RATE))
        means = np.nanmean(scores, axis=0)
        return {"mean": float(means.mean()), **dict(zip(STEMS, map(float, means), strict=True))}


def train(plan: Plan, folder: Path, workers: int = 1, progress: Progress = NO_PROGRESS) -> Path:
    """Build the pool, train, and write ``hdemucs.safetensors`` into `folder`."""
    names = pool_names(plan.songs)
    build_pool(folder / "pool", names, workers=workers, progress=progress)
    cut = plan.songs - plan.held_out
    pool, watched = Pool(folder / "pool", names[:cut]), Pool(folder / "pool", names[cut:])
    trainer = Trainer(plan, folder)
    weights = folder / "hdemucs.safetensors"
    record: dict[str, Any] = {"plan": json.dumps(asdict(plan))}
    losses: list[float] = []
    started = last_save = time.monotonic()
    while trainer.step < plan.steps:
        losses.append(trainer.advance(pool))
        if trainer.step % 50 == 0:
            spent = time.monotonic() - started
            click.echo(f"{trainer.step:6d}  {np.mean(losses[-50:]):7.3f} dB  {spent:7.0f} s")
        if trainer.step % 400 == 0 or trainer.step == plan.steps:
            scores = trainer.validate(watched)
            text = "  ".join(f"{k} {v:.2f}" for k, v in scores.items())
            click.echo(f"{trainer.step:6d}  held out: {text}")
        if time.monotonic() - last_save > 120 or trainer.step == plan.steps:
            trainer.save()
            save_network(weights, trainer.average, plan.config, {**record, "step": trainer.step})
            last_save = time.monotonic()
    return weights


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--songs", default=320, show_default=True, help="Songs of 10 s in the pool.")
@click.option("--steps", default=4000, show_default=True, help="Steps of the optimiser.")
@click.option("--batch", default=2, show_default=True, help="Examples a step.")
@click.option("--frames", default=131_072, show_default=True, help="Samples of an example.")
@click.option("--rate", default=1e-3, show_default=True, help="Highest learning rate.")
@click.option("--coherent", default=0.5, show_default=True, help="Share of unmixed songs.")
@click.option("--spread", default=4.0, show_default=True, help="Change of stems' levels, dB.")
@click.option("--channels", default=16, show_default=True, help="Channels of the first layer.")
@click.option("--dconv-depth", default=1, show_default=True, help="Layers of a residual branch.")
@click.option("--seed", default=0, show_default=True, help="Names all that is drawn.")
@click.option("--threads", default=1, show_default=True, help="Threads of torch.")
def main(
    folder: Path,
    songs: int,
    steps: int,
    batch: int,
    frames: int,
    rate: float,
    coherent: float,
    spread: float,
    channels: int,
    dconv_depth: int,
    seed: int,
    threads: int,
) -> None:
    """Train a separator like the bundled one; songs, checkpoint and weights are kept in FOLDER."""
    from bench.runtime.console import ConsoleProgress

    torch.set_num_threads(threads)
    config = Config(
        STEMS,
        channels,
        depth=5,
        nfft=2048,
        norm_starts=1,
        dconv_depth=dconv_depth,
        dconv_init=0.1,
        masked=True,
        sharpness=SHARPNESS,
        segment=round(frames / SAMPLE_RATE / 1.1, 1),
    )
    plan = Plan(
        config, songs, 8, frames, batch, steps, rate, 100, 0.999, 2.0, coherent, spread, seed
    )
    click.echo(f"Wrote {train(plan, folder, threads, ConsoleProgress())}")


if __name__ == "__main__":
    main()
