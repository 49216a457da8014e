"""Render a (scene, listener) pair to be heard: mixture, reference and every output.

Everything comes from the code that scores: `bench.evaluation.protocol` and the runs' own systems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import soxr
import torch

from bench.api import Rendering, Scene
from bench.evaluation.protocol import Excerpt, render, separate
from bench.hearing.calibration import level1
from bench.listening.audio import RATE, MatchedSignals, lift_together, loudness_of, match_levels
from bench.listening.simulation import with_hearing_loss
from bench.system.output import OUTPUT_RATE, to_output

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener
    from torch import Tensor

    from bench.runs.restore import StoredRun
    from bench.system.system import System

MIXTURE: Final = "mixture"
REFERENCE: Final = "reference"
WAYS: Final = ("remix", "amplified", "simulated")
"""Before amplification; amplified for the listener; that, as the listener's loss leaves it."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeardPair:
    """A (scene, listener) pair to be heard.

    Attributes:
        scene: the scene.
        listener: the listener.
        start: where the excerpt begins, s.
        seconds: its length, s.
        ways: by way of hearing: signals ``(2, N)`` at 44.1 kHz by name, at one level. Names are
            MIXTURE, REFERENCE and run ids; where the system's own gains scale the reference, each
            run has one of its own, REFERENCE/run id.
        gains: what each run applied, dB, ``(4,)`` or ``(2, 4)``.
        own_reference: whether the reference is the systems' own remix, amplified without clipping.
    """

    scene: Scene
    listener: Listener
    start: float
    seconds: float
    ways: Mapping[str, MatchedSignals]
    gains: Mapping[str, Array]
    own_reference: bool = False


def hear(
    scene: Scene,
    listeners: Sequence[Listener],
    systems: Mapping[str, tuple[StoredRun, System]],
    *,
    seconds: float,
    ways: Sequence[str],
    own_reference: bool = False,
) -> Iterator[HeardPair]:
    """Render an excerpt from the middle of a scene through systems, for one listener at a time.

    Args:
        scene: the scene.
        listeners: who hears it.
        systems: runs of one protocol with their systems, by run id.
        seconds: length of the excerpt; the whole scene where it is not longer.
        ways: of WAYS.
        own_reference: compare each system with its own remix, amplified as the reference is and
            not clipped, in place of the clean stems' remix: what an output stage changes.
    """
    frames = min(scene.frames, round(seconds * scene.sample_rate))
    start = (scene.frames - frames) // 2
    excerpt = Excerpt.read(scene, start, frames)
    separated = {name: separate(system, excerpt) for name, (_, system) in systems.items()}
    for listener in listeners:
        renderings = {
            name: render(system, excerpt, separated[name], listener, run.spec.protocol)
            for name, (run, system) in systems.items()
        }
        if own_reference:
            renderings = {
                name: _beside_itself(one, systems[name][1]) for name, one in renderings.items()
            }
        first = next(iter(systems.values()))[1]
        signals = _signals(excerpt, renderings, first, listener)
        yield HeardPair(
            scene=scene,
            listener=listener,
            start=start / scene.sample_rate,
            seconds=frames / scene.sample_rate,
            ways={way: _levelled(way, signals, renderings, listener) for way in ways},
            gains={name: r.gains.numpy() for name, r in renderings.items()},
            own_reference=own_reference,
        )


def _beside_itself(rendering: Rendering, system: System) -> Rendering:
    """A rendering whose reference is its own remix, amplified as references are."""
    with torch.inference_mode():
        output = system.amplify_reference(rendering.remix[None], [rendering.listener])[0]
    return replace(rendering, remix_reference=rendering.remix, output_reference=output)


def _signals(
    excerpt: Excerpt, renderings: Mapping[str, Rendering], system: System, listener: Listener
) -> dict[str, dict[str, Array]]:
    """Signals before and after amplification, each ``(2, N)`` at RATE, not yet at one level."""
    frames, rate = excerpt.mixture.shape[-1], excerpt.scene.sample_rate
    mixture = excerpt.mixture.double()
    with torch.inference_mode():
        amplified = to_output(system.amplify(mixture[None], [listener])[0], rate)
    before = {MIXTURE: mixture}
    after = {MIXTURE: _at_rate(amplified, OUTPUT_RATE)}
    for name, one in _references(renderings).items():
        before[name], after[name] = one.remix_reference, _at_rate(one.output_reference, rate)
    for name, rendering in renderings.items():
        before[name] = rendering.remix
        after[name] = _at_rate(rendering.output, rendering.output_rate)
    length = round(frames * RATE / rate)
    return {
        "remix": {name: _cut(_at_rate(signal, rate), length) for name, signal in before.items()},
        "amplified": {name: _cut(signal, length) for name, signal in after.items()},
    }


def _references(renderings: Mapping[str, Rendering]) -> dict[str, Rendering]:
    """The renderings whose references are to be heard, by name: one where all have the same."""
    first, *others = renderings.values()
    if all(torch.equal(first.remix_reference, one.remix_reference) for one in others):
        return {REFERENCE: first}
    return {f"{REFERENCE}/{name}": rendering for name, rendering in renderings.items()}


def _levelled(
    way: str,
    signals: Mapping[str, Mapping[str, Array]],
    renderings: Mapping[str, Rendering],
    listener: Listener,
) -> MatchedSignals:
    if way != "simulated":
        return match_levels(signals[way])
    # The loss depends on the level. So signals are matched at the ear, before it, to the reference
    # at its 65 dB SPL; after it they stay as loud or soft as it leaves them.
    amplified = signals["amplified"]
    name, one = next(iter(_references(renderings).items()))
    wanted = loudness_of(amplified[name])
    rms = one.remix_reference.square().mean(dim=-1).sqrt()
    levels = (level1(float(rms[0])), level1(float(rms[1])))
    at_ear = {key: _to_loudness(signal, wanted) for key, signal in amplified.items()}
    heard = {key: with_hearing_loss(own, listener, levels) for key, own in at_ear.items()}
    return lift_together(heard, name)


def _to_loudness(signal: Array, wanted: float) -> Array:
    change = wanted - loudness_of(signal)
    return signal * 10 ** (change / 20) if np.isfinite(change) else signal


def _at_rate(signal: Tensor | Array, rate: int) -> Array:
    found: Array = np.asarray(signal, dtype=np.float64)
    return found if rate == RATE else soxr.resample(found.T, rate, RATE, quality="HQ").T


def _cut(signal: Array, length: int) -> Array:
    return np.pad(signal, ((0, 0), (0, max(0, length - signal.shape[1]))))[:, :length]
