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
from bench.runtime.progress import Step, no_step
from bench.system.output import OUTPUT_RATE, to_output

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener
    from torch import Tensor

    from bench.runs.restore import StoredRun
    from bench.system.system import System

MIXTURE: Final = "mixture"
REFERENCE: Final = "reference"
WAYS: Final = ("remix", "amplified", "simulated")
"""Before amplification; amplified for the listener; amplified and heard with the hearing loss."""

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


@dataclass(frozen=True)
class RenderedPair:
    """A (scene, listener) pair through all systems, not yet at one level.

    Attributes:
        scene: the scene.
        listener: the listener.
        start: where the excerpt begins, s.
        seconds: its length, s.
        signals: before and after amplification, by way of hearing and name.
        renderings: by run id.
        own_reference: whether each system is compared with its own remix.
    """

    scene: Scene
    listener: Listener
    start: float
    seconds: float
    signals: Mapping[str, Mapping[str, Array]]
    renderings: Mapping[str, Rendering]
    own_reference: bool = False

    def heard(self, ways: Sequence[str], step: Step = no_step) -> HeardPair:
        """The pair at one level in each way of hearing; `step` is called for each simulation."""
        return HeardPair(
            scene=self.scene,
            listener=self.listener,
            start=self.start,
            seconds=self.seconds,
            ways={way: self._levelled(way, step) for way in ways},
            gains={name: one.gains.numpy() for name, one in self.renderings.items()},
            own_reference=self.own_reference,
        )

    def _levelled(self, way: str, step: Step) -> MatchedSignals:
        if way != "simulated":
            return match_levels(self.signals[way])
        # The loss depends on the level. So signals are matched at the ear, before it, to the
        # reference at its 65 dB SPL; after it they stay as loud or soft as it leaves them.
        amplified = self.signals["amplified"]
        name, one = next(iter(_references(self.renderings).items()))
        wanted = loudness_of(amplified[name])
        rms = one.remix_reference.square().mean(dim=-1).sqrt()
        levels = (level1(float(rms[0])), level1(float(rms[1])))
        heard = {}
        for key, signal in amplified.items():
            heard[key] = with_hearing_loss(_to_loudness(signal, wanted), self.listener, levels)
            step(f"{self.scene.id}, {self.listener.id}", 1)
        return lift_together(heard, name)


def hear(
    scene: Scene,
    listeners: Sequence[Listener],
    systems: Mapping[str, tuple[StoredRun, System]],
    *,
    seconds: float,
    own_reference: bool = False,
    step: Step = no_step,
) -> Iterator[RenderedPair]:
    """Render an excerpt from the middle of a scene through systems, for one listener at a time.

    Args:
        scene: the scene.
        listeners: who hears it.
        systems: runs of one protocol with their systems, by run id.
        seconds: length of the excerpt; the whole scene where it is not longer.
        own_reference: compare each system with its own remix, amplified as the reference is and
            not clipped, in place of the clean stems' remix: what an output stage changes.
        step: called for each separation, and for each rendering of a system for a listener.
    """
    frames = min(scene.frames, round(seconds * scene.sample_rate))
    start = (scene.frames - frames) // 2
    excerpt = Excerpt.read(scene, start, frames)
    separated = {}
    for name, (run, system) in systems.items():
        separated[name] = separate(system, excerpt)
        step(f"{scene.id}, {run.label}", 1)
    for listener in listeners:
        renderings = {}
        for name, (run, system) in systems.items():
            one = render(system, excerpt, separated[name], listener, run.spec.protocol)
            renderings[name] = _beside_itself(one, system) if own_reference else one
            step(f"{scene.id}, {listener.id}", 1)
        first = next(iter(systems.values()))[1]
        yield RenderedPair(
            scene=scene,
            listener=listener,
            start=start / scene.sample_rate,
            seconds=frames / scene.sample_rate,
            signals=_signals(excerpt, renderings, first, listener),
            renderings=renderings,
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


def _to_loudness(signal: Array, wanted: float) -> Array:
    change = wanted - loudness_of(signal)
    return signal * 10 ** (change / 20) if np.isfinite(change) else signal


def _at_rate(signal: Tensor | Array, rate: int) -> Array:
    found: Array = np.asarray(signal, dtype=np.float64)
    return found if rate == RATE else soxr.resample(found.T, rate, RATE, quality="HQ").T


def _cut(signal: Array, length: int) -> Array:
    return np.pad(signal, ((0, 0), (0, max(0, length - signal.shape[1]))))[:, :length]
