"""The names of a board's files. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.board.store import Board


def checkpoint_folder(board: Board, run_id: str) -> Path:
    """Where the weights of a run's training are kept."""
    return board.path / "checkpoints" / f"run_id={run_id}"


def is_scored(folder: Path, run_id: str) -> bool:
    """Whether a board has all scores of a run; pandas is not needed to see that."""
    return (folder / "scores" / f"run_id={run_id}" / "scores.parquet").exists()


def epochs_done(folder: Path, run_id: str) -> int:
    """How many epochs of a run's training a board has, the one before any training apart."""
    logs = (folder / "training" / f"run_id={run_id}").glob("epoch-*.parquet")
    return sum(1 for path in logs if path.stem != "epoch-0000")


def _share_done(folder: Path, run_id: str, scenes: int) -> float:
    scores = folder / "scores" / f"run_id={run_id}"
    if is_scored(folder, run_id):
        return 1.0
    return min(1.0, len(list(scores.glob("*.parquet"))) / max(1, scenes))


def _scored(folder: Path, run_id: str) -> str:
    scores = folder / "scores" / f"run_id={run_id}"
    if is_scored(folder, run_id):
        return "all done"
    return f"{len(list(scores.glob('*.parquet')))} done"


BEST = "best.safetensors"
"""The weights of a training's best epoch, in its checkpoint folder."""
