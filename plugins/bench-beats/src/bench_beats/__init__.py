"""BEATs as the front end of the published HAAQI-Net."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import FrontEndSpec, hookimpl, option


@dataclass(frozen=True)
class BeatsOptions:
    """Options of ``beats``."""

    weights: str = option(
        "", "path of the HAAQI-Net checkpoint; the BEATs checkpoint is in the same folder"
    )


@hookimpl
def register_front_ends() -> list[FrontEndSpec]:
    """The front end of this package."""
    return [
        FrontEndSpec(
            name="beats",
            target="bench_beats.front_end:load_full",
            summary="the published HAAQI-Net over BEATs, which hears the processed signal alone",
            options=BeatsOptions,
            needs=("weights",),
            trained_on=("audioset", "unknown"),
            citation="Wisnu et al. (2024), HAAQI-Net, arXiv 2401.01145",
        )
    ]
