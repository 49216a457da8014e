"""Evaluation holds its signals on the CPU; a part of a system may be elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.api import GainQuery
from bench.commands.songs import make_listener
from bench.system.system import System


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
