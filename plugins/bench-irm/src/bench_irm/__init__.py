"""The ideal ratio mask: what sharing out the bins of the mixture's spectrum can do."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import SeparatorSpec, hookimpl, option


@dataclass(frozen=True)
class IrmOptions:
    """Options of ``irm``."""

    power: float = option(
        1.0,
        "exponent of the magnitudes: 1 shares by magnitude, 2 by power as Wiener's filter does",
        above=0,
        most=100,
    )
    window: int = option(
        4096, "length of the Hann window, moved by a quarter", unit="samples", least=4, most=1 << 20
    )


@hookimpl
def register_separators() -> list[SeparatorSpec]:
    """The oracle."""
    return [
        SeparatorSpec(
            name="irm",
            target="bench_irm.mask:IdealRatioMask",
            summary="ideal ratio mask: the mixture divided by the "
            "clean stems' shares, never ranked",
            options=IrmOptions,
            reads_stems=True,
            citation=(
                "Stöter, Liutkus and Ito (2018), The 2018 signal separation evaluation campaign, "
                "LVA/ICA, 293-305"
            ),
        )
    ]
