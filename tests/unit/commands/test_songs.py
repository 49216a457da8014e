"""Songs of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from clarity.utils.audiogram import Audiogram, Listener

import bench
from bench.commands.songs import read_listener, requested_gains


def test_requested_gains_are_in_the_order_of_stems() -> None:
    assert requested_gains({"other": -3, "vocals": 6.0}) == (6.0, 0.0, 0.0, -3.0)
    with pytest.raises(bench.BenchError, match="Did you mean 'drums'"):
        requested_gains({"drum": 1})


def test_a_standard_audiogram_is_no_file() -> None:
    with pytest.raises(bench.BenchError, match="--audiogram N3"):
        read_listener("N3")


def test_a_listener_is_checked_by_every_command(tmp_path: Path) -> None:
    listener = bench.make_listener("N3")
    loud = Audiogram(levels=np.full(8, 500.0))
    for wrong in (Listener(loud, loud, "L"), "N3"):
        calls: list[Callable[[], object]] = [
            partial(bench.enhance, tmp_path / "x.wav", tmp_path / "y.wav", wrong),
            partial(bench.score, tmp_path / "x.wav", tmp_path / "x.wav", wrong),
            partial(bench.describe_listener, wrong),
            partial(bench.draw_listener, wrong, tmp_path / "x.png"),
        ]
        for call in calls:
            with pytest.raises(bench.BenchError) as caught:
                call()
            assert "listener" in str(caught.value)
    assert not list(tmp_path.iterdir())
    signal = np.random.default_rng(0).standard_normal(24_000)
    right = listener.audiogram_left
    for audiogram, rate, level in ((loud, 24_000, 65), (right, 0.3, 65), (right, np.nan, 65),
                                   (right, np.inf, 65), (right, 24_000, np.nan)):  # fmt: skip
        with pytest.raises(bench.BenchError):
            bench.haaqi(signal, signal, audiogram, rate, level)
    with pytest.raises(bench.BenchError, match="sample rate"):
        bench.haaqi(signal, signal, right, 24_000, processed_sample_rate=0)
