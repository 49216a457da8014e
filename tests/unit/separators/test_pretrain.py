"""Training of the bundled separator: its material, its loss, and going on after a break."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.api import SAMPLE_RATE, STEMS
from bench.data.generate.at_mic import to_at_mic
from bench.data.generate.hrtf import spherical_head
from bench.data.generate.synth.dsp import generator
from bench.data.generate.synth.song import make_song
from bench.pretraining.hdemucs.songs import Pool, build_pool, pool_names
from bench.pretraining.hdemucs.train import Plan, Trainer, frame_error
from bench.separation.hdemucs import Config

TINY = Config(STEMS, channels=4, depth=5, nfft=2048, dconv_attn=5, dconv_lstm=5, norm_starts=1)
PLAN = Plan(TINY, 2, 0, 22_050, 1, 4, 1e-3, 2, 0.9, 1.0, 0.5, 4.0, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    build_pool(folder, pool_names(2), seconds=4.0)
    return folder


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


def test_loss_counts_decibels() -> None:
    stems = torch.randn(1, 4, 2, 2 * SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    near, far = (frame_error(stems * (1 + e), stems) for e in (0.1, 0.5))
    # 20 log10(0.5 / 0.1) = 13.98 dB, less what is forgiven of small errors.
    assert 8 < float(far - near) < 13.98
    silent = stems.clone()
    silent[:, 0] = 0
    assert torch.isfinite(frame_error(torch.zeros_like(silent), silent))
    zeros = torch.zeros_like(stems).requires_grad_()
    frame_error(zeros, torch.zeros_like(stems)).backward()
    assert zeros.grad is not None
    assert torch.isfinite(zeros.grad).all()


def test_goes_on_after_a_break_as_if_there_was_none(folder: Path, tmp_path: Path) -> None:
    pool = Pool(folder, pool_names(2))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = Trainer(PLAN, tmp_path / "a")
    losses = [whole.advance(pool) for _ in range(4)]
    broken = Trainer(PLAN, tmp_path / "b")
    first = [broken.advance(pool) for _ in range(2)]
    broken.save()
    second = Trainer(PLAN, tmp_path / "b")
    assert second.step == 2
    assert first + [second.advance(pool) for _ in range(2)] == losses
    for ours, theirs in zip(second.average.parameters(), whole.average.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_pool_is_apart_from_the_demo() -> None:
    assert not any("Demo" in name for name in pool_names(1000))
    assert len(set(pool_names(1000))) == 1000
