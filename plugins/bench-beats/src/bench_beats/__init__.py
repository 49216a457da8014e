"""BEATs as the front end of the published HAAQI-Net."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.api import FrontEndSpec, hookimpl, option

BEATS_FILE = "BEATs_iter3_plus_AS2M.pt"


@dataclass(frozen=True)
class BeatsOptions:
    """Options of ``beats``."""

    weights: str = option(
        "",
        "path of the HAAQI-Net checkpoint; the BEATs checkpoint is in the same folder",
        path=True,
        names=("bundled",),
    )

    @property
    def reads(self) -> tuple[Path, ...]:
        """The BEATs checkpoint."""
        return (Path(self.weights).expanduser().parent / BEATS_FILE,) if self.weights else ()


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
