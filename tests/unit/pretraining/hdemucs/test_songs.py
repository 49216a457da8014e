"""The songs that the bundled separator is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bench.api import SAMPLE_RATE, STEMS
from bench.data.generate.at_mic import to_at_mic
from bench.data.generate.hrtf import spherical_head
from bench.data.generate.synth.dsp import generator
from bench.data.generate.synth.song import make_song
from bench.pretraining.hdemucs.songs import DEMO_SHARE, Pool, build_pool, pool_names


def test_pool_mixes_as_the_microphones_hear_it(folder: Path) -> None:
    """Against the mixture filtered and levelled as one file: powers of stems nearly add."""
    name = next(n for n in pool_names(4) if generator(n, "instruments").random() < DEMO_SHARE)
    build_pool(folder, [name], seconds=4.0)
    mixtures, parts = next(Pool(folder, [name]).whole())
    mixture, stems = mixtures[0].numpy(), parts[0].numpy()
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
    for effects in (0.0, 1.0):
        draws = [pool.draw(np.random.default_rng(5), 3, 10_000, effects=effects) for _ in range(2)]
        first, again = draws
        assert torch.equal(first[0], again[0])
        assert torch.equal(first[1], again[1])
        mixture, stems = pool.draw(np.random.default_rng(6), 3, 10_000, effects=effects)
        assert mixture.shape == (3, 2, 10_000)
        assert stems.shape == (3, 4, 2, 10_000)
        assert torch.isfinite(stems).all()
        assert not torch.equal(mixture, first[0])


def test_a_mixture_is_made_of_its_stems(folder: Path) -> None:
    """Each drawn mixture is a sum of its stems with one positive weight each, near 1."""
    pool = Pool(folder, pool_names(2))
    mixture, stems = pool.draw(np.random.default_rng(1), 8, 20_000, effects=1.0)
    for mixed, parts in zip(mixture, stems, strict=True):
        heard = [k for k in range(len(STEMS)) if parts[k].abs().max() > 0]
        basis = parts[heard].reshape(len(heard), -1).T.double()
        found = torch.linalg.lstsq(basis, mixed.reshape(-1, 1).double())
        rest = basis @ found.solution - mixed.reshape(-1, 1)
        assert float(rest.abs().max()) < 1e-4
        assert ((found.solution > 0.4) & (found.solution < 2.5)).all()


def test_a_song_written_later_joins_the_pool(folder: Path, tmp_path: Path) -> None:
    first, second = pool_names(2)
    for suffix in (".json", ".npy"):
        (tmp_path / f"{first}{suffix}").write_bytes((folder / f"{first}{suffix}").read_bytes())
    pool = Pool(tmp_path, [first, second])
    assert len(pool) == 1
    for suffix in (".npy", ".json"):
        (tmp_path / f"{second}{suffix}").write_bytes((folder / f"{second}{suffix}").read_bytes())
    pool.refresh()
    assert len(pool) == 2


def test_pool_is_apart_from_the_demo() -> None:
    assert not any("Demo" in name for name in pool_names(1000))
    assert len(set(pool_names(1000))) == 1000
