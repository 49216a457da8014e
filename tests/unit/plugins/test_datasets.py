"""What a plugin's dataset gives is checked where it comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from clarity.utils.audiogram import Audiogram, Listener

from bench.api import Scene
from bench.errors import BenchError
from bench.plugins.datasets import GuardedDataset
from tests.helpers.noises import Noises


class Changed(Noises):
    """The noises, with other scenes or listeners."""

    def __init__(self, listener: Listener | None = None, **changes: Any) -> None:
        self.changes, self.listener = changes, listener

    def scenes(self, split: str) -> Sequence[Scene]:
        first, *others = super().scenes(split)
        return [replace(first, **self.changes), *others]

    def listeners(self, split: str) -> Mapping[str, Listener]:
        found = dict(super().listeners(split))
        return found if self.listener is None else {**found, self.listener.id: self.listener}


def test_right_ones_pass_as_they_are() -> None:
    ours, theirs = GuardedDataset(Noises(), "noises"), Noises()
    assert ours.splits == ("valid",)
    assert ours.scenes("valid") == theirs.scenes("valid")
    assert ours.listeners("valid").keys() == theirs.listeners("valid").keys()
    assert ours.fingerprint("valid") == "noises"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "../x"}, "is not a valid id: it holds '/'"),
        ({"id": "a\nb"}, "is not a valid id: it holds a control character"),
        ({"id": "s1"}, "two scenes have the id 's1'"),
        ({"gains": (0.0, 0.0, 1e9, 0.0)}, "not four numbers in dB, at most 40 up or down"),
        ({"gains": (0.0, float("nan"), 0.0, 0.0)}, "not four numbers"),
        ({"gains": (0.0, 0.0, 0.0)}, "not four numbers"),
        ({"listeners": ("L1", "L9")}, "the unknown listener 'L9'"),
    ],
)
def test_a_wrong_scene_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message) as caught:
        GuardedDataset(Changed(**changes), "dataset theirs/noises").scenes("valid")
    assert caught.value.where == "dataset theirs/noises, split valid"


@pytest.mark.parametrize(
    ("name", "levels", "message"),
    [
        ("L3", [500.0] * 8, "a level is outside"),
        ("L3", [np.nan] * 8, "a level is outside"),
        ("../L", [20.0] * 8, "is not a valid id"),
    ],
)
def test_a_wrong_listener_is_refused(name: str, levels: list[float], message: str) -> None:
    ear = Audiogram(levels=np.array(levels))
    with pytest.raises(BenchError, match=message) as caught:
        GuardedDataset(Changed(Listener(ear, ear, name)), "noises").listeners("valid")
    assert caught.value.where.startswith("noises, split valid")
