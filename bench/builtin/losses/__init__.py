"""The built-in losses, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import LossSpec, hookimpl, option


@dataclass(frozen=True)
class SdrLossOptions:
    """Options of ``sdr``."""

    scale_invariant: bool = option(True, "SI-SDR; false for plain SDR, which also minds the level")


@dataclass(frozen=True)
class HaaqiNetLossOptions:
    """Options of ``haaqi-net``."""

    front_end: str = option("light", "'light' (bundled), or 'beats': the published model, a plugin")
    weights: str = option("bundled", "the predictor's weights: 'bundled' or a path")
    variant: str = option(
        "per-ear",
        "'per-ear': each ear with its own audiogram; 'paper': the seed paper's ear average",
    )


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
            summary="squared difference of BS.1770 integrated loudness, LU squared",
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
            name="haaqi-net",
            target="bench.builtin.losses.haaqi_net:HaaqiNetLoss",
            summary="one minus HAAQI as HAAQI-Net predicts it, by default the light intrusive one",
            options=HaaqiNetLossOptions,
            default_place="output",
            predicts="haaqi",
            citation="Wisnu et al. (2024), HAAQI-Net, arXiv 2401.01145",
        ),
    ]
