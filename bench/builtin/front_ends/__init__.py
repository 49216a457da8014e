"""The built-in predictor of HAAQI, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import FormerName, FrontEndSpec, hookimpl, option


@dataclass(frozen=True)
class HaaqiLightOptions:
    """Options of ``haaqi-light``."""

    weights: str = option("bundled", "'bundled', or a path to what `bench proxy train` wrote")


@hookimpl
def register_front_ends() -> list[FrontEndSpec]:
    """The built-in predictor."""
    return [
        FrontEndSpec(
            name="haaqi-light",
            target="bench.builtin.front_ends.haaqi_light:haaqi_light",
            summary="a small cochlea in torch that compares the signal with its reference",
            options=HaaqiLightOptions,
            trained_on=("bench-synth",),
            files="bench.builtin.front_ends.haaqi_light:files",
            formerly=(FormerName("light"),),
        )
    ]
