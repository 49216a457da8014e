"""Songs of a user's own."""

from __future__ import annotations

import pytest

import bench
from bench.commands.songs import read_listener, requested_gains


def test_requested_gains_are_in_the_order_of_stems() -> None:
    assert requested_gains({"other": -3, "vocals": 6.0}) == (6.0, 0.0, 0.0, -3.0)
    with pytest.raises(bench.BenchError, match="Did you mean 'drums'"):
        requested_gains({"drum": 1})


def test_a_standard_audiogram_is_no_file() -> None:
    with pytest.raises(bench.BenchError, match="--audiogram N3"):
        read_listener("N3")
