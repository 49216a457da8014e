"""The built-in prescriptions, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import PrescriptionSpec, hookimpl, option

_NALR = "Byrne and Dillon (1986), Ear and Hearing 7(4), 257-265"
_MAX_LOUDNESS_LOSS = (
    "how much quieter than NAL-R's clipped output an ear may become; 99 for no limit"
)
_TRAINED_ON = ("bench-synth",)
_SECONDS = "how much of a longer signal is analysed, in four excerpts"


@dataclass(frozen=True)
class NalrCompressorOptions:
    """Options of ``nalr-compressor``; the defaults are the official recipe's."""

    threshold: float = option(
        0.35, "RMS level above which it compresses", unit="full scale", least=0, most=1000
    )
    attenuation: float = option(
        0.1, "fraction of the RMS level above the threshold that is kept", least=0, most=1
    )
    attack: float = option(50.0, "attack time", unit="ms", least=0.1, most=1e6)
    release: float = option(1000.0, "release time", unit="ms", least=0.1, most=1e6)
    rms_buffer: float = option(
        0.064, "window over which the RMS level is taken", unit="s", least=1e-4, most=60
    )


@dataclass(frozen=True)
class NalrHeadroomOptions:
    """Options of ``nalr-headroom``."""

    clipped: float = option(
        0.01, "share of an ear's samples that may be clipped, 0 to 1", least=0, below=1
    )
    max_loudness_loss: float = option(99.0, _MAX_LOUDNESS_LOSS, unit="LU", least=0, most=200)
    seconds: float = option(12.0, f"{_SECONDS}, for the loudness", unit="s", least=0.4, most=3600)


@dataclass(frozen=True)
class NalrLimiterOptions:
    """Options of ``nalr-limiter`` and ``nalr-limiter-ft``, which starts from them."""

    threshold: float = option(
        -3.0, "peak level above which a band is attenuated", unit="dB FS", least=-100, most=20
    )
    attack: float = option(3.0, "attack time", unit="ms", least=0.01, most=1e6)
    release: float = option(50.0, "release time", unit="ms", least=0.01, most=1e6)
    look_ahead: float = option(
        6.0, "how long before a peak the reduction begins", unit="ms", least=0, most=1000
    )
    max_loudness_loss: float = option(99.0, _MAX_LOUDNESS_LOSS, unit="LU", least=0, most=200)
    seconds: float = option(12.0, f"{_SECONDS}, for the loudness", unit="s", least=0.4, most=3600)


@dataclass(frozen=True)
class NalrTunedOptions:
    """Options of ``nalr-tuned``."""

    steps: int = option(
        20, "steps of the search; its time is proportional to them", least=0, most=10_000
    )
    bands: int = option(10, "bands of the equaliser, from 125 Hz to 16 kHz", least=2, most=64)
    limiter: bool = option(True, "whether to add a limiter, whose thresholds are searched too")
    rate: float = option(0.7, "size of the first steps", unit="dB", above=0, most=100)
    start: float = option(
        -1.0, "gain of all bands at which the search starts", unit="dB", least=-100, most=40
    )
    threshold: float = option(
        -3.0, "of the limiter that it starts from", unit="dB FS", least=-100, most=20
    )
    max_loudness_loss: float = option(99.0, _MAX_LOUDNESS_LOSS, unit="LU", least=0, most=200)
    seconds: float = option(
        12.0, f"{_SECONDS}; memory and time grow with it", unit="s", least=0.4, most=3600
    )


@dataclass(frozen=True)
class NalrFitOptions:
    """Options of ``nalr-fit`` and ``nalr-fit-ft``, which starts from them."""

    weights: str = option(
        "bundled",
        "'bundled', 'none' (which is NAL-R) or a path",
        weights=True,
        path=True,
        names=("bundled", "none"),
    )
    trained_on: str = option(
        "",
        "what the weights at a path were trained on, separated by commas; where it is not said, "
        "the row is not ranked",
        weights=True,
    )
    max_loudness_loss: float = option(99.0, _MAX_LOUDNESS_LOSS, unit="LU", least=0, most=200)
    seconds: float = option(12.0, _SECONDS, unit="s", least=0.4, most=3600)

    @property
    def weights_trained_on(self) -> tuple[str, ...]:
        """Names of the data that the weights were trained on."""
        said = tuple(name.strip() for name in self.trained_on.split(",") if name.strip())
        return {"bundled": _TRAINED_ON, "none": ("nothing",)}.get(
            self.weights, said or ("unknown",)
        )


@hookimpl
def register_prescriptions() -> list[PrescriptionSpec]:
    """The built-in prescriptions."""
    return [
        PrescriptionSpec(
            name="nalr",
            target="bench.builtin.prescriptions.nalr:Nalr",
            summary="NAL-R, linear, the challenge's prescription",
            citation=_NALR,
        ),
        PrescriptionSpec(
            name="nalr-compressor",
            target="bench.builtin.prescriptions.nalr_compressor:NalrCompressor",
            summary="NAL-R followed by the challenge's broadband compressor",
            options=NalrCompressorOptions,
            citation=_NALR,
        ),
        PrescriptionSpec(
            name="nalr-headroom",
            target="bench.builtin.prescriptions.nalr_headroom:NalrHeadroom",
            summary="NAL-R and the smallest attenuation of each ear that avoids clipping",
            options=NalrHeadroomOptions,
            citation=_NALR,
        ),
        PrescriptionSpec(
            name="nalr-limiter",
            target="bench.builtin.prescriptions.nalr_limiter:NalrLimiter",
            summary="NAL-R and a multi-band limiter with look-ahead",
            options=NalrLimiterOptions,
            citation="Giannoulis, Massberg and Reiss (2012), JAES 60(6), 399-408",
        ),
        PrescriptionSpec(
            name="nalr-limiter-ft",
            target="bench.builtin.prescriptions.nalr_limiter:NalrLimiterTrained",
            summary="NAL-R and a multi-band limiter whose thresholds and times the run trains",
            options=NalrLimiterOptions,
            trainable=True,
            citation="Giannoulis, Massberg and Reiss (2012), JAES 60(6), 399-408",
        ),
        PrescriptionSpec(
            name="nalr-tuned",
            target="bench.builtin.prescriptions.nalr_tuned:NalrTuned",
            summary="NAL-R, an equaliser and a limiter, optimised "
            "for each song by HAAQI's gradient",
            options=NalrTunedOptions,
            citation=_NALR,
        ),
        PrescriptionSpec(
            name="nalr-fit",
            target="bench.builtin.prescriptions.nalr_fit:NalrFit",
            summary="NAL-R, an equaliser and a limiter, predicted for each ear by a small network",
            options=NalrFitOptions,
            trained_on=_TRAINED_ON,
            citation=_NALR,
        ),
        PrescriptionSpec(
            name="nalr-fit-ft",
            target="bench.builtin.prescriptions.nalr_fit:NalrFitTrained",
            summary="NAL-R, an equaliser and a limiter, predicted by a network that the run trains",
            options=NalrFitOptions,
            trainable=True,
            trained_on=_TRAINED_ON,
            citation=_NALR,
        ),
    ]
