"""The built-in gain strategies, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import GainsSpec, hookimpl, option


@dataclass(frozen=True)
class TableOptions:
    """Options of ``table``."""

    path: str = option("", "JSON or TOML file: gains in dB by listener id or 'default'")


@hookimpl
def register_gains() -> list[GainsSpec]:
    """The built-in gain strategies."""
    return [
        GainsSpec(
            name="fixed",
            target="bench.gains.constant:Fixed",
            summary="the gains that the scene requests: the challenge's baseline",
        ),
        GainsSpec(
            name="none",
            target="bench.gains.constant:NoGains",
            summary="0 dB for every stem",
        ),
        GainsSpec(
            name="table",
            target="bench.gains.table:Table",
            summary="gains from a file, by listener",
            options=TableOptions,
        ),
        GainsSpec(
            name="cnn",
            target="bench.gains.cnn:Cnn",
            summary="predicted from the audiogram alone, one gain a stem: the seed paper's",
            trainable=True,
        ),
        GainsSpec(
            name="cnn-residual",
            target="bench.gains.cnn:CnnResidual",
            summary="the requested gains and a learned correction for each ear",
            trainable=True,
        ),
    ]
