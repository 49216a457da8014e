"""The songs that the bundled separator is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.api import SAMPLE_RATE, STEMS
from bench.data.generate.at_mic import to_at_mic
from bench.data.generate.hrtf import spherical_head
from bench.data.generate.synth.dsp import generator
from bench.data.generate.synth.song import make_song
from bench.pretraining.hdemucs.songs import Pool, pool_names


def test_pool_mixes_as_the_microphones_hear_it(folder: Path) -> None:
    """Against the mixture filtered and levelled as one file: powers of stems nearly add."""
    name = pool_names(1)[0]
    mixture, stems = next(Pool(folder, [name]).whole())
    rng = generator(name, "head")  # as the pool draws it
    radius = rng.uniform(0.075, 0.1)
    left = spherical_head(-rng.uniform(15.0, 50.0), radius)
    right = spherical_head(rng.uniform(15.0, 50.0), radius)
    song = make_song(name, 4.0)
    expected = to_at_mic(song["mixture"] / 32768.0, left, right, SAMPLE_RATE).T
    error = np.square(mixture - expected).sum() / np.square(expected).sum()
    assert 10 * np.log10(error) < -20
    for k, stem in enumerate(STEMS):
        wet = to_at_mic(song[stem] / 32768.0, left, right, SAMPLE_RATE).T
        np.testing.assert_allclose(stems[k], wet, atol=2 / 32768)


def test_draws_are_seeded_and_differ(folder: Path) -> None:
    pool = Pool(folder, pool_names(2))
    first, again = (pool.draw(np.random.default_rng(5), 10_000) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    mixture, stems = pool.draw(np.random.default_rng(6), 10_000)
    assert mixture.shape == (2, 10_000)
    assert stems.shape == (4, 2, 10_000)
    assert not np.array_equal(mixture, first[0])


def test_pool_is_apart_from_the_demo() -> None:
    assert not any("Demo" in name for name in pool_names(1000))
    assert len(set(pool_names(1000))) == 1000
