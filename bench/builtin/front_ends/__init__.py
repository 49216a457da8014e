"""The built-in predictors of HAAQI, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import FormerName, FrontEndSpec, hookimpl, option


@dataclass(frozen=True)
class HaaqiLightOptions:
    """Options of ``haaqi-light``."""

    weights: str = option(
        "bundled",
        "'bundled', or a path to what `bench proxy train` wrote",
        path=True,
        names=("bundled",),
    )


@dataclass(frozen=True)
class SpectralOptions:
    """Options of ``spectral``."""

    weights: str = option(
        "bundled",
        "'bundled', or a path to what `python -m bench.pretraining.predictors.train_head` wrote",
        path=True,
        names=("bundled",),
    )


@hookimpl
def register_front_ends() -> list[FrontEndSpec]:
    """The built-in predictors."""
    return [
        FrontEndSpec(
            name="haaqi-light",
            target="bench.builtin.front_ends.haaqi_light:haaqi_light",
            summary="a small cochlea in torch that compares the signal with its reference",
            options=HaaqiLightOptions,
            trained_on=("bench-synth",),
            files="bench.builtin.front_ends.haaqi_light:files",
            formerly=(FormerName("light"),),
        ),
        FrontEndSpec(
            name="spectral",
            target="bench.builtin.front_ends.spectral:spectral",
            summary="HAAQI-Net's published head on mel bands: hears the processed signal alone",
            options=SpectralOptions,
            trained_on=("bench-synth",),
            citation="Wisnu et al. (2024), HAAQI-Net, arXiv 2401.01145",
            files="bench.builtin.front_ends.spectral:files",
        ),
    ]
