"""What museval says of the separated stems: SDR, ISR, SIR and SAR."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import STEMS, MetricSpec, hookimpl, option

_MEANINGS = {
    "sdr": "signal to distortion: all errors of a stem",
    "isr": "image to spatial distortion: wrong level, ear or filter",
    "sir": "source to interference: other stems left in",
    "sar": "sources to artefacts: what no stem explains",
}
MEASURES = tuple(_MEANINGS)
"""In museval's order."""


@dataclass(frozen=True)
class MusevalOptions:
    """Options of the four metrics; the defaults are museval's (BSS Eval v4)."""

    window: float = option(1.0, "length of a frame", unit="s", above=0, most=3600)
    hop: float = option(1.0, "from one frame to the next", unit="s", above=0, most=3600)


@hookimpl
def register_metrics() -> list[MetricSpec]:
    """A metric for each measure."""
    return [
        MetricSpec(
            name=f"museval-{name}",
            target=f"bench_museval.metrics:{name.capitalize()}",
            summary=f"museval, median over frames: {meaning}",
            options=MusevalOptions,
            parts=("mean", *STEMS),
            unit="dB",
            licence="MIT",
            citation="Stöter, Liutkus and Ito (2018), LVA/ICA, 293-305",
        )
        for name, meaning in _MEANINGS.items()
    ]
