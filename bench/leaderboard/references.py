"""Which rows share a reference: its prescription, and where the protocol says so its gains.

Scores against two references do not stand on one scale, however alike they look: there such rows
are neither ranked nor compared. What was applied is read from the board, not from names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.api import EARS, STEMS, GainsSpec
from bench.board.pairs import PairScores
from bench.board.schema import GAINS_METRIC
from bench.plugins import installed

OWN_GAINS: Final = "shared-gains"
"""The protocol whose reference has the system's own gains."""
_WITHIN: Final = 1e-6
"""dB that two gains may differ by and be the same."""

Array = NDArray[np.float64]


def references_of(
    runs: Iterable[Mapping[str, Any]], scores: PairScores, protocol: str
) -> dict[str, int]:
    """The number of each run's reference, by run id; runs of one number share it.

    A reference is amplified by its suite's prescription. Under OWN_GAINS it has the gains that the
    system applied, too.

    Args:
        runs: rows of a board.
        scores: theirs, with the gains that they applied.
        protocol: the reference protocol.
    """
    found: dict[str, int] = {}
    first: list[tuple[Mapping[str, Any], Array, str]] = []
    for run in runs:
        amplified = reference_prescription(run)
        own, name = np.empty(0), ""
        if protocol == OWN_GAINS:
            own, name = applied_gains(scores, str(run["run_id"])), _stated(run)
        places = (
            number
            for number, (prescription, gains, other) in enumerate(first)
            if prescription == amplified and _same(own, name, gains, other)
        )
        number = next(places, len(first))
        if number == len(first):
            first.append((amplified, own, name))
        found[str(run["run_id"])] = number
    return found


def reference_prescription(run: Mapping[str, Any]) -> Mapping[str, Any]:
    """The prescription of a run's reference: ``name``, and ``options`` where they are kept.

    Scores of older versions say none: their reference had the system's own.
    """
    spec = _spec_of(run)
    kept: Mapping[str, Any] = spec.get("reference_prescription") or spec.get("prescription") or {}
    return kept or {"name": run["prescription"]}


def applied_gains(scores: PairScores, run_id: str) -> Array:
    """The gains that a run applied, dB, by pair, ear and stem, ``(n, 2, 4)``; NaN if unknown."""
    found = np.full((len(scores.pairs), len(EARS), len(STEMS)), np.nan)
    for number, stem in enumerate(STEMS):
        # A gain that is the same for both ears is each ear's.
        both = scores.values(run_id, f"{GAINS_METRIC}/{stem}")
        for ear, name in enumerate(EARS):
            own = scores.values(run_id, f"{GAINS_METRIC}/{name}-{stem}")
            found[:, ear, number] = np.where(np.isnan(own), both, own)
    return found


def are_none(gains: Array) -> bool:
    """Whether gains leave every stem as it is; False where none are known."""
    known = gains[~np.isnan(gains)]
    return bool(known.size) and bool((np.abs(known) <= _WITHIN).all())


def _same(one: Array, own: str, two: Array, other: str) -> bool:
    """Whether gains are equal wherever both are known, else whether they are stated alike."""
    apart = np.abs(one - two) if one.shape == two.shape else np.empty(0)
    apart = apart[~np.isnan(apart)]
    if not apart.size:
        return own == other
    return bool((apart <= _WITHIN).all())


def _stated(run: Mapping[str, Any]) -> str:
    """The gains as they were asked for; of gains that are learned, the run itself."""
    spec = installed().spec_of(GainsSpec, str(run["gains"]))
    if spec is None or spec.trainable:
        return str(run["run_id"])
    return json.dumps(_spec_of(run).get("gains") or run["gains"], sort_keys=True)


def _spec_of(run: Mapping[str, Any]) -> Mapping[str, Any]:
    """The kept specification of a run; empty where there is none that can be read."""
    try:
        spec = json.loads(run["spec_json"] or "{}")
    except json.JSONDecodeError:
        return {}
    return spec if isinstance(spec, dict) else {}
