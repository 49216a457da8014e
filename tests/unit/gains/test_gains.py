"""The gain strategies."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.api import GainQuery, GainsSpec, GainStrategy
from bench.builtin.gains import TableOptions, register_gains
from bench.builtin.gains.cnn import Cnn, CnnResidual
from bench.builtin.gains.constant import Fixed, NoGains
from bench.builtin.gains.table import Table
from bench.errors import BenchError

ZERO = {"vocals": 0, "drums": 0, "bass": 0, "other": 0}


def query(listeners: tuple[str, ...] = ("L1", "L2"), seed: int = 0) -> GainQuery:
    generator = torch.Generator().manual_seed(seed)
    batch = len(listeners)
    return GainQuery(
        requested=torch.randint(-10, 11, (batch, 4), generator=generator).float(),
        audiograms=100 * torch.rand(batch, 2, 8, generator=generator),
        stems=torch.zeros(batch, 4, 2, 16),
        listeners=listeners,
    )


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


def test_fixed_and_none() -> None:
    q = query()
    assert torch.equal(Fixed().gains(q), q.requested)
    assert torch.equal(NoGains().gains(q), torch.zeros(2, 4))


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


def written(path: Path, table: object) -> Table:
    path.write_text(json.dumps(table))
    return Table(TableOptions(path=str(path)))


def test_a_table_by_listener(tmp_path: Path) -> None:
    table = {
        "default": ZERO,
        "L2": {"other": 1.5, "vocals": -3, "drums": 2, "bass": 0},
    }
    gains = written(tmp_path / "gains.json", table).gains(query())
    assert gains.tolist() == [[0, 0, 0, 0], [-3, 2, 0, 1.5]]


def test_a_table_by_ear_in_toml(tmp_path: Path) -> None:
    path = tmp_path / "gains.toml"
    path.write_text(
        "[L1.left]\nvocals = 1\ndrums = 2\nbass = 3\nother = 4\n"
        "[L1.right]\nvocals = 5.0\ndrums = 6\nbass = 7\nother = 8\n"
        "[default]\nvocals = 0\ndrums = 0\nbass = 0\nother = -1\n"
    )
    gains = Table(TableOptions(path=str(path))).gains(query())
    assert gains.dtype == torch.float32
    assert gains.tolist() == [
        [[1, 2, 3, 4], [5, 6, 7, 8]],
        [[0, 0, 0, -1], [0, 0, 0, -1]],
    ]


def test_an_unknown_listener_without_a_default_is_an_error(tmp_path: Path) -> None:
    table = written(tmp_path / "gains.json", {"L1": ZERO})
    with pytest.raises(BenchError, match="no gains for listener 'L2'") as error:
        table.gains(query())
    assert "'default'" in error.value.hint


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "should map listener ids"),
        ({}, "should map listener ids"),
        ({"L1": 3}, "should be a gain in dB for each stem"),
        ({"L1": {**ZERO, "vocal": 1}}, "unknown key 'vocal'"),
        ({"L1": {"vocals": 1, "bass": 2}}, "drums, other missing"),
        ({"L1": {**ZERO, "bass": "loud"}}, "the gain of bass is no number of dB: 'loud'"),
        ({"L1": {**ZERO, "bass": True}}, "the gain of bass"),
        ({"L1": {**ZERO, "bass": float("inf")}}, "the gain of bass"),
        ({"L1": {"left": ZERO}}, "right missing"),
        ({"L1": {"left": ZERO, "right": ZERO, "vocals": 1}}, "unknown key 'vocals'"),
        ({"L1": {"left": ZERO, "right": 0}}, "should be a gain in dB for each stem"),
    ],
)
def test_a_bad_table_is_an_error(tmp_path: Path, table: object, message: str) -> None:
    path = tmp_path / "gains.json"
    with pytest.raises(BenchError, match=message) as error:
        written(path, table)
    assert str(path) in error.value.where


def test_a_missing_or_malformed_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="it needs a file"):
        Table(TableOptions())
    with pytest.raises(BenchError, match="cannot be read"):
        Table(TableOptions(path=str(tmp_path / "none.json")))
    for name, text in (("a.json", "{"), ("a.toml", "x ="), ("b.json", "\x00")):
        (tmp_path / name).write_text(text)
        with pytest.raises(BenchError, match="not valid JSON or TOML"):
            Table(TableOptions(path=str(tmp_path / name)))
    (tmp_path / "c.json").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(BenchError, match="not valid JSON or TOML"):
        Table(TableOptions(path=str(tmp_path / "c.json")))


def test_the_built_in_strategies_are_registered() -> None:
    specs = {spec.name: spec for spec in register_gains()}
    assert set(specs) == {"fixed", "none", "table", "cnn", "cnn-residual"}
    assert all(isinstance(spec, GainsSpec) for spec in specs.values())
    assert {name for name, spec in specs.items() if spec.trainable} == {"cnn", "cnn-residual"}
    assert all(isinstance(s, GainStrategy) for s in (Fixed(), NoGains(), Cnn(), CnnResidual()))
