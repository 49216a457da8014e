"""The names of all files of a board. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CONSOLIDATED: Final = "scores.parquet"
"""The scores of a run that ended; before, each scene has a file of its own."""
BEST: Final = "best.safetensors"
"""The weights of a training's best epoch, in its checkpoint folder."""
LAST: Final = "last.pt"
"""The state from which a training resumes, in its checkpoint folder."""


def run_file(board: Path, run_id: str) -> Path:
    """The row of a run.

    Example:
        >>> run_file(Path("board"), "r1").as_posix()
        'board/runs/run_id=r1.parquet'
    """
    return board / "runs" / f"run_id={run_id}.parquet"


def scores_folder(board: Path, run_id: str) -> Path:
    """The scores of a run.

    Example:
        >>> scores_folder(Path("board"), "r1").as_posix()
        'board/scores/run_id=r1'
    """
    return board / "scores" / f"run_id={run_id}"


def training_folder(board: Path, run_id: str) -> Path:
    """The log of a run's training, a file an epoch."""
    return board / "training" / f"run_id={run_id}"


def epoch_file(board: Path, run_id: str, epoch: int) -> Path:
    """The log of one epoch; epoch 0 is before any training.

    Example:
        >>> epoch_file(Path("board"), "r1", 3).name
        'epoch-0003.parquet'
    """
    return training_folder(board, run_id) / f"epoch-{epoch:04d}.parquet"


def checkpoint_folder(board: Path, run_id: str) -> Path:
    """The weights of a run's training."""
    return board / "checkpoints" / f"run_id={run_id}"


def verified_folder(board: Path, run_id: str) -> Path:
    """The verifications of a run, one file each."""
    return board / "verified" / f"run_id={run_id}"


def report_folder(board: Path) -> Path:
    """The report, unless another folder is named.

    Example:
        >>> report_folder(Path("leaderboards/demo")).as_posix()
        'leaderboards/demo/report'
    """
    return board / "report"


def listening_folder(board: Path) -> Path:
    """The pages to listen to, unless another folder is named."""
    return board / "listening"


def is_scored(board: Path, run_id: str) -> bool:
    """Whether all scores of a run are there."""
    return (scores_folder(board, run_id) / CONSOLIDATED).exists()


def scenes_scored(board: Path, run_id: str) -> int:
    """The number of scenes that are scored of a run that has not ended."""
    return sum(1 for _ in scores_folder(board, run_id).glob("*.parquet"))


def epochs_done(board: Path, run_id: str) -> int:
    """The number of epochs that a run's training has done, without the one before any training."""
    before = epoch_file(board, run_id, 0).name
    logs = training_folder(board, run_id).glob("epoch-*.parquet")
    return sum(1 for path in logs if path.name != before)
