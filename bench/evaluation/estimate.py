"""Estimate the time and the disk that scoring and training take, from a short calibration.

Nothing here imports torch: ``bench plan`` reads what an earlier calibration measured.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from bench.api import Scene
from bench.runtime.files import replacing
from bench.runtime.machine import cache_folder, processor
from bench.spec.run import RunSpec

STEM_BYTES: Final = 4 * 2 * 4
"""Bytes per sample of separated stems that are kept."""
ROW_BYTES: Final = 2500
"""Bytes of a pair's rows on a board, before the parts are brought together."""
PARALLEL: Final = 0.95
"""The gain in speed from each further worker, as they share memory and its bandwidth."""
_PROBED: Final = 64
_LEAST_LIMIT: Final = 600.0
_GENEROUS: Final = 50.0
"""A call of a plugin may take this many times the measured time of a whole pair."""
_UNKNOWN: Final = 60.0
"""Seconds per second of audio that a call may take if nothing was measured."""


@dataclass(frozen=True)
class Rate:
    """The cost of a run, in seconds of one process per second of audio.

    Attributes:
        scene: what a scene's listeners share: reading and separating.
        pair: the rest, for each of them.
        keeps_stems: whether its stems are kept for other systems.
    """

    scene: float
    pair: float
    keeps_stems: bool = False


@dataclass(frozen=True)
class TrainingRate:
    """The cost of a training, in seconds of one process.

    Attributes:
        step: a step of the optimiser, reading its segments included.
        validation: the scores of the songs held out, once an epoch.
    """

    step: float
    validation: float


@dataclass(frozen=True)
class Work:
    """The scenes that a run has to score.

    Attributes:
        seconds: of audio, of all scenes together.
        pair_seconds: of audio, of all (scene, listener) pairs together.
        pairs: how many.
    """

    seconds: float
    pair_seconds: float
    pairs: int


def work_of(scenes: Sequence[Scene], limit: int, share: float) -> Work:
    """The work on a `share` of a split's scenes, or on `limit` of its pairs.

    Lengths are read of a few scenes spread over the split.
    """
    if not scenes:
        return Work(0.0, 0.0, 0)
    probed = scenes[:: max(1, len(scenes) // _PROBED)]
    length = sum(scene.frames / scene.sample_rate for scene in probed) / len(probed)
    pairs = sum(len(scene.listeners) for scene in scenes)
    count = len(scenes)
    if limit and limit < pairs:
        pairs, count = limit, min(limit, count)
    return Work(length * count * share, length * pairs * share, round(pairs * share))


def seconds_of(rate: Rate, work: Work, workers: int) -> float:
    """Seconds until `work` is done."""
    alone = rate.scene * work.seconds + rate.pair * work.pair_seconds
    return alone / (1 + PARALLEL * (workers - 1))


def time_limit(spec: RunSpec, seconds: float, known: Mapping[str, Rate]) -> float:
    """The seconds that one call of a plugin may take, unless the caller says otherwise.

    It is generous, so that it ends what would never end and nothing else: 10 minutes at least, and
    50 times what a pair was measured to take on this machine.

    Args:
        spec: the run.
        seconds: length of the scene.
        known: from :func:`rates`.
    """
    rate = known.get(key_of(spec))
    slow = _UNKNOWN if rate is None else _GENEROUS * (rate.scene + rate.pair)
    return max(_LEAST_LIMIT, slow * seconds)


def bytes_of(rate: Rate, work: Work, sample_rate: int) -> int:
    """Bytes that `work` leaves on disk, the cache not being limited."""
    stems = STEM_BYTES * sample_rate * work.seconds if rate.keeps_stems else 0.0
    return int(stems + ROW_BYTES * work.pairs)


def rates() -> dict[str, Rate]:
    """The rates measured on this machine, by :func:`key_of`; a damaged file counts as none."""
    return {key: Rate(**values) for key, values in _kept(processor(), Rate).items()}


def keep_rates(measured: Mapping[str, Rate]) -> Path:
    """Keep the rates measured on this machine; returns the file."""
    return _keep(processor(), {key: asdict(rate) for key, rate in measured.items()})


def training_rates() -> dict[str, TrainingRate]:
    """The training rates measured on this machine, by :func:`training_key_of`."""
    known = _kept(_trainings(), TrainingRate)
    return {key: TrainingRate(**values) for key, values in known.items()}


def keep_training_rates(measured: Mapping[str, TrainingRate]) -> Path:
    """Keep the training rates measured on this machine; returns the file."""
    return _keep(_trainings(), {key: asdict(rate) for key, rate in measured.items()})


def _trainings() -> str:
    return f"{processor()}: training"


def _content() -> dict[str, Any]:
    try:
        content = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _kept(section: str, kind: type[Rate] | type[TrainingRate]) -> dict[str, dict[str, Any]]:
    """What a section of the file holds; nothing where it is damaged."""
    known = _content().get(section)
    names = {field.name for field in fields(kind)}
    if not isinstance(known, dict) or not all(
        isinstance(values, dict) and set(values) == names for values in known.values()
    ):
        return {}
    return known


def _keep(section: str, measured: Mapping[str, Mapping[str, Any]]) -> Path:
    kind = TrainingRate if section == _trainings() else Rate
    content = {**_content(), section: {**_kept(section, kind), **measured}}
    path = _file()
    with replacing(path) as draft:
        draft.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def training_key_of(spec: RunSpec) -> str:
    """The key of a training's rate: all on which the time of a step and a validation depends."""
    form = spec.canonical()
    parts = ("separator", "gains", "prescription", "reference_prescription", "metrics", "losses")
    about: dict[str, Any] = {name: form[name] for name in parts}
    about["terms"] = sorted(term.name for term in spec.loss.terms if term.weight)
    sizes = ("batch", "segment_seconds", "validation_pairs", "validation_seconds", "protocol")
    about |= {name: getattr(spec.training, name) for name in sizes}
    return _hash(about)


def training_seconds(spec: RunSpec, rate: TrainingRate, done: int) -> float:
    """Seconds left of a training, given the number of epochs that are done."""
    settings = spec.training
    left = max(0, settings.epochs - done)
    # The system is scored once before the first epoch, too.
    validations = left + (1 if left and not done else 0)
    return left * settings.batches * rate.step + validations * rate.validation


def in_turn(seconds: Sequence[float], workers: int) -> float:
    """Seconds until a number of workers that take jobs from a list, in order, are done.

    Example:
        >>> in_turn([3.0, 2.0, 2.0], 1), in_turn([3.0, 2.0, 2.0], 2)
        (7.0, 4.0)
    """
    busy = [0.0] * max(1, workers)
    for one in seconds:
        heapq.heapreplace(busy, busy[0] + one)
    return max(busy)


def key_of(spec: RunSpec) -> str:
    """The key of a rate: the parts and metrics, on which the time of scoring depends."""
    form = spec.canonical()
    parts = ("separator", "gains", "prescription", "reference_prescription", "metrics")
    about: dict[str, Any] = {name: form[name] for name in parts}
    return _hash(about)


def _hash(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _file() -> Path:
    return cache_folder() / "calibration.json"
