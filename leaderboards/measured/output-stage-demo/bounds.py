"""What better output stages, stems and gains would bring: ``python bounds.py SONGS``.

The system is ``hdemucs + fixed`` with ``nalr-fit``, the pairs are the board's 12. Two of the bounds
use the clean stems, as no system may:

- output stage: NAL-R's output, not clipped at all;
- stems: each estimate is moved towards its clean stem until its error is so many dB smaller;
- gains: the requested gains of each ear are changed by 20 steps of Adam along the gradient of exact
  HAAQI against the reference; the best gains of all steps are kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import click
import torch
from clarity.utils.audiogram import Listener
from torch import Tensor

from bench.api import STEMS, GainQuery
from bench.builtin.losses.haaqi import HaaqiLoss
from bench.builtin.metrics import HaaqiOptions
from bench.builtin.metrics.haaqi import Haaqi
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.evaluation.protocol import Excerpt, render, separate
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.system import System, build_system
from bench.training.objective import loss_inputs
from bench.training.segments import Batch

SUITE = Path(__file__).parent / "suite.toml"
CLOSER = (0.0, 1.0, 2.0, 3.0, 6.0, 12.0)
"""dB by which the error of each stem is made smaller."""
STEPS, RATE = 20, 0.5
"""Of the search for gains; dB."""


@dataclass(frozen=True)
class Given:
    """A separator whose stems are known, ``(4, 2, N)``."""

    stems: Tensor

    def separate(self, mixture: Tensor) -> Tensor:
        """``(1, 4, 2, N)``."""
        return self.stems[None]


@dataclass(frozen=True)
class Changed:
    """A gain strategy: the requested gains, changed by dB ``(2, 4)``."""

    change: Tensor

    def gains(self, query: GainQuery) -> Tensor:
        """dB, ``(1, 2, 4)``."""
        return query.requested[:, None] + self.change.to(query.requested)


def score(system: System, excerpt: Excerpt, stems: Tensor, listener: Listener) -> float:
    """HAAQI of stems ``(4, 2, N)`` through the rest of the system."""
    return Haaqi().score(render(system, excerpt, stems, listener, "challenge"))["mean"]


def best_gains(system: System, excerpt: Excerpt, stems: Tensor, listener: Listener) -> Tensor:
    """The change of the requested gains, dB ``(2, 4)``, that scores best."""
    change = torch.zeros(2, len(STEMS), requires_grad=True)
    system = replace(system, separator=Given(stems), gain_strategy=Changed(change))
    requested = torch.tensor([excerpt.scene.gains])
    signals = excerpt.mixture[None].clone(), excerpt.stems[None].clone()
    batch = Batch(*signals, requested, (listener,), (excerpt.scene.id,))
    optimizer, loss = torch.optim.Adam([change], lr=RATE), HaaqiLoss()
    best, kept = math.inf, change.detach().clone()
    for _ in range(STEPS):
        optimizer.zero_grad()
        value = loss(loss_inputs(system, batch, "challenge", ["output"])["output"])
        if float(value) < best:
            best, kept = float(value), change.detach().clone()
        value.backward()
        optimizer.step()
    return kept


@click.command(help=__doc__)
@click.argument("songs", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--gains/--no-gains", default=True, help="Also search the gains (some minutes).")
def main(songs: Path, gains: bool) -> None:
    """Print both bounds as Markdown."""
    torch.set_num_threads(1)
    plugins, suite = installed(), load_suite(str(SUITE))
    choices = {"separator": "hdemucs", "gains": "fixed", "prescription": "nalr-fit"}
    system = build_system(make_run_spec(plugins, suite, **choices), plugins)
    system.train(False)
    data = CadenzaDataset(CadenzaOptions(root=str(songs)))
    listeners = data.listeners("valid")
    plain = build_system(
        make_run_spec(plugins, suite, **{**choices, "prescription": "nalr"}), plugins
    )
    by_song = {scene.song: scene for scene in reversed(data.scenes("valid"))}
    closer: dict[float, list[float]] = {dB: [] for dB in CLOSER}
    unclipped, searched = [], []
    for song in sorted(by_song):
        scene = by_song[song]
        listener = listeners[scene.listeners[0]]
        excerpt = Excerpt.read(scene)
        stems = separate(system, excerpt)
        whole = render(plain, excerpt, stems, listener, "challenge")
        unclipped.append(Haaqi(HaaqiOptions(unclipped=True)).score(whole)["unclipped"])
        for dB, scores in closer.items():
            left = 10.0 ** (-dB / 20.0)
            moved = excerpt.stems + left * (stems - excerpt.stems)
            scores.append(score(system, excerpt, moved, listener))
        if gains:
            change = best_gains(system, excerpt, stems.clone(), listener)
            own = replace(system, gain_strategy=Changed(change))
            searched.append(score(own, excerpt, stems, listener))
        click.echo(f"{scene.id} {scene.listeners[0]}", err=True)
    click.echo("| error of the stems, dB less | HAAQI |\n| ---: | ---: |")
    for dB, scores in closer.items():
        click.echo(f"| {dB:g} | {fmean(scores):.3f} |")
    click.echo(f"\nNAL-R, not clipped: {fmean(unclipped):.3f}")
    if gains:
        click.echo(f"Gains that are best by the reference: {fmean(searched):.3f}")


if __name__ == "__main__":
    main()
