"""The built-in prescriptions, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import PrescriptionSpec, hookimpl, option


@dataclass(frozen=True)
class NalrCompressorOptions:
    """Options of ``nalr-compressor``; the defaults are the official recipe's."""

    threshold: float = option(0.35, "RMS level above which it compresses", unit="full scale")
    attenuation: float = option(0.1, "part of the RMS level above the threshold that is kept")
    attack: float = option(50.0, "time to go down", unit="ms")
    release: float = option(1000.0, "time to come back", unit="ms")
    rms_buffer: float = option(0.064, "window over which the RMS level is taken", unit="s")


@hookimpl
def register_prescriptions() -> list[PrescriptionSpec]:
    """The built-in prescriptions."""
    return [
        PrescriptionSpec(
            name="nalr",
            target="bench.builtin.prescriptions.nalr:Nalr",
            summary="NAL-R, linear, the challenge's prescription",
            citation="Byrne and Dillon (1986), Ear and Hearing 7(4), 257-265",
        ),
        PrescriptionSpec(
            name="nalr-compressor",
            target="bench.builtin.prescriptions.nalr_compressor:NalrCompressor",
            summary="NAL-R followed by the challenge's broadband compressor",
            options=NalrCompressorOptions,
            citation="Byrne and Dillon (1986), Ear and Hearing 7(4), 257-265",
        ),
    ]
