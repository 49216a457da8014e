"""Synthesised music at the microphones, from which the bundled separator is trained.

A pool is a folder with a 16-bit array ``(4, 2, n)`` a song, its stems filtered through a head of
its own, and what is needed to mix them as :mod:`bench.data.generate.at_mic` would: each file of a
sample is brought back to the loudness that it had before the head, so stems do not quite sum to a
mixture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.api import STEMS
from bench.pretraining.hdemucs.effects import SPEED, vary
from bench.runtime.executors import run_jobs, with_workers
from bench.runtime.files import replacing, write_json
from bench.runtime.progress import NO_PROGRESS, Progress

DEMO_SHARE = 0.3
"""Of the songs that are played by the demo's own synthesiser; the rest have random timbres."""


@dataclass(frozen=True)
class PoolSong:
    """A song of the pool.

    Attributes:
        name: of the song, which seeds it.
        gains: by how much (linear) each stem was raised after the head, ``(4,)``.
    """

    name: str
    gains: list[float]


def _render(folder: Path, seconds: float, name: str) -> None:
    """Write one song, unless it is there."""
    from bench.data.generate.at_mic import apply_hrtf, to_int16
    from bench.data.generate.hrtf import spherical_head
    from bench.data.generate.synth.dsp import generator
    from bench.data.generate.synth.song import loudness, make_song
    from bench.pretraining.hdemucs.instruments import make_varied_song

    record = folder / f"{name}.json"
    if record.exists():
        return
    rng = generator(name, "head")
    radius = rng.uniform(0.075, 0.1)
    left = spherical_head(-rng.uniform(15.0, 50.0), radius)
    right = spherical_head(rng.uniform(15.0, 50.0), radius)
    if generator(name, "instruments").random() < DEMO_SHARE:
        song = {k: x.T / 32768.0 for k, x in make_song(name, seconds).items()}
    else:
        song = make_varied_song(name, seconds)
    stems, gains = [], []
    for stem in STEMS:
        dry = song[stem].T
        wet = apply_hrtf(dry, left, right)
        level = loudness(dry.T)
        gain = 10.0 ** ((level - loudness(wet.T)) / 20.0) if np.isfinite(level) else 1.0
        stems.append(to_int16(gain * wet).T)
        gains.append(float(gain))
    with replacing(folder / f"{name}.npy") as draft, draft.open("wb") as file:
        np.save(file, np.stack(stems))
    write_json(record, asdict(PoolSong(name, gains)))


def build_pool(
    folder: Path,
    names: list[str],
    seconds: float = 10.0,
    workers: int = 1,
    progress: Progress = NO_PROGRESS,
) -> None:
    """Write the songs `names` into `folder`; those already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    with progress.stage("songs", len(names)) as step:
        for name, result in run_jobs(partial(_render, folder, seconds), names, workers):
            if isinstance(result, Exception):
                raise result
            step(with_workers(name), 1)


class Pool:
    """Draws training examples from a folder written by :func:`build_pool`, on one device.

    Args:
        folder: of the songs.
        names: of those to draw from; one that is not written yet joins by :meth:`refresh`.
        device: where the songs lie and are mixed.
    """

    def __init__(self, folder: Path, names: list[str], device: torch.device | str = "cpu") -> None:
        self._folder, self._missing, self._device = folder, list(names), device
        self._songs: list[PoolSong] = []
        self._audio: list[Tensor] = []
        self.refresh()

    def __len__(self) -> int:
        return len(self._songs)

    def refresh(self) -> None:
        """Take in the songs that have been written meanwhile."""
        still = []
        for name in self._missing:
            record = self._folder / f"{name}.json"
            if not record.exists():
                still.append(name)
                continue
            self._songs.append(PoolSong(**json.loads(record.read_text())))
            audio = np.load(self._folder / f"{name}.npy")
            self._audio.append(torch.from_numpy(audio).to(self._device))
        self._missing = still

    def draw(
        self,
        rng: np.random.Generator,
        batch: int,
        frames: int,
        coherent: float = 0.5,
        spread: float = 4.0,
        effects: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """Mixtures ``(batch, 2, frames)`` and their stems ``(batch, 4, 2, frames)``.

        Levels, sides and polarity are drawn anew, and a stem is silent now and then.

        Args:
            rng: what draws.
            batch: examples.
            frames: length.
            coherent: share of the examples that are a passage of one song; in the others each
                stem is of another song, and now and then the sum of two.
            spread: dB by which a stem's level is changed at most.
            effects: 0 to 1, the strength of :func:`bench.pretraining.hdemucs.effects.vary`.
        """
        length = int(SPEED * frames) + 2 if effects else frames
        pieces, gains = [], np.ones((batch, len(STEMS)))
        for example in range(batch):
            together = rng.random() < coherent
            place = self._place(rng, length)
            for k in range(len(STEMS)):
                song, start = place if together else self._place(rng, length)
                piece = self._audio[song][k, :, start : start + length].float() / 32768.0
                gains[example, k] = self._songs[song].gains[k]
                if not together and effects and rng.random() < 0.2:
                    other, start = self._place(rng, length)
                    second = self._audio[other][k, :, start : start + length].float() / 32768.0
                    piece = piece + rng.uniform(0.3, 1.0) * second.flip(0)
                pieces.append(piece)
        stems = torch.stack(pieces).reshape(batch, len(STEMS), 2, length)
        if effects:
            stems = vary(stems, rng, frames, effects)
        level = rng.uniform(-spread, spread, gains.shape)
        heard = rng.random(gains.shape) >= 0.05
        scale = 10.0 ** (level / 20.0) * rng.choice([-1.0, 1.0], gains.shape) * heard
        stems = stems * self._column(scale)
        swapped = self._column((rng.random((batch, 1)) < 0.5) * np.ones_like(gains)) > 0
        stems = torch.where(swapped, stems.flip(2), stems)
        return self._mix(stems, self._column(gains)), stems

    def whole(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every song as it was mixed: mixture ``(1, 2, n)`` and stems ``(1, 4, 2, n)``."""
        for song, audio in zip(self._songs, self._audio, strict=True):
            stems = audio[None].float() / 32768.0
            yield self._mix(stems, self._column(np.array([song.gains]))), stems

    def _place(self, rng: np.random.Generator, length: int) -> tuple[int, int]:
        song = int(rng.integers(len(self._songs)))
        return song, int(rng.integers(self._audio[song].shape[-1] - length + 1))

    def _column(self, values: NDArray[np.float64]) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self._device)[..., None, None]

    @staticmethod
    def _mix(stems: Tensor, gains: Tensor) -> Tensor:
        """The mixture at the microphones of stems that were brought to their own loudness.

        It is one file: the stems as the head left them, all raised by one gain, which follows
        from the power of the sum before and after the head (powers add).
        """
        powers = stems.square().mean((-2, -1), keepdim=True)
        common = (powers.sum(1) / (powers / gains**2).sum(1).clamp_min(1e-12)).sqrt()[:, None]
        mixture: Tensor = (common / gains * stems).sum(1)
        return mixture


def pool_names(songs: int) -> list[str]:
    """Names of the songs of a pool; none of them is a song of the demo."""
    return [f"pretrain-{k:05d}" for k in range(songs)]


@click.command(help="Render the songs of the pool into FOLDER.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--songs", default=960, show_default=True, help="How many, of 10 s.")
@click.option("--workers", default=1, show_default=True, help="Processes.")
def main(folder: Path, songs: int, workers: int) -> None:
    """Render the pool; what is there is kept."""
    build_pool(folder, pool_names(songs), workers=workers)


if __name__ == "__main__":
    main()
