"""Random training segments."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from clarity.utils.audiogram import Audiogram, Listener
from torch import Tensor

from bench.api import Scene
from bench.errors import BenchError
from bench.training.segments import draw_epoch, hold_out, near_silent, read_ahead, read_batch


class Noise:
    """Audio made when it is read; keeps what was asked of it."""

    sample_rate = 1000

    def __init__(self, frames: int, level: float = 0.1) -> None:
        self.frames = frames
        self.level = level
        self.read_frames: list[int] = []

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        wanted = self.frames - start if frames is None else frames
        self.read_frames.append(wanted)
        rng = np.random.default_rng(start)
        return torch.from_numpy(self.level * rng.standard_normal((2, wanted))).float()


def scenes(count: int, frames: int = 10_000, level: float = 0.1) -> list[Scene]:
    return [
        Scene(f"s{i}", f"song {i % 4}", "hlp", (0, -3, 6, 0), ("L1", "L2"), Noise(frames, level))
        for i in range(count)
    ]


LISTENERS = {
    name: Listener(Audiogram(np.full(8, level)), Audiogram(np.full(8, level)), name)
    for name, level in (("L1", 20.0), ("L2", 50.0))
}


def draw(found: Sequence[Scene], **changes: float) -> list[list[tuple[Scene, int, int, Listener]]]:
    settings = {"segments": 7, "batch": 3, "seconds": 2.0, "seed": 0, "epoch": 1, **changes}
    return list(draw_epoch(found, LISTENERS, **settings))  # type: ignore[arg-type]


def test_only_the_segment_is_read() -> None:
    found = scenes(2)
    batch = read_batch(draw(found)[0])
    assert batch.mixture.shape == (3, 2, 2000)
    assert batch.stems.shape == (3, 4, 2, 2000)
    assert batch.requested.tolist()[0] == [0, -3, 6, 0]
    read = [n for scene in found for n in scene.audio.read_frames]  # type: ignore[attr-defined]
    assert max(read) == 2000


def test_batches_and_the_last_one() -> None:
    assert [len(batch) for batch in draw(scenes(4))] == [3, 3, 1]


def test_drawn_by_seed_and_epoch() -> None:
    def starts(**changes: float) -> list[tuple[str, int, str]]:
        return [(s.id, a, w.id) for b in draw(scenes(4), **changes) for s, a, _, w in b]

    assert starts() == starts()
    assert starts() != starts(epoch=2)
    assert starts() != starts(seed=1)


def test_short_songs_are_taken_whole() -> None:
    batch = read_batch(draw([*scenes(1, frames=500), *scenes(1)])[0])
    assert batch.mixture.shape[-1] == 500


def test_silence_is_skipped_and_all_silence_is_an_error() -> None:
    assert near_silent(torch.zeros(2, 100))
    assert near_silent(torch.full((2, 100), 0.009))
    assert not near_silent(torch.full((2, 100), 0.011))
    mixed = [*scenes(1, level=0.0), *scenes(1)]
    assert {s.audio.level for b in draw(mixed) for s, *_ in b} == {0.1}  # type: ignore[attr-defined]
    with pytest.raises(BenchError, match="near-silent"):
        draw(scenes(2, level=0.0))


def test_songs_are_held_out_whole() -> None:
    train, held = hold_out(scenes(12), 1, seed=3)
    assert len({scene.song for scene in held}) == 1
    assert not {scene.song for scene in held} & {scene.song for scene in train}
    assert len(train) + len(held) == 12


def test_a_small_set_is_not_held_out_whole(caplog: pytest.LogCaptureFixture) -> None:
    train, held = hold_out(scenes(3), 14, seed=0)
    assert (len(train), len(held)) == (2, 1)
    assert "1 of 3 songs are held out, not 14" in caplog.text
    caplog.clear()
    assert hold_out(scenes(2), 14, seed=0)[1] == []
    assert "none of 2 songs can be held out" in caplog.text
    assert "the last epoch is kept" in caplog.text
    assert "-o training.validation_split=NAME" in caplog.text
    caplog.clear()
    hold_out(scenes(2), 0, seed=0)  # as asked for
    hold_out(scenes(12), 1, seed=0)
    assert caplog.text == ""


def test_the_songs_that_are_held_out_are_drawn_by_the_seed() -> None:
    drawn = [{s.song for s in hold_out(scenes(12), 1, seed)[1]} for seed in range(8)]
    assert drawn == [{s.song for s in hold_out(scenes(12), 1, seed)[1]} for seed in range(8)]
    assert len(set.union(*drawn)) > 1


def test_a_short_loud_sound_is_not_near_silent() -> None:
    """Both measures must be small: the paper's rule is "and", not "or"."""
    quiet_but_for_a_click = torch.zeros(2, 10_000)
    quiet_but_for_a_click[:, :100] = 0.5  # RMS 0.05, 95th percentile 0
    assert not near_silent(quiet_but_for_a_click)
    steady = torch.full((2, 10_000), 0.005)
    assert near_silent(steady)


def test_the_next_batch_is_read_while_one_is_in_use() -> None:
    read: list[int] = []
    begun = [threading.Event() for _ in range(3)]

    def drawn() -> Iterator[Any]:
        for number in range(3):
            read.append(threading.get_ident())
            begun[number].set()
            yield draw(scenes(1))[0]

    batches = read_ahead(drawn())
    next(batches)
    assert begun[1].wait(10)  # though nobody asked for it yet
    assert len(list(batches)) == 2
    assert len(read) == 3
    assert threading.get_ident() not in read


def test_what_goes_wrong_in_reading_ahead_is_raised() -> None:
    def drawn() -> Iterator[Any]:
        yield draw(scenes(1))[0]
        raise BenchError("this file is cut short")

    batches = read_ahead(drawn())
    next(batches)
    with pytest.raises(BenchError, match="cut short"):
        next(batches)


@pytest.mark.parametrize(("loud", "is_silent"), [(10, True), (11, False)])
def test_the_95th_percentile_of_200_samples_is_the_190th(loud: int, is_silent: bool) -> None:
    """At an RMS of 0.005 it alone decides."""
    signal = torch.zeros(2, 100)
    signal.flatten()[:loud] = 0.02
    assert near_silent(signal) is is_silent


def test_fifty_segments_are_tried() -> None:
    [scene] = scenes(1, level=0.0)
    with pytest.raises(BenchError, match="50 segments in a row were near-silent"):
        draw([scene])
    assert len(scene.audio.read_frames) == 50  # type: ignore[attr-defined]


def test_every_start_listener_and_scene_may_be_drawn() -> None:
    """From the first sample to the last one from which a whole segment is left."""
    drawn = [item for batch in draw(scenes(3, frames=2002), segments=90) for item in batch]
    assert {start for _, start, _, _ in drawn} == {0, 1, 2}
    assert {frames for _, _, frames, _ in drawn} == {2000}
    assert {scene.id for scene, *_ in drawn} == {"s0", "s1", "s2"}
    assert {who.id for *_, who in drawn} == {"L1", "L2"}
    assert {start for batch in draw(scenes(1, frames=2000)) for _, start, _, _ in batch} == {0}


def test_segments_are_named_by_where_they_begin() -> None:
    [scene], listener = scenes(1), LISTENERS["L2"]
    batch = read_batch([(scene, 1234, 500, listener), (scene, 0, 700, listener)])
    assert batch.names == ("s0 (song 0) from 1.23 s", "s0 (song 0) from 0.00 s")
    assert batch.mixture.shape == (2, 2, 500)
    assert batch.listeners == (listener, listener)
    torch.testing.assert_close(batch.mixture[0], scene.mixture(1234, 500), rtol=0, atol=0)
    torch.testing.assert_close(batch.stems[0], scene.stems(1234, 500), rtol=0, atol=0)
