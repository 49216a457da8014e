"""The built-in losses, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.api import FormerName, LossSpec, hookimpl, option


@dataclass(frozen=True)
class SdrLossOptions:
    """Options of ``sdr``."""

    scale_invariant: bool = option(
        True, "SI-SDR; false for plain SDR, which depends on the level too"
    )


@dataclass(frozen=True)
class LoudnessLossOptions:
    """Options of ``loudness``."""

    form: str = option(
        "lufs",
        "'lufs': relative difference of loudness, 0 to 1; 'rms': as in the seed paper's script",
    )


_VARIANT: Final = (
    "'per-ear': each ear with its own audiogram; 'paper': the seed paper's ear average"
)


@dataclass(frozen=True)
class HaaqiLightLossOptions:
    """Options of ``haaqi-light``."""

    weights: str = option(
        "bundled",
        "'bundled', or a path to what `bench proxy train` wrote",
        path=True,
        names=("bundled",),
    )
    variant: str = option("per-ear", _VARIANT, one_of=("per-ear", "paper"))


@dataclass(frozen=True)
class HaaqiNetLossOptions:
    """Options of ``haaqi-net``."""

    front_end: str = option(
        "spectral",
        "'spectral': the published head on mel bands, bundled; 'beats': the published model, a "
        "plugin; 'haaqi-light': the proxy",
        plugin="front-end",
    )
    weights: str = option(
        "bundled", "the predictor's weights: 'bundled' or a path", path=True, names=("bundled",)
    )
    variant: str = option("per-ear", _VARIANT, one_of=("per-ear", "paper"))


@hookimpl
def register_losses() -> list[LossSpec]:
    """The built-in losses."""
    return [
        LossSpec(
            name="mse",
            target="bench.builtin.losses.mse:MseLoss",
            summary="mean squared error of the samples",
        ),
        LossSpec(
            name="sdr",
            target="bench.builtin.losses.sdr:SdrLoss",
            summary="negative signal-to-distortion ratio, scale-invariant or plain, dB",
            unit="dB",
            options=SdrLossOptions,
            citation="Le Roux et al. (2019), SDR - half-baked or well done?, ICASSP",
        ),
        LossSpec(
            name="loudness",
            target="bench.builtin.losses.loudness:LoudnessLoss",
            summary="squared relative difference of BS.1770 loudness; "
            "1 if only one of the two is heard",
            options=LoudnessLossOptions,
            citation="ITU-R BS.1770-4",
        ),
        LossSpec(
            name="haaqi",
            target="bench.builtin.losses.haaqi:HaaqiLoss",
            summary="one minus true HAAQI, differentiated through the auditory model",
            default_place="output",
            citation="Kates and Arehart (2016), IEEE/ACM TASLP 24(2), 354-365",
        ),
        LossSpec(
            name="haaqi-light",
            target="bench.builtin.losses.predictor:haaqi_light",
            summary="one minus the proxy: HAAQI as predicted by a small "
            "model that hears the reference",
            options=HaaqiLightLossOptions,
            default_place="output",
            predicts="haaqi",
            title="Proxy",
            formerly=tuple(
                FormerName("haaqi-net", {"front_end": name}) for name in ("light", "haaqi-light")
            ),
        ),
        LossSpec(
            name="haaqi-net",
            target="bench.builtin.losses.predictor:haaqi_net",
            summary="one minus HAAQI as predicted by the published HAAQI-Net over a front end",
            options=HaaqiNetLossOptions,
            default_place="output",
            predicts="haaqi",
            title="HAAQI-Net",
            citation="Wisnu et al. (2024), HAAQI-Net, arXiv 2401.01145",
        ),
    ]
