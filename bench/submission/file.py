"""Score one file against its reference, by the official path: ``bench score FILE``."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import soxr
import torch
from torch import Tensor

from bench.api import (
    SAMPLE_RATE,
    STEMS,
    MetricSpec,
    Prescription,
    PrescriptionSpec,
    Rendering,
    Scene,
)
from bench.data.audio import AudioFile, scale_note
from bench.errors import BenchError
from bench.evaluation.scoring import Row, Scorer, Stopwatch, score_output
from bench.plugins.guard import guarded
from bench.spec.run import Choice
from bench.system.output import OUTPUT_RATE, to_output

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

    from bench.plugins import Plugins

_SHORTEST: Final = 0.4
"""Seconds; a loudness needs that much."""


@dataclass
class PairScores:
    """The scores of a file.

    Attributes:
        rows: as in the scores table of a board, of the processed file.
        unprocessed: the same of the mixture, only amplified; empty where no mixture was given.
        notes: what was done to the files before, in words.
        units: of the values, by metric.
    """

    rows: list[Row]
    unprocessed: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether all metrics have a value."""
        return all(row["status"] != "failed" for row in (*self.rows, *self.unprocessed))


@dataclass(frozen=True)
class _Audio:
    """Samples ``(2, N)``, float64, and Hz."""

    samples: Tensor
    rate: int

    @property
    def seconds(self) -> float:
        return self.samples.shape[-1] / self.rate


def score_pair(
    processed: Path,
    reference: Path,
    listener: Listener,
    plugins: Plugins,
    *,
    mixture: Path | None = None,
    prescription: str,
    metrics: Sequence[str],
) -> PairScores:
    """Score one amplified file against a remix that is not amplified yet.

    The reference is amplified for the listener by the prescription, and an RMS of 1.0 stands for
    65 dB SPL less the reference's level before that, as in ``bench run`` and the challenge.

    Args:
        processed: the output of a system: amplified, at its own sample rate.
        reference: the remix that it should be, before amplification.
        listener: pyclarity's Listener.
        plugins: the installed plugins.
        mixture: the unprocessed mixture, to be amplified and scored beside.
        prescription: name of the prescription plugin.
        metrics: names of metric plugins; those that read stems are left out.

    Raises:
        BenchError: a file cannot be used, the lengths differ, or every metric judges stems.
    """
    notes: list[str] = []
    named = [plugins.get(MetricSpec, name) for name in metrics]
    kept = {item.spec.name: item for item in named if not item.spec.reads_stems}
    if not kept:
        raise BenchError(
            f"{', '.join(metrics)}: it judges stems, which a single file does not have"
        )
    choices = [Choice(item.full_name, item.options({})) for item in kept.values()]
    units = {name: item.spec.unit for name, item in kept.items()}
    clean = _at_scene_rate(_read(reference, "reference", notes), "reference", notes)
    made = _read(processed, "processed file", notes)
    registered = plugins.get(PrescriptionSpec, prescription)
    amplifier: Prescription = registered.build(registered.options({}))
    amplified = _amplified(amplifier, clean, listener, registered.title)
    rendering = _rendering(clean, listener, amplified, reference)
    tail = rendering.output_reference.shape[-1] / clean.rate - clean.seconds
    _check_length(made, clean, tail, processed, reference)
    scorer = Scorer(choices, plugins)

    with torch.inference_mode():
        rows = score_output(scorer, rendering, made.samples, made.rate, Stopwatch())
        result = PairScores(rows, notes=notes, units=units)
        if mixture is not None:
            plain = _at_scene_rate(_read(mixture, "mixture", notes), "mixture", notes)
            _check_length(plain, clean, 0.0, mixture, reference)
            amplified = _amplified(amplifier, plain, listener, registered.title)
            output = to_output(amplified, plain.rate)
            result.unprocessed = score_output(scorer, rendering, output, OUTPUT_RATE, Stopwatch())
    return result


def _read(path: Path, role: str, notes: list[str]) -> _Audio:
    with AudioFile(path) as file:
        samples, rate = file.read(), file.header.sample_rate
        if file.header.scale != 1.0:
            notes.append(scale_note(path, file.header))
    if samples.shape[1] > 2:
        what = f"the {role} has {samples.shape[1]} channels, expected 1 or 2"
        raise BenchError(what, where=str(path))
    if len(samples) < _SHORTEST * rate:
        raise BenchError(f"the {role} is shorter than {_SHORTEST} s", where=str(path))
    if samples.shape[1] == 1:
        notes.append(f"the {role} is mono: both ears get the same signal")
        samples = np.repeat(samples, 2, axis=1)
    return _Audio(torch.from_numpy(np.ascontiguousarray(samples.T)), rate)


def _at_scene_rate(audio: _Audio, role: str, notes: list[str]) -> _Audio:
    """Resample to 44.1 kHz, where the prescription's filters are the official ones."""
    if audio.rate == SAMPLE_RATE:
        return audio
    notes.append(f"the {role} is resampled from {audio.rate} Hz to {SAMPLE_RATE} Hz (soxr HQ)")
    resampled = soxr.resample(audio.samples.T.numpy(), audio.rate, SAMPLE_RATE, quality="HQ")
    return _Audio(torch.from_numpy(np.ascontiguousarray(resampled.T)), SAMPLE_RATE)


def _check_length(made: _Audio, clean: _Audio, tail: float, path: Path, reference: Path) -> None:
    """Check the length: the reference's, with or without the tail of amplification, within 1 ms."""
    if abs(made.seconds - clean.seconds) > tail + 1e-3:
        lengths = f"it lasts {made.seconds:.3f} s, {reference.name} {clean.seconds:.3f} s"
        hint = "Both must cover the same time: trim them alike, and check the sample rates."
        raise BenchError(lengths, where=str(path), hint=hint)


def _amplified(by: Prescription, audio: _Audio, listener: Listener, title: str) -> Tensor:
    """The signal, ``(2, N)``, amplified: ``(2, N + tail)``."""
    own = [copy.deepcopy(listener)]
    with torch.inference_mode(), guarded(title, signal=audio.samples):
        return by.amplify(audio.samples[None], own, audio.rate)[0]


def _rendering(clean: _Audio, listener: Listener, amplified: Tensor, reference: Path) -> Rendering:
    """The reference alone; its own output is to be replaced."""
    unknown = torch.full((len(STEMS), 2, 1), torch.nan)
    return Rendering(
        scene=Scene(
            id=reference.stem,
            song=reference.stem,
            head_position="",
            gains=(0.0, 0.0, 0.0, 0.0),
            listeners=(listener.id,),
            audio=_NoAudio(clean.rate, clean.samples.shape[-1]),
        ),
        listener=listener,
        stems=unknown,
        stems_reference=unknown,
        remix=unknown[0].double(),
        remix_reference=clean.samples,
        output=unknown[0].double(),
        output_reference=amplified,
        gains=torch.zeros(len(STEMS), dtype=torch.float64),
        sample_rate=clean.rate,
        output_rate=OUTPUT_RATE,
    )


@dataclass(frozen=True)
class _NoAudio:
    """The audio of a scene that consists of a single file."""

    sample_rate: int
    frames: int

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        raise BenchError("a single file has neither mixture nor stems", where=part)
