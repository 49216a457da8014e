"""Random training segments: seeded by name, near-silent ones skipped."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from bench.api import Scene
from bench.errors import BenchError
from bench.runtime.seeds import derive

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

log = logging.getLogger(__name__)

SILENCE_RMS = 0.01
SILENCE_PEAK = 0.01
"""A segment is near-silent if its RMS and the 95th percentile of its |x| are both below these
(full scale 1.0; the seed paper's values)."""
TRIES = 50


Item = tuple[Scene, int, int, "Listener"]
"""A segment: its scene, first sample and number of samples, and who hears it."""


@dataclass(frozen=True)
class Batch:
    """Segments of one step.

    Attributes:
        mixture: ``(B, 2, N)``.
        stems: clean stems ``(B, 4, 2, N)``.
        requested: the scenes' gains, dB, ``(B, 4)``.
        listeners: one an item.
        names: which segments these are, for messages.
    """

    mixture: Tensor
    stems: Tensor
    requested: Tensor
    listeners: tuple[Listener, ...]
    names: tuple[str, ...]


def near_silent(mixture: Tensor) -> bool:
    """Whether a segment ``(2, N)`` has too little in it to learn from."""
    loud = mixture.abs().flatten()
    rms = float(loud.square().mean().sqrt())
    # kthvalue, since torch.quantile refuses more than 16 million samples.
    percentile = float(loud.kthvalue(max(1, int(0.95 * loud.numel()))).values)
    return rms < SILENCE_RMS and percentile < SILENCE_PEAK


def hold_out(scenes: Sequence[Scene], songs: int, seed: int) -> tuple[list[Scene], list[Scene]]:
    """Split scenes by song into those to train on and those to validate on.

    At most a third of the songs is held out, so that a small set leaves something to learn from.
    """
    names = sorted({scene.song for scene in scenes})
    count = min(songs, len(names) // 3)
    if songs and not count:
        log.warning(
            "none of %d songs can be held out for validation, which needs at least three: no true "
            "score is computed, the last epoch is kept, and neither patience nor the guard stops "
            "training early. To validate on another split: -o training.validation_split=NAME",
            len(names),
        )
    elif count < songs:
        log.warning(
            "%d of %d songs are held out, not %d, as at least two thirds are for training: "
            "the true scores of an epoch rest on few songs",
            *(count, len(names), songs),
        )
    chosen = np.random.default_rng(derive(seed, "hold-out")).permutation(len(names))[:count]
    held = {names[i] for i in chosen}
    return [s for s in scenes if s.song not in held], [s for s in scenes if s.song in held]


def draw_epoch(
    scenes: Sequence[Scene],
    listeners: Mapping[str, Listener],
    *,
    segments: int,
    batch: int,
    seconds: float,
    seed: int,
    epoch: int,
) -> Iterator[list[Item]]:
    """The segments of an epoch, batch by batch, drawn as they are asked for.

    Songs shorter than a segment are taken whole; all items of a batch are as long as its shortest.

    Raises:
        BenchError: nothing but silence was found.
    """
    rng = np.random.default_rng(derive(seed, "segments", epoch))
    drawn: list[Item] = []
    for number in range(1, segments + 1):
        for _ in range(TRIES):
            scene = scenes[int(rng.integers(len(scenes)))]
            frames = min(round(seconds * scene.sample_rate), scene.frames)
            start = int(rng.integers(scene.frames - frames + 1))
            listener = listeners[scene.listeners[int(rng.integers(len(scene.listeners)))]]
            if not near_silent(scene.mixture(start, frames)):
                drawn.append((scene, start, frames, listener))
                break
        else:
            hint = "Check its level: bench data info"
            raise BenchError(f"{TRIES} segments in a row were near-silent", hint=hint)
        if len(drawn) == batch or number == segments:
            yield drawn
            drawn = []


def read_ahead(drawn: Iterable[Sequence[Item]]) -> Iterator[Batch]:
    """The batches of an epoch; each is drawn and read while the one before it is in use."""
    batches = map(read_batch, drawn)
    with ThreadPoolExecutor(1, thread_name_prefix="bench-reader") as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def read_batch(items: Sequence[Item]) -> Batch:
    """Read the audio of one step."""
    frames = min(item[2] for item in items)
    return Batch(
        mixture=torch.stack([scene.mixture(start, frames) for scene, start, _, _ in items]),
        stems=torch.stack([scene.stems(start, frames) for scene, start, _, _ in items]),
        requested=torch.tensor([scene.gains for scene, _, _, _ in items]),
        listeners=tuple(listener for _, _, _, listener in items),
        names=tuple(
            f"{scene.id} ({scene.song}) from {start / scene.sample_rate:.2f} s"
            for scene, start, _, _ in items
        ),
    )
