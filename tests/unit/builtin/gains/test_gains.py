"""The gain strategies."""

from __future__ import annotations

from bench.api import GainsSpec, GainStrategy
from bench.builtin.gains import register_gains
from bench.builtin.gains.cnn import Cnn, CnnResidual
from bench.builtin.gains.constant import Fixed, NoGains


def test_the_built_in_strategies_are_registered() -> None:
    specs = {spec.name: spec for spec in register_gains()}
    assert set(specs) == {"fixed", "none", "table", "cnn", "cnn-residual", "cnn-embedding"}
    assert all(isinstance(spec, GainsSpec) for spec in specs.values())
    learned = {"cnn", "cnn-residual", "cnn-embedding"}
    assert {name for name, spec in specs.items() if spec.trainable} == learned
    assert all(isinstance(s, GainStrategy) for s in (Fixed(), NoGains(), Cnn(), CnnResidual()))
