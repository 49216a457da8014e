"""Estimate the time and the disk that scoring takes, from a short calibration.

Nothing here imports torch: ``bench plan`` reads what an earlier calibration measured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.api import Scene
from bench.runtime.files import replacing
from bench.runtime.machine import cache_folder, processor
from bench.spec.run import RunSpec

STEM_BYTES: Final = 4 * 2 * 4
"""Bytes a sample of separated stems that are kept."""
ROW_BYTES: Final = 2500
"""Bytes of a pair's rows on a board, before the parts are brought together."""
PARALLEL: Final = 0.95
"""What a further worker adds, as they share memory and its bandwidth."""
_PROBED: Final = 64
_LEAST_LIMIT: Final = 600.0
_GENEROUS: Final = 50.0
"""A call of a plugin may take so many times what all of a pair was measured to take."""
_UNKNOWN: Final = 60.0
"""Seconds a second of audio that a call may take where nothing was measured."""


@dataclass(frozen=True)
class Rate:
    """The cost of a run, in seconds of one process a second of audio.

    Attributes:
        scene: what a scene's listeners share: reading and separating.
        pair: the rest, for each of them.
        keeps_stems: whether its stems are kept for other systems.
    """

    scene: float
    pair: float
    keeps_stems: bool = False


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
    try:
        known = json.loads(_file().read_text(encoding="utf-8"))[processor()]
        return {key: Rate(**values) for key, values in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def keep_rates(measured: Mapping[str, Rate]) -> Path:
    """Remember what was measured on this machine; returns the file."""
    path = _file()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    if not isinstance(content, dict):
        content = {}
    known = {key: asdict(rate) for key, rate in {**rates(), **measured}.items()}
    with replacing(path) as draft:
        text = json.dumps({**content, processor(): known}, indent=1)
        draft.write_text(text, encoding="utf-8")
    return path


def key_of(spec: RunSpec) -> str:
    """The key of a rate: the parts and metrics, on which the time of scoring depends."""
    form = spec.canonical()
    parts = ("separator", "gains", "prescription", "reference_prescription", "metrics")
    about: dict[str, Any] = {name: form[name] for name in parts}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _file() -> Path:
    return cache_folder() / "calibration.json"
