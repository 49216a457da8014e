"""Weights of a system."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.system.weights import load_weights, save_weights


def test_weights_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    state = {"a": torch.randn(3, 2).T, "b": torch.zeros(())}
    save_weights(path, state)
    loaded = load_weights(path)
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


def test_one_changed_bit_is_damage_and_no_other_system(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    save_weights(path, {"gains.a": torch.linspace(0, 1, 9), "b": torch.ones(2, 2).half()})
    whole = path.read_bytes()
    for place in range(len(whole) - 44, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(BenchError, match="it is damaged"):
            load_weights(path)
    path.write_bytes(whole)
    assert load_weights(path)["gains.a"].tolist() == torch.linspace(0, 1, 9).tolist()


def test_there_is_no_draft_but_the_one_that_is_removed_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: object, **named: object) -> None:
        raise AssertionError("it writes to a file .tmpXXXXXX of its own first")

    monkeypatch.setattr("safetensors.torch.save_file", refused)
    save_weights(tmp_path / "a.safetensors", {"x": torch.ones(3).expand(2, 3)})
    assert load_weights(tmp_path / "a.safetensors")["x"].tolist() == [[1.0] * 3] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
