"""Evaluation holds its signals on the CPU; a part of a system may be elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from bench.api import GainQuery
from bench.commands.songs import make_listener
from bench.plugins import Registered, installed
from bench.spec.choices import resolve
from bench.spec.resolve import make_run_spec
from bench.system.system import System, build_system
from tests.helpers.specs import make


class Arrived(Exception):
    """Holds where a part's input was."""


class Elsewhere(nn.Module):
    """A part whose parameters are on another device: here one that can hold nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, device="meta"))

    def separate(self, mixture: Tensor, *stems: Tensor) -> Tensor:
        raise Arrived(*(tensor.device.type for tensor in (mixture, *stems)))

    def gains(self, query: GainQuery) -> Tensor:
        tensors = (query.requested, query.audiograms, query.stems)
        raise Arrived(*(tensor.device.type for tensor in tensors))

    def amplify(self, signal: Tensor, *rest: object) -> Tensor:
        raise Arrived(signal.device.type)


class Here:
    """A part without parameters."""

    def separate(self, mixture: Tensor) -> Tensor:
        return mixture[:, None].expand(-1, 4, -1, -1)

    def gains(self, query: GainQuery) -> Tensor:
        return query.requested


MIXTURE, STEMS = torch.zeros(1, 2, 8), torch.zeros(1, 4, 2, 8)


@pytest.mark.parametrize("reads_stems", [False, True])
def test_signals_go_to_the_separator(reads_stems: bool) -> None:
    system = System(Elsewhere(), Here(), None, None, reads_stems)  # type: ignore[arg-type]
    with pytest.raises(Arrived) as caught:
        system.separate(MIXTURE, STEMS)
    assert caught.value.args == ("meta",) * (1 + reads_stems)


def test_signals_go_to_the_gain_strategy() -> None:
    system = System(Here(), Elsewhere(), None, None, False)  # type: ignore[arg-type]
    with pytest.raises(Arrived) as caught:
        system.gains(STEMS, torch.zeros(1, 4), [make_listener("N3")])
    assert caught.value.args == ("meta",) * 3


def test_a_part_without_parameters_takes_what_it_is_given() -> None:
    system = System(Here(), Here(), None, None, False)  # type: ignore[arg-type]
    assert system.separate(MIXTURE, STEMS).device.type == "cpu"
    requested = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert torch.equal(system.gains(STEMS, requested, [make_listener("N3")]), requested)


def test_signals_go_to_the_prescription() -> None:
    system = System(Here(), Here(), Elsewhere(), None, False)  # type: ignore[arg-type]
    with pytest.raises(Arrived) as caught:
        system.amplify(MIXTURE, [make_listener("N3")])
    assert caught.value.args == ("meta",)


def trainable_system(prescription: str = "nalr-limiter-ft", seed: int = 0) -> System:
    plugins, _, spec = resolve(
        separator="mixture", prescription=prescription, loss="haaqi@output", seed=seed
    )
    return build_system(spec, plugins)


def test_a_trainable_prescription_is_a_part_like_the_others() -> None:
    system = trainable_system()
    assert list(system.modules()) == ["prescription"]
    assert set(system.trainable()) == {"prescription"}
    state = system.state()
    assert {key.partition(".")[0] for key in state} == {"prescription"}
    other = trainable_system()
    with torch.no_grad():
        for parameter in other.trainable()["prescription"]:
            parameter.add_(1.0)
    assert not torch.equal(
        other.state()["prescription.thresholds"], state["prescription.thresholds"]
    )
    other.load_state(state)
    assert all(torch.equal(other.state()[key], value) for key, value in state.items())


def test_a_prescription_that_is_not_trainable_is_frozen() -> None:
    system = trainable_system("nalr-limiter")
    assert "prescription" in system.modules()
    assert system.trainable() == {}


def test_the_references_prescription_moves_with_no_training_and_no_seed() -> None:
    """Even one that could be trained: the reference is that of every run."""
    plugins, suite, _ = resolve()
    moved = replace(suite, reference_prescription="nalr-limiter-ft")
    systems = [
        build_system(
            make_run_spec(
                plugins,
                moved,
                separator="mixture",
                gains="fixed",
                prescription="nalr-limiter-ft",
                loss="haaqi",
                seed=seed,
            ),
            plugins,
        )
        for seed in (0, 1)
    ]
    for system in systems:
        reference = system.reference_prescription
        assert isinstance(reference, nn.Module)
        assert reference is not system.prescription
        assert not any(p.requires_grad for p in reference.parameters())
        assert not any(
            p is q for p in reference.parameters() for q in system.trainable()["prescription"]
        )


def test_new_parts_start_from_the_seed() -> None:
    def weights(seed: int) -> Tensor:
        spec = make(separator="mixture", gains="cnn", loss="loudness", seed=seed)
        gains = build_system(spec, installed()).gain_strategy
        assert isinstance(gains, nn.Module)
        return torch.cat([p.detach().flatten() for p in gains.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_the_parts_of_a_system_start_from_draws_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two parts, or two plugins of one kind, do not begin with the same random numbers."""
    monkeypatch.setattr(Registered, "build", lambda *_: torch.rand(4))
    found = []
    for gains in ("fixed", "none"):
        spec = make(separator="mixture", gains=gains)
        system = build_system(spec, installed())
        found += [system.separator, system.gain_strategy, system.prescription]
    separators, strategies, prescriptions = found[::3], found[1::3], found[2::3]
    assert torch.equal(*separators)  # type: ignore[call-overload]
    assert torch.equal(*prescriptions)  # type: ignore[call-overload]
    drawn = [separators[0], prescriptions[0], *strategies]
    assert len({tuple(one.tolist()) for one in drawn}) == 4  # type: ignore[union-attr]
