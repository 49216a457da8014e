"""Trainings on a set in the challenge's layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.board.store import Board
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.plugins import installed
from bench.system.system import build_system
from bench.training.loss import losses_of
from bench.training.trainer import Trainer
from tests.helpers.specs import make


def trainer_of(
    root: Path,
    folder: Path,
    settings: Mapping[str, Any],
    *,
    loss: str,
    separator: str = "oracle",
    gains: str = "cnn",
    weights: str = "",
    **more: Any,
) -> Trainer:
    """A training of the run "r1" whose board is `folder`, by default of gains over clean stems.

    Args:
        root: of the set.
        folder: of the board.
        settings: of the training, by name.
        loss: its loss.
        separator: of the system.
        gains: of the system.
        weights: of the separator; its own default where there are none.
        more: of the :class:`Trainer`, in place of what is made here.
    """
    options = {"training": {name: str(value) for name, value in settings.items()}}
    if weights:
        options["separator"] = {"weights": weights}
    spec = make(separator=separator, gains=gains, loss=loss, options=options)
    plugins = installed()
    parts: dict[str, Any] = {
        "run_id": "r1",
        "spec": spec,
        "system": build_system(spec, plugins),
        "dataset": CadenzaDataset(CadenzaOptions(root=str(root))),
        "loss": losses_of(spec, plugins),
        "board": Board(folder),
        "folder": folder / "checkpoints",
        "plugins": plugins,
    }
    return Trainer(**{**parts, **more})
