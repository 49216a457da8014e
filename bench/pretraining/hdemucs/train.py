"""Trains the bundled separator: ``python -m bench.pretraining.hdemucs.train FOLDER``.

A small HDemucs learns from music that this project synthesises (see
:mod:`bench.pretraining.hdemucs.songs`) and sends through effects drawn at random; no song of the
demo is in it, and no recorded music. The folder keeps the pool and a checkpoint, from which the
same command goes on after a break. The pool is rendered by other processes while the training goes
on with what there is. The loss is the logarithm of the error in frames of a second, in dB under the
stem, since that is what SDR counts; the weights kept are a moving average.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from bench.api import SAMPLE_RATE, STEMS
from bench.data.audio import read_samples
from bench.data.generate.synth.dsp import generator
from bench.errors import BenchError
from bench.hearing.sdr import median_sdr
from bench.pretraining.hdemucs.songs import Pool, pool_names
from bench.runtime.files import replacing
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
        songs: how many songs of 10 s the pool has; the first `held_out` are not trained on.
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
        effects: 0 to 1, how often each effect is used.
        seed: names everything that is drawn.
        minutes: of training at most, infinite by default; the rate falls by whichever of steps
            and minutes is nearer its end.
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
    effects: float
    seed: int
    minutes: float = math.inf


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
    """Holds what a checkpoint keeps: network, average, optimiser, step and seconds spent."""

    def __init__(self, plan: Plan, folder: Path, device: str = "cpu") -> None:
        self.plan = plan
        self.device = torch.device(device)
        self.path = folder / "checkpoint.pt"
        torch.manual_seed(plan.seed)
        self.model = build_model(plan.config).to(self.device).train()
        self.average = build_model(plan.config).to(self.device).eval()
        self.average.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=plan.rate, betas=(0.9, 0.99), weight_decay=0.0
        )
        self.step, self.seconds = 0, 0.0
        if self.path.exists():
            state = torch.load(self.path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        with replacing(self.path) as draft:
            torch.save(state, draft)

    @property
    def done(self) -> float:
        """Share of the training that lies behind, 0 to 1."""
        spent = self.seconds / 60.0 / self.plan.minutes
        return min(1.0, max(self.step / self.plan.steps, spent))

    def advance(self, pool: Pool) -> Tensor:
        """Take one step; returns the loss in dB."""
        plan = self.plan
        rng = generator("pretrain", str(plan.seed), str(self.step))
        mixture, stems = pool.draw(
            rng, plan.batch, plan.frames, plan.coherent, plan.spread, plan.effects
        )
        mixture, _, std = _normalised(mixture)
        warm = min(1.0, (self.step + 1) / plan.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = plan.rate * warm * 0.5 * (1 + math.cos(math.pi * self.done))
        with torch.autocast(self.device.type, torch.bfloat16):
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
            kept, new = list(self.average.parameters()), list(self.model.parameters())
            torch._foreach_lerp_(kept, new, 1 - decay)
        return loss.detach()

    def separate(self, mixture: Tensor) -> Tensor:
        """Stems ``(1, 4, 2, n)`` of a mixture ``(1, 2, n)`` by the averaged weights."""
        x, mean, std = _normalised(mixture.to(self.device))
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16):
            masked = mask_mixture(self.average(x).float(), x, self.plan.config.sharpness)
        return masked * std[:, None] + mean[:, None]

    def validate(self, songs: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
        """Median SDR of each stem, dB, mean over songs, by the averaged weights."""
        scores = []
        for mixture, stems in songs:
            estimate = self.separate(mixture)[0].cpu().numpy()
            scores.append(median_sdr(stems[0].cpu().numpy(), estimate, SAMPLE_RATE))
        means = np.nanmean(scores, axis=0)
        return {"mean": float(means.mean()), **dict(zip(STEMS, map(float, means), strict=True))}


def recordings(folder: Path) -> list[tuple[Tensor, Tensor]]:
    """Samples at the microphones, a folder of five WAV files each: mixture and stems."""
    found = []
    for mixture in sorted(folder.glob("*/mixture.wav")):
        parts = [read_samples(mixture.with_name(f"{k}.wav"))[0] for k in ("mixture", *STEMS)]
        signals = [torch.from_numpy(np.asarray(x.T, dtype=np.float32)) for x in parts]
        found.append((signals[0][None], torch.stack(signals[1:])[None]))
    return found


def train(
    plan: Plan,
    folder: Path,
    workers: int = 1,
    device: str = "cpu",
    watch: Path | None = None,
) -> Path:
    """Train while the pool is rendered, and write ``hdemucs.safetensors`` into `folder`.

    Args:
        plan: what to train, and how.
        folder: of pool, checkpoint and weights.
        workers: processes that render songs.
        device: torch's name of it.
        watch: a folder of samples at the microphones (``<sample>/{mixture,vocals,...}.wav``) whose
            SDR is printed too; nothing is learnt from them.

    Returns:
        The path of the weights.
    """
    songs = folder / "pool"
    songs.mkdir(parents=True, exist_ok=True)
    render = [sys.executable, "-m", "bench.pretraining.hdemucs.songs", str(songs)]
    render += ["--songs", str(plan.songs), "--workers", str(workers)]
    renderer = subprocess.Popen(render, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        return _train(plan, folder, device, recordings(watch) if watch else [], renderer)
    finally:
        renderer.terminate()
        renderer.wait()


def _train(
    plan: Plan,
    folder: Path,
    device: str,
    watched: list[tuple[Tensor, Tensor]],
    renderer: subprocess.Popen[bytes],
) -> Path:
    names, songs = pool_names(plan.songs), folder / "pool"
    held_out, rest = names[: plan.held_out], names[plan.held_out :]
    pool = Pool(songs, rest, device)
    enough = min(len(rest), 4 * plan.batch)
    kept = Pool(songs, held_out, device)
    while len(pool) < enough or len(kept) < len(held_out):
        ended = renderer.poll() is not None  # asked before looking: it may end meanwhile
        pool.refresh()
        kept.refresh()
        if ended and (len(pool) < enough or len(kept) < len(held_out)):
            raise BenchError("the songs could not be rendered", where=str(songs))
        time.sleep(0.0 if ended else 1.0)
    trainer = Trainer(plan, folder, device)
    weights = folder / "hdemucs.safetensors"
    record: dict[str, Any] = {"plan": json.dumps(asdict(plan))}
    losses: list[Tensor] = []
    last_step = last_save = time.monotonic()
    while trainer.done < 1.0:
        losses.append(trainer.advance(pool))
        # A GPU works behind the program's back: the wall clock is what counts.
        last_step, before = time.monotonic(), last_step
        trainer.seconds += last_step - before
        if trainer.step % 50 == 0:
            pool.refresh()
            mean, losses = float(torch.stack(losses).mean()), []
            click.echo(
                f"{trainer.step:6d}  {mean:7.3f} dB  {trainer.seconds:7.0f} s  {len(pool)} songs"
            )
        if trainer.step % 400 == 0 or trainer.done == 1.0:
            for title, scenes in (("held out", kept.whole()), ("watched", iter(watched))):
                scores = trainer.validate(scenes) if title == "held out" or watched else {}
                text = "  ".join(f"{k} {v:.2f}" for k, v in scores.items())
                click.echo(f"{trainer.step:6d}  {title}: {text}")
        if time.monotonic() - last_save > 120 or trainer.done == 1.0:
            trainer.save()
            notes = {**record, "step": trainer.step, "songs": len(pool)}
            save_network(weights, trainer.average, plan.config, notes)
            last_save = time.monotonic()
    return weights


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--songs", default=960, show_default=True, help="Songs of 10 s in the pool.")
@click.option("--steps", default=8000, show_default=True, help="Steps of the optimiser.")
@click.option("--minutes", default=math.inf, show_default=True, help="Maximum time of training.")
@click.option("--batch", default=16, show_default=True, help="Examples per step.")
@click.option("--frames", default=131_072, show_default=True, help="Samples per example.")
@click.option("--rate", default=1e-3, show_default=True, help="Highest learning rate.")
@click.option("--coherent", default=0.5, show_default=True, help="Share of unmixed songs.")
@click.option("--spread", default=4.0, show_default=True, help="Change of stems' levels, dB.")
@click.option("--effects", default=1.0, show_default=True, help="Probability, 0 to 1.")
@click.option("--channels", default=16, show_default=True, help="Channels of the first layer.")
@click.option("--dconv-depth", default=1, show_default=True, help="Layers of a residual branch.")
@click.option("--seed", default=0, show_default=True, help="Seed of all random draws.")
@click.option("--threads", default=1, show_default=True, help="Threads of torch.")
@click.option("--workers", default=1, show_default=True, help="Processes that render songs.")
@click.option("--device", default="cpu", show_default=True, help="Where to train: cpu, cuda.")
@click.option(
    "--watch",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Samples at the microphones whose SDR is printed; they are not trained on.",
)
def main(
    folder: Path,
    songs: int,
    steps: int,
    minutes: float,
    batch: int,
    frames: int,
    rate: float,
    coherent: float,
    spread: float,
    effects: float,
    channels: int,
    dconv_depth: int,
    seed: int,
    threads: int,
    workers: int,
    device: str,
    watch: Path | None,
) -> None:
    """Train a separator like the bundled one; songs, checkpoint and weights are kept in FOLDER."""
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
        config=config,
        songs=songs,
        held_out=8,
        frames=frames,
        batch=batch,
        steps=steps,
        rate=rate,
        warm_up=100,
        average=0.999,
        clip=2.0,
        coherent=coherent,
        spread=spread,
        effects=effects,
        seed=seed,
        minutes=minutes,
    )
    click.echo(f"Wrote {train(plan, folder, workers, device, watch)}")


if __name__ == "__main__":
    main()
