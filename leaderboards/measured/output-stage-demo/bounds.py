"""What a better output stage and better stems would bring: ``python bounds.py SONGS``.

The system is ``hdemucs + fixed``, the pairs are the board's 12:

- output stage: NAL-R's output, not clipped at all;
- stems: with ``nalr-fit``, each estimate moved towards its clean stem until its error is so many
  dB smaller, as no system can.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import click
import torch

from bench.builtin.metrics import HaaqiOptions
from bench.builtin.metrics.haaqi import Haaqi
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.evaluation.protocol import Excerpt, render, separate
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.system import System, build_system

SUITE = Path(__file__).parent / "suite.toml"
PROTOCOL = "challenge"
CLOSER = (0.0, 1.0, 2.0, 3.0, 6.0, 12.0)
"""dB by which the error of each stem is made smaller."""


def system_with(prescription: str) -> System:
    """``hdemucs + fixed`` with a prescription."""
    plugins, suite = installed(), load_suite(str(SUITE))
    spec = make_run_spec(
        plugins, suite, separator="hdemucs", gains="fixed", prescription=prescription
    )
    system = build_system(spec, plugins)
    system.train(False)
    return system


@click.command(help=__doc__)
@click.argument("songs", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(songs: Path) -> None:
    """Print both bounds as Markdown."""
    torch.set_num_threads(1)
    plain, fitted = system_with("nalr"), system_with("nalr-fit")
    data = CadenzaDataset(CadenzaOptions(root=str(songs)))
    listeners = data.listeners("valid")
    first = {scene.song: scene for scene in reversed(data.scenes("valid"))}
    closer: dict[float, list[float]] = {dB: [] for dB in CLOSER}
    unclipped = []
    for song in sorted(first):
        scene = first[song]
        listener = listeners[scene.listeners[0]]
        excerpt = Excerpt.read(scene)
        stems = separate(fitted, excerpt)
        rendered = render(plain, excerpt, stems, listener, PROTOCOL)
        unclipped.append(Haaqi(HaaqiOptions(unclipped=True)).score(rendered)["unclipped"])
        for dB, scores in closer.items():
            moved = excerpt.stems + 10.0 ** (-dB / 20.0) * (stems - excerpt.stems)
            rendered = render(fitted, excerpt, moved, listener, PROTOCOL)
            scores.append(Haaqi().score(rendered)["mean"])
        click.echo(f"{scene.id} {scene.listeners[0]}", err=True)
    click.echo("| error of the stems, dB less | HAAQI |\n| ---: | ---: |")
    for dB, scores in closer.items():
        click.echo(f"| {dB:g} | {fmean(scores):.3f} |")
    click.echo(f"\nNAL-R, not clipped: {fmean(unclipped):.3f}")


if __name__ == "__main__":
    main()
