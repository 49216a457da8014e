"""How far a system has got from the untouched mixture to the clean stems.

Both ends are rows of the board: of a separator whose stems are the mixture as it is, and of one
that is given the clean stems, each with the gains that the scene requests. Plugins' specs say
which they are, never their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.api import GainsSpec, SeparatorSpec
from bench.board.pairs import PairScores
from bench.board.store import Board
from bench.leaderboard.references import reference_prescription, references_of
from bench.leaderboard.selection import fingerprint, has_ended, select_runs
from bench.leaderboard.systems import System
from bench.plugins import installed

Run = Mapping[str, Any]


@dataclass(frozen=True)
class Headroom:
    """How far two runs have got from the untouched mixture to the clean stems, by the headline.

    Attributes:
        floor: mean of the mixture, over the pairs that all four runs have.
        ceiling: of the clean stems.
        ours: the first run's (score - floor) / (ceiling - floor).
        theirs: the second's.
        n: pairs that all four have.
    """

    floor: float
    ceiling: float
    ours: float
    theirs: float
    n: int


def headroom(
    ours: Run, theirs: Run, board: Board, key: str, hearing_loss_below: float | None = None
) -> Headroom | None:
    """The shares of the headroom that two runs have, by a score such as ``"haaqi/mean"``.

    Pairs of listeners whose better ear averages `hearing_loss_below` dB HL or more do not count.

    Returns:
        None where the board has no run of either end on the same data, amplified as the reference,
        where the four have no pair in common or different references, or where the clean stems
        score no higher than the mixture.
    """
    floor, ceiling = (_newest(board, ours, fits) for fits in (_is_floor, _is_ceiling))
    if floor is None or ceiling is None:
        return None
    four = (ours, theirs, floor, ceiling)
    scores = PairScores(board, [str(run["run_id"]) for run in four], hearing_loss_below)
    if len(set(references_of(four, scores, str(ours["protocol"])).values())) > 1:
        return None
    values = np.stack([scores.values(str(run["run_id"]), key) for run in four])
    values = values[:, ~np.isnan(values).any(axis=0)]
    if not values.size:
        return None
    one, two, low, high = values.mean(axis=1).tolist()
    if high <= low:
        return None
    return Headroom(
        low, high, (one - low) / (high - low), (two - low) / (high - low), values.shape[1]
    )


def headroom_shares(systems: Sequence[System]) -> dict[str, float]:
    """How far each system has got from the untouched mixture (0) to the clean stems (1), by label.

    Both ends are among the systems, as :func:`headroom` asks of them; a share is over the pairs
    that a system has in common with them. Systems with another reference have none. Where an end is
    missing, or the clean stems score no higher than the mixture, there are no shares.
    """
    known = [s for s in systems if _is_amplified_as_its_reference(s.first.run)]
    floors, ceilings = (
        [s for s in known if fits(s.first.run)] for fits in (_is_floor, _is_ceiling)
    )
    if not floors or not ceilings:
        return {}
    floor, ceiling = (
        max(several, key=lambda system: str(system.first.run["created"]))
        for several in (floors, ceilings)
    )
    found = {}
    for system in systems:
        if {system.first.reference, ceiling.first.reference} != {floor.first.reference}:
            continue
        values = np.stack([one.scores.to_numpy() for one in (system, floor, ceiling)])
        values = values[:, ~np.isnan(values).any(axis=0)]
        if values.size:
            own, low, high = values.mean(axis=1).tolist()
            if high > low:
                found[system.label] = (own - low) / (high - low)
    return found


def _newest(board: Board, like: Run, fits: Callable[[Run], bool]) -> Run | None:
    """The newest ended run that fits, on the same data and amplified as the reference is."""
    split = str(like["split"])
    runs, _ = select_runs(board, str(like["suite"]), split, str(like["protocol"]))
    found = [
        run
        for run in runs
        if has_ended(run)
        and fits(run)
        and _is_amplified_as_its_reference(run)
        and fingerprint(run, split) == fingerprint(like, split)
    ]
    return found[-1] if found else None


def _is_amplified_as_its_reference(run: Run) -> bool:
    return bool(run["prescription"] == reference_prescription(run)["name"])


def _is_floor(run: Run) -> bool:
    spec = installed().spec_of(SeparatorSpec, str(run["separator"]))
    return spec is not None and not spec.separates and _asks_for(run)


def _is_ceiling(run: Run) -> bool:
    spec = installed().spec_of(SeparatorSpec, str(run["separator"]))
    return spec is not None and spec.reads_stems and _asks_for(run)


def _asks_for(run: Run) -> bool:
    spec = installed().spec_of(GainsSpec, str(run["gains"]))
    return spec is not None and spec.is_request
