"""Suites that are small enough to be run in a test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

WriteSuite = Callable[..., Path]

SHORT_TRAINING: Final[Mapping[str, float]] = MappingProxyType(
    {
        "epochs": 1,
        "segments": 4,
        "batch": 2,
        "segment_seconds": 1.0,
        "gains_learning_rate": 0.05,
        "validation_songs": 1,
        "validation_pairs": 1,
        "validation_seconds": 1.0,
    }
)


def suite_text(
    *,
    root: Path,
    metrics: Sequence[str] = ("lufs", "clipping"),
    loss: str = "mse",
    baselines: Sequence[str] = ("mixture + fixed",),
    excluded: Sequence[str] = (),
    training: Mapping[str, float] = SHORT_TRAINING,
) -> str:
    """TOML of a suite named ``small``.

    Args:
        root: a set in the Cadenza layout, of which the split ``valid`` is scored.
        metrics: what is scored.
        loss: the default one.
        baselines: ``SEPARATOR + GAINS``; the first one is what systems are ranked against.
        excluded: data that a ranked system must not have been trained on.
        training: settings of a training.
    """
    # Strings, numbers and lists of JSON are those of TOML.
    lines = [
        'name = "small"',
        *("[dataset]", 'name = "cadenza"', f"root = {json.dumps(str(root))}"),
        *("[evaluation]", 'split = "valid"', f"metrics = {json.dumps(list(metrics))}"),
        *("[defaults]", f"loss = {json.dumps(loss)}"),
        "[ranking]",
        f"baseline = {json.dumps(baselines[0])}",
        f"excluded = {json.dumps(list(excluded))}",
        "[training]",
        *(f"{name} = {json.dumps(value)}" for name, value in training.items()),
    ]
    for baseline in baselines:
        separator, gains = baseline.split(" + ")
        lines += ["[[baselines]]", f'separator = "{separator}"', f'gains = "{gains}"']
    return "\n".join([*lines, ""])
