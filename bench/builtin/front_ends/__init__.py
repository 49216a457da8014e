"""The built-in front end of HAAQI-Net, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import FrontEndSpec, hookimpl, option


@dataclass(frozen=True)
class LightOptions:
    """Options of ``light``."""

    weights: str = option("bundled", "'bundled', or a path to what `bench proxy train` wrote")


@hookimpl
def register_front_ends() -> list[FrontEndSpec]:
    """The built-in front end."""
    return [
        FrontEndSpec(
            name="light",
            target="bench.builtin.front_ends.light:light",
            summary="a small cochlea in torch that compares the signal with its reference",
            options=LightOptions,
            trained_on=("bench-synth",),
            files="bench.builtin.front_ends.light:files",
        )
    ]
