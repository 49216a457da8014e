"""The built-in gain strategies, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import GainsSpec, hookimpl, option


@dataclass(frozen=True)
class TableOptions:
    """Options of ``table``."""

    path: str = option("", "JSON or TOML file: gains in dB by listener id or 'default'", path=True)


@dataclass(frozen=True)
class CnnEmbeddingOptions:
    """Options of ``cnn-embedding``."""

    size: int = option(8, "length of a listener's vector", least=1, most=4096)


@hookimpl
def register_gains() -> list[GainsSpec]:
    """The built-in gain strategies."""
    return [
        GainsSpec(
            name="fixed",
            target="bench.builtin.gains.constant:Fixed",
            summary="the gains that the scene requests: the challenge's baseline",
            is_request=True,
        ),
        GainsSpec(
            name="none",
            target="bench.builtin.gains.constant:NoGains",
            summary="0 dB for every stem",
            reads_request=False,
        ),
        GainsSpec(
            name="table",
            target="bench.builtin.gains.table:Table",
            summary="gains from a file, by listener",
            reads_request=False,
            options=TableOptions,
        ),
        GainsSpec(
            name="cnn",
            target="bench.builtin.gains.cnn:Cnn",
            summary="predicted from the audiogram alone, one gain per stem: the seed paper's",
            reads_request=False,
            trainable=True,
        ),
        GainsSpec(
            name="cnn-residual",
            target="bench.builtin.gains.cnn:CnnResidual",
            summary="the requested gains plus a learned correction for each ear",
            trainable=True,
        ),
        GainsSpec(
            name="cnn-embedding",
            target="bench.builtin.gains.cnn:CnnEmbedding",
            summary="the requested gains plus a correction learned with a vector per listener",
            options=CnnEmbeddingOptions,
            trainable=True,
        ),
    ]
