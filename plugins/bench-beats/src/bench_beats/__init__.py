"""BEATs as the front end of the published HAAQI-Net."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.hearing.haaqi_net.model import HaaqiNet


def load(weights: str) -> HaaqiNet:
    """The published HAAQI-Net from its own checkpoint and BEATs' beside it.

    Args:
        weights: path of the HAAQI-Net checkpoint; the BEATs checkpoint is in the same folder.

    Raises:
        BenchError: a file is missing or does not fit.
    """
    from bench_beats.front_end import load_full

    return load_full(weights)
