"""Checkpoints."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.system.weights import load_weights
from bench.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "run" / "last.pt"
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    saved = Checkpoint(3, dict(model.state_dict()), optimizer.state_dict(), 2, 0.5)
    save_checkpoint(path, saved)
    loaded = load_checkpoint(path)
    assert loaded is not None
    assert (loaded.epoch, loaded.best_epoch, loaded.best_score) == (3, 2, 0.5)
    assert torch.equal(loaded.state["weight"], model.weight)
    assert loaded.optimizer["state"][0]["step"] == 1
    assert [p.name for p in path.parent.iterdir()] == ["last.pt"]


def test_none_where_there_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "last.pt") is None


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_damaged_files_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    for load in (load_checkpoint, load_weights):
        with pytest.raises(BenchError, match="cannot be read"):
            load(path)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(marker), "w"))

    path = tmp_path / "last.pt"
    torch.save({"epoch": Evil()}, path, pickle_module=pickle)
    with pytest.raises(BenchError):
        load_checkpoint(path)
    assert not marker.exists()


def test_a_checkpoint_with_other_names_is_named(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    for content in ({"epoch": 1, "best": 2}, [1, 2], {}):
        torch.save(content, path)
        with pytest.raises(BenchError, match="it is damaged, or not a checkpoint"):
            load_checkpoint(path)
