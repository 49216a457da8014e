"""Measures what a training costs on this machine: two epochs of a step, by the trainer itself."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from bench.api import Dataset
from bench.board.store import Board
from bench.evaluation.estimate import TrainingRate
from bench.plugins import Plugins
from bench.runtime.machine import device
from bench.spec.run import RunSpec
from bench.system.system import build_system
from bench.training.loss import losses_of
from bench.training.trainer import Trainer


def calibrate_training(spec: RunSpec, dataset: Dataset, plugins: Plugins) -> TrainingRate:
    """Train for two steps on the device that a training would take, and discard the result.

    The first step compiles and warms up; what the second takes counts.

    Raises:
        BenchError: the data are wrong.
        TrainingStopped: the loss is not finite.
    """
    settings = replace(spec.training, epochs=2, segments=spec.training.batch, patience=0)
    short = replace(spec, training=settings)
    with tempfile.TemporaryDirectory() as folder:
        board = Board(folder)
        Trainer(
            run_id="calibration",
            spec=short,
            system=build_system(short, plugins),
            dataset=dataset,
            loss=losses_of(short, plugins),
            board=board,
            folder=Path(folder) / "checkpoints",
            plugins=plugins.without_observers(),
            device=device(),
        ).train()
        log = board.training("calibration")
        last = log[log["epoch"] == 2].set_index("name")["value"]
    step = float(last["seconds/train"])
    return TrainingRate(step=step, validation=float(last["seconds"]) - step)
