"""One file beside its reference, by the official path: what ``bench score FILE`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import soundfile
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
from bench.errors import BenchError
from bench.evaluation.scoring import Row, Scorer, Stopwatch, score_output
from bench.spec.run import Choice
from bench.system.output import OUTPUT_RATE, to_output

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

    from bench.plugins import Plugins

METRICS: Final = ("haaqi", "lufs", "clipping", "haaqi-net")
"""The built-in metrics that need no stems."""
_SHORTEST: Final = 0.4
"""Seconds; a loudness needs that much."""


@dataclass
class PairScores:
    """What a file was worth.

    Attributes:
        rows: as in the scores table of a board, of the processed file.
        unprocessed: the same of the mixture, only amplified; empty where no mixture was given.
        notes: what was done to the files before, in words.
    """

    rows: list[Row]
    unprocessed: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no metric failed."""
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
    prescription: str = "nalr",
    metrics: Sequence[str] = METRICS,
) -> PairScores:
    """Score one amplified file against a remix that is not amplified yet.

    The reference is amplified for the listener by the prescription, and an RMS of 1.0 stands for
    65 dB SPL less the reference's level before that, as in ``bench run`` and the challenge.

    Args:
        processed: what a system hands in: amplified, at its own sample rate.
        reference: the remix that it should be, before amplification.
        listener: pyclarity's Listener.
        plugins: the installed plugins.
        mixture: the unprocessed mixture, to be amplified and scored beside.
        prescription: name of the prescription plugin.
        metrics: names of metric plugins that read no stems.

    Raises:
        BenchError: a file cannot be used, or the two do not have the same length.
    """
    notes: list[str] = []
    choices = [_choice(plugins, name) for name in metrics]
    clean = _at_scene_rate(_read(reference, "reference", notes), "reference", notes)
    made = _read(processed, "processed file", notes)
    registered = plugins.get(PrescriptionSpec, prescription)
    amplifier: Prescription = registered.build(registered.options({}))
    rendering = _rendering(clean, listener, amplifier, reference)
    tail = rendering.output_reference.shape[-1] / clean.rate - clean.seconds
    _check_length(made, clean, tail, processed, reference)
    scorer = Scorer(choices, plugins)
    with torch.inference_mode():
        rows = score_output(scorer, rendering, made.samples, made.rate, Stopwatch())
        result = PairScores(rows, notes=notes)
        if mixture is not None:
            plain = _at_scene_rate(_read(mixture, "mixture", notes), "mixture", notes)
            _check_length(plain, clean, 0.0, mixture, reference)
            amplified = amplifier.amplify(plain.samples[None], [listener], plain.rate)[0]
            output = to_output(amplified, plain.rate)
            result.unprocessed = score_output(scorer, rendering, output, OUTPUT_RATE, Stopwatch())
    return result


def _choice(plugins: Plugins, name: str) -> Choice:
    registered = plugins.get(MetricSpec, name)
    if registered.spec.reads_stems:
        hint = "Score a system on a set instead: bench run."
        raise BenchError("it judges stems, and a file has none", where=f"metric {name}", hint=hint)
    return Choice(name, registered.options({}))


def _read(path: Path, role: str, notes: list[str]) -> _Audio:
    try:
        samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        reason: Any = getattr(error, "error_string", None) or error
        what = f"the {role} cannot be read as audio: {reason}" if path.exists() else "missing"
        raise BenchError(what, where=str(path)) from None
    if samples.shape[1] > 2:
        what = f"the {role} has {samples.shape[1]} channels, expected 1 or 2"
        raise BenchError(what, where=str(path))
    if not np.isfinite(samples).all():
        raise BenchError(f"the {role} has samples that are NaN or infinite", where=str(path))
    if len(samples) < _SHORTEST * rate:
        raise BenchError(f"the {role} is shorter than {_SHORTEST} s", where=str(path))
    if samples.shape[1] == 1:
        notes.append(f"the {role} is mono: both ears get the same signal")
        samples = np.repeat(samples, 2, axis=1)
    return _Audio(torch.from_numpy(np.ascontiguousarray(samples.T)), rate)


def _at_scene_rate(audio: _Audio, role: str, notes: list[str]) -> _Audio:
    """At 44.1 kHz, where the prescription's filters are the official ones."""
    if audio.rate == SAMPLE_RATE:
        return audio
    notes.append(f"the {role} is resampled from {audio.rate} Hz to {SAMPLE_RATE} Hz (soxr HQ)")
    resampled = soxr.resample(audio.samples.T.numpy(), audio.rate, SAMPLE_RATE, quality="HQ")
    return _Audio(torch.from_numpy(np.ascontiguousarray(resampled.T)), SAMPLE_RATE)


def _check_length(made: _Audio, clean: _Audio, tail: float, path: Path, reference: Path) -> None:
    """As long as the reference, with or without what amplification adds; 1 ms is for rounding."""
    if abs(made.seconds - clean.seconds) > tail + 1e-3:
        lengths = f"it lasts {made.seconds:.3f} s, {reference.name} {clean.seconds:.3f} s"
        hint = "The two must begin and end together: cut them alike. Is a sample rate wrong?"
        raise BenchError(lengths, where=str(path), hint=hint)


def _rendering(
    clean: _Audio, listener: Listener, amplifier: Prescription, reference: Path
) -> Rendering:
    """The reference alone; its own output is to be replaced."""
    unknown = torch.full((len(STEMS), 2, 1), torch.nan)
    with torch.inference_mode():
        amplified = amplifier.amplify(clean.samples[None], [listener], clean.rate)[0]
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
    """Of a scene that is a file and no more."""

    sample_rate: int
    frames: int

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        raise BenchError("a single file has neither mixture nor stems", where=part)
