"""Gains that are those asked for, or none."""

from __future__ import annotations

import torch

from bench.builtin.gains.constant import Fixed, NoGains
from tests.helpers.gain_queries import query


def test_fixed_and_none() -> None:
    q = query()
    assert torch.equal(Fixed().gains(q), q.requested)
    assert torch.equal(NoGains().gains(q), torch.zeros(2, 4))
