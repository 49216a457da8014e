"""Training of the bundled separator: its material, its loss, and going on after a break."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.api import SAMPLE_RATE, STEMS
from bench.errors import BenchError
from bench.pretraining.hdemucs.songs import Pool, pool_names
from bench.pretraining.hdemucs.train import Plan, Trainer, frame_error, train
from bench.separation.hdemucs import Config

TINY = Config(STEMS, channels=4, depth=5, nfft=2048, dconv_attn=5, dconv_lstm=5, norm_starts=1)
PLAN = Plan(
    config=TINY,
    songs=2,
    held_out=0,
    frames=22_050,
    batch=1,
    steps=4,
    rate=1e-3,
    warm_up=2,
    average=0.9,
    clip=1.0,
    coherent=0.5,
    spread=4.0,
    effects=1.0,
    seed=0,
)


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


def test_songs_that_could_not_be_rendered_end_the_training(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held-out ones too, where there are enough to train on."""
    (tmp_path / "pool").mkdir()
    last = pool_names(2)[-1]
    for suffix in (".json", ".npy"):
        name = f"{last}{suffix}"
        (tmp_path / "pool" / name).write_bytes((folder / name).read_bytes())
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(BenchError, match="could not be rendered"):
        train(replace(PLAN, held_out=1), tmp_path)
