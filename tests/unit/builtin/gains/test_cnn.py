"""Gains by a network."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import Tensor, nn

from bench.api import GainQuery
from bench.builtin.gains import CnnEmbeddingOptions
from bench.builtin.gains.cnn import Cnn, CnnEmbedding, CnnResidual
from bench.errors import BenchError
from tests.helpers.gain_queries import query


def seeded(kind: type[Cnn] | type[CnnResidual], seed: int = 0) -> Cnn | CnnResidual:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return kind()


def train(strategy: Cnn | CnnResidual, q: GainQuery, target: Tensor, steps: int = 60) -> float:
    optimizer = torch.optim.Adam(strategy.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (strategy.gains(q) - target).square().mean()
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def test_the_cnn_has_the_papers_shape() -> None:
    cnn = seeded(Cnn)
    shapes = {name: tuple(p.shape) for name, p in cnn.named_parameters() if name.endswith("weight")}
    assert list(shapes.values()) == [
        (16, 2, 3),
        (16, 2, 1),
        (32, 16, 3),
        (32, 16, 1),
        (64, 32, 3),
        (64, 32, 1),
        (4, 512),
    ]


def test_the_cnn_starts_at_0_db() -> None:
    assert torch.equal(seeded(Cnn).gains(query()).detach(), torch.zeros(2, 4))


def test_the_residual_cnn_starts_as_fixed() -> None:
    q = query()
    gains = seeded(CnnResidual).gains(q).detach()
    assert torch.equal(gains, q.requested[:, None].expand(2, 2, 4))


@pytest.mark.parametrize("kind", [Cnn, CnnResidual])
def test_every_parameter_learns(kind: type[Cnn] | type[CnnResidual]) -> None:
    strategy = seeded(kind)
    before = {name: p.detach().clone() for name, p in strategy.named_parameters()}
    train(strategy, query(), torch.tensor([3.0, -3.0, 6.0, -6.0]), steps=3)
    for name, parameter in strategy.named_parameters():
        assert not torch.equal(parameter.detach(), before[name]), name


def test_the_cnn_learns_gains_by_audiogram() -> None:
    target = torch.tensor([[5.0, -5, 10, 0], [-5.0, 5, 0, 10]])
    assert train(seeded(Cnn), query(), target) < 0.1


def test_the_residual_cnn_learns_a_correction_by_ear() -> None:
    q = query()
    correction = torch.tensor([[2.0, 0, 0, -2], [-2.0, 0, 0, 2]])
    assert train(seeded(CnnResidual), q, q.requested[:, None] + correction) < 0.1


def test_the_cnn_does_not_see_the_requested_gains_and_the_residual_one_does() -> None:
    one = query()
    other = GainQuery(-one.requested, one.audiograms, one.stems, one.listeners)
    cnn, residual = seeded(Cnn), seeded(CnnResidual)
    train(cnn, one, torch.ones(4), steps=5)
    train(residual, one, one.requested[:, None] + torch.ones(4), steps=5)
    assert torch.equal(cnn.gains(one), cnn.gains(other))
    corrections = [(residual.gains(q) - q.requested[:, None]).detach() for q in (one, other)]
    assert (corrections[0] - corrections[1]).abs().max() > 1e-4


@pytest.mark.parametrize("kind", [Cnn, CnnResidual])
def test_gains_stay_within_20_db(kind: type[Cnn] | type[CnnResidual]) -> None:
    strategy = seeded(kind)
    for parameter in strategy.parameters():
        nn.init.normal_(parameter, std=10, generator=torch.Generator().manual_seed(0))
    q = query()
    base = q.requested[:, None] if kind is CnnResidual else torch.zeros(2, 4)
    change = (strategy.gains(q) - base).detach()
    assert change.abs().max() <= 20 + 1e-5
    assert change.abs().max() > 19


@pytest.mark.parametrize("kind", [Cnn, CnnResidual])
def test_a_forward_pass_is_repeatable_and_survives_pickling(
    kind: type[Cnn] | type[CnnResidual],
) -> None:
    strategy, q = seeded(kind), query()
    train(strategy, q, torch.ones(4), steps=2)
    copy = pickle.loads(pickle.dumps(strategy))
    assert torch.equal(strategy.gains(q), strategy.gains(q))
    assert torch.equal(copy.gains(q), strategy.gains(q))


def test_the_same_seed_gives_the_same_network() -> None:
    one, same, other = (seeded(Cnn, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def embedding(size: int = 4) -> CnnEmbedding:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CnnEmbedding(CnnEmbeddingOptions(size=size))


def alike(*listeners: str) -> GainQuery:
    """Of listeners who differ in nothing but their names."""
    one = query(("L1",))
    count = len(listeners)
    return GainQuery(
        one.requested.expand(count, -1),
        one.audiograms.expand(count, -1, -1),
        one.stems.expand(count, -1, -1, -1),
        listeners,
    )


def test_listeners_with_the_same_audiogram_get_gains_of_their_own() -> None:
    strategy = embedding().train()
    q = alike("A", "B")
    assert torch.equal(strategy.gains(q).detach(), q.requested[:, None].expand(2, 2, 4))
    target = q.requested[:, None] + torch.tensor([5.0, -5.0])[:, None, None]
    optimizer = torch.optim.Adam(strategy.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        (strategy.gains(q) - target).square().mean().backward()
        optimizer.step()
    strategy.eval()
    with torch.no_grad():
        a, b, stranger, other = strategy.gains(alike("A", "B", "C", "D")) - q.requested[0]
    assert (a - 5).abs().max() < 1
    assert (b + 5).abs().max() < 1
    # Those who were never met are alike, between those who were.
    assert torch.equal(stranger, other)
    assert stranger.abs().max() < 4


def test_it_remembers_whom_it_met() -> None:
    first, second = embedding().train(), embedding()
    first.gains(alike("A", "B", "A"))
    with torch.no_grad():
        first.vectors.add_(torch.randn(first.vectors.shape))
        first.head.weight.add_(torch.randn(first.head.weight.shape))
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        found = [one.eval().gains(alike("A", "B", "C")) for one in (first, second)]
        # Outside training no one is met.
        again = second.gains(alike("C", "D", "B"))
    assert torch.equal(*found)
    assert torch.equal(again[0], found[1][2])
    assert torch.equal(again[2], found[1][1])
    assert int((second.known != 0).sum()) == 2


def test_a_vector_has_a_length() -> None:
    with pytest.raises(BenchError, match="size must be 1 or more"):
        embedding(size=0)
