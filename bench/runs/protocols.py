"""One system under both reference protocols, trained once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.board.layout import BEST, checkpoint_folder
from bench.runtime.files import replacing
from bench.spec.run import RunSpec
from bench.spec.suite import PROTOCOLS

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.runs.plan import PlannedRun


def under_other(spec: RunSpec) -> RunSpec:
    """The same system, trained as it is, scored under the other protocol."""
    [other] = (name for name in PROTOCOLS if name != spec.protocol)
    return replace(spec, protocol=other, trained_under=spec.protocol if spec.trains else "")


def trained_as(
    board: Board, first: PlannedRun, other: PlannedRun
) -> Mapping[str, Path | Exception]:
    """The weights of a run as those of the same system under the other protocol.

    They are copied beside its row, so that every command finds them there.
    """
    if not other.spec.trains:
        return {}
    source = checkpoint_folder(board.path, first.run_id) / BEST
    if not source.is_file():
        from bench.training.trainer import TrainingStopped

        return {other.run_id: TrainingStopped("its training was stopped")}
    target = checkpoint_folder(board.path, other.run_id) / BEST
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as draft:
        shutil.copyfile(source, draft)
    return {other.run_id: target}
