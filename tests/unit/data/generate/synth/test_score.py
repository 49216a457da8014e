"""Compositions: keys, ranges, and that they differ."""

from __future__ import annotations

import numpy as np

from bench.data.generate.synth import dsp
from bench.data.generate.synth.score import GROOVES, MODES, compose, fit, melody


def test_compositions_differ() -> None:
    scores = [compose(f"song {k}", 12.0) for k in range(60)]
    assert {s.groove for s in scores} == set(GROOVES)
    assert {s.mode for s in scores} == set(MODES)
    assert len({s.root for s in scores}) == 12
    assert len({s.tempo for s in scores}) == 60
    assert all(60 <= s.tempo <= 150 for s in scores)


def test_melody_stays_in_key_and_range() -> None:
    score = compose("melody", 20.0)
    notes = melody(score, dsp.generator("melody"), 50, 65, 0.5)
    assert len(notes) > 10
    assert all(50 <= n.pitch <= 65 for n in notes)
    key = {(score.root + step) % 12 for step in MODES[score.mode]}
    assert {n.pitch % 12 for n in notes} <= key
    starts = [n.start for n in notes]
    assert starts == sorted(starts)
    gaps = np.array(starts[1:]) - np.array([n.start + n.seconds for n in notes[:-1]])
    assert gaps.max() > score.sixteenth  # the singer breathes
    assert gaps.min() > -0.51 * score.sixteenth  # and sings one note at a time, but for swing


def test_fit_moves_by_octaves() -> None:
    assert [fit(p, 60, 72) for p in (59, 60, 72, 73, 30, 100)] == [71, 60, 72, 61, 66, 64]
