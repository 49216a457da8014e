"""The built-in metrics, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.api import EARS, STEMS, FormerName, MetricSpec, hookimpl, option
from bench.errors import BenchError, suggest

NOISES: Final = ("table", "recipe")
"""Kinds of HAAQI's threshold noise."""


@dataclass(frozen=True)
class HaaqiOptions:
    """Options of ``haaqi``."""

    noise: str = option(
        "table",
        'threshold noise: "table", always the same and fast; or "recipe", drawn as the official '
        "recipe draws it for the scene, which gives the recipe's scores to 1e-8",
    )
    unclipped: bool = option(
        False,
        "also give the part `unclipped`: the mean of both ears without the output's clipping and "
        "16 bit; takes as long again",
    )

    def __post_init__(self) -> None:
        if self.noise not in NOISES:
            where = "metric 'haaqi', option 'noise'"
            raise BenchError(
                f"there is no '{self.noise}'", where=where, hint=suggest(self.noise, NOISES)
            )


@hookimpl
def register_metrics() -> list[MetricSpec]:
    """The built-in metrics."""
    return [
        MetricSpec(
            name="haaqi",
            target="bench.builtin.metrics.haaqi:Haaqi",
            summary="HAAQI of the output file, with the challenge's signal path and calibration",
            parts=("mean", *EARS, "better", "unclipped"),
            options=HaaqiOptions,
            title="HAAQI",
            bounds=(0.0, 1.0),
            citation="Kates and Arehart (2016), IEEE/ACM TASLP 24(2), 354-365",
        ),
        MetricSpec(
            name="sdr",
            target="bench.builtin.metrics.sdr:Sdr",
            summary="signal-to-distortion ratio of the separated stems, museval's median over 1 s",
            parts=("mean", *STEMS),
            unit="dB",
            title="SDR",
            decimals=2,
            reads_stems=True,
            citation="Stöter, Liutkus and Ito (2018), LVA/ICA, 293-305",
        ),
        MetricSpec(
            name="lufs",
            target="bench.builtin.metrics.lufs:LufsDifference",
            summary="integrated loudness of the output minus that of the amplified reference",
            unit="LU",
            title="LUFS diff.",
            decimals=2,
            higher_is_better=None,
            citation="ITU-R BS.1770-4",
        ),
        MetricSpec(
            name="clipping",
            target="bench.builtin.metrics.clipping:Clipping",
            summary="share of the output's samples that are at full scale",
            parts=("mean", *EARS),
            title="Clipped",
            decimals=1,
            percent=True,
            higher_is_better=False,
            bounds=(0.0, 1.0),
        ),
        MetricSpec(
            name="haaqi-light",
            target="bench.builtin.metrics.haaqi_light:HaaqiLightMetric",
            summary="the proxy: HAAQI as predicted by haaqi-light, to be read beside the truth",
            parts=("mean", *EARS),
            title="Proxy",
            predicts="haaqi",
            bounds=(0.0, 1.0),
            formerly=(FormerName("haaqi-net"),),
        ),
    ]
