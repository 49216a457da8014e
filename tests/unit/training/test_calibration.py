"""What a training costs is read from the log of a short one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.board.store import Board
from bench.evaluation.estimate import TrainingRate
from bench.plugins import installed
from bench.spec.run import RunSpec
from bench.training import calibration
from tests.helpers.noises import Noises
from tests.helpers.specs import make


def test_the_second_of_two_steps_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[Path] = []

    class Short:
        """Logs two epochs, as a training does."""

        def __init__(
            self, *, run_id: str, spec: RunSpec, board: Board, folder: Path, **more: Any
        ) -> None:
            settings = spec.training
            assert (settings.epochs, settings.batches, settings.patience) == (2, 1, 0)
            self.run_id, self.board = run_id, board
            folders.extend([folder, board.path])

        def train(self) -> None:
            epochs: Sequence[tuple[float, float]] = ((90.0, 100.0), (3.0, 8.0))
            for epoch, (step, whole) in enumerate(epochs, start=1):
                row = {"epoch": epoch, "seconds/train": step, "seconds": whole}
                self.board.append_epoch(self.run_id, row)

    monkeypatch.setattr(calibration, "Trainer", Short)
    spec = make(separator="oracle", gains="cnn", loss="mse")
    spec = replace(spec, training=replace(spec.training, batch=4, segments=400, patience=5))
    rate = calibration.calibrate_training(spec, Noises(), installed())
    assert rate == TrainingRate(step=3.0, validation=5.0)
    assert folders[0] == folders[1] / "checkpoints"
    assert not folders[1].exists()
