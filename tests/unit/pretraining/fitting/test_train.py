"""How the network of ``nalr-fit`` was trained: on a pool of two short songs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.hearing.fitting.network import FitNetwork, load_network
from bench.pretraining.fitting.train import Plan, Trainer, gradient, watched_scores
from bench.pretraining.hdemucs.songs import build_pool, pool_names

PLAN = Plan(
    songs=2,
    held_out=1,
    watched=1,
    seconds=0.5,
    batch=2,
    steps=2,
    rate=0.01,
    spread=8.0,
    price=0.004,
    seed=0,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fit")
    build_pool(path / "pool", pool_names(2), seconds=2.0)
    return path


def test_an_untrained_network_scores_as_nalr_and_learns(folder: Path) -> None:
    state = FitNetwork().state_dict()
    before, after = watched_scores(folder, PLAN, state, 0)
    assert before == pytest.approx(after, abs=1e-4)
    loss, found = gradient(folder, PLAN, state, 0)
    assert 0 < loss < 1
    assert float(found["head.bias"].abs().max()) > 0
    again = gradient(folder, PLAN, state, 0)
    assert again[0] == loss
    assert gradient(folder, PLAN, state, 1)[0] != loss


def test_it_goes_on_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pool").symlink_to(folder / "pool")
    whole = Trainer(PLAN, tmp_path)
    whole.advance()
    weights = whole.save()
    whole.advance()
    again = Trainer(PLAN, tmp_path)
    assert again.step == 1
    again.advance()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name])
    assert float(load_network(str(weights)).head.bias.detach().abs().max()) > 0
