"""Hybrid Transformer Demucs by the demucs package."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import SeparatorSpec, hookimpl, option

_SEEN = ("musdb18-train", "private")
_TRAINED_ON = {"htdemucs": _SEEN, "htdemucs_ft": _SEEN}


@dataclass(frozen=True)
class DemucsOptions:
    """Options of ``demucs``."""

    weights: str = option(
        "htdemucs",
        'weights: "htdemucs", or "htdemucs_ft" (four networks, one a stem), downloaded on first '
        "use, or a path: .safetensors as demucs publishes them, or .th as its training exports",
        weights=True,
        path=True,
        names=tuple(_TRAINED_ON),
    )
    overlap: float = option(
        0.25, "share of a chunk that the next one covers again", least=0, most=0.95
    )
    trained_on: str = option(
        "",
        "what the weights at a path were trained on, such as musdb18-train, separated by commas; "
        "where it is not said, the row is not ranked",
        weights=True,
    )

    @property
    def weights_trained_on(self) -> tuple[str, ...]:
        """Names of the data that the weights were trained on."""
        said = tuple(name.strip() for name in self.trained_on.split(",") if name.strip())
        return _TRAINED_ON.get(self.weights, said or ("unknown",))


@hookimpl
def register_separators() -> list[SeparatorSpec]:
    """The separator."""
    return [
        SeparatorSpec(
            name="demucs",
            target="bench_demucs.separator:DemucsSeparator",
            summary="Hybrid Transformer Demucs as released; trained on private songs too",
            options=DemucsOptions,
            needs=("weights",),
            trained_on=_SEEN,
            licence="MIT",
            citation=(
                "S. Rouard, F. Massa and A. Défossez (2023), Hybrid transformers for music source "
                "separation, ICASSP"
            ),
        )
    ]
