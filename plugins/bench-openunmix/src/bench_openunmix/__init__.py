"""Open-Unmix, as the challenge's second baseline runs it."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import SeparatorSpec, hookimpl, option

_TRAINED_ON = {"umxhq": ("musdb18-train",), "umxl": ("private",)}


@dataclass(frozen=True)
class OpenUnmixOptions:
    """Options of ``openunmix``."""

    weights: str = option(
        "umxhq",
        'weights: "umxhq" (MUSDB18-HQ) or "umxl" (private data), downloaded on first use, or a '
        "path to the state dict of an openunmix Separator, .safetensors, .pt or .pth",
        weights=True,
    )
    iterations: int = option(
        0, "steps of expectation-maximisation of the Wiener filter; the baseline does none"
    )
    segment: float = option(10.0, "length of a chunk, before it is lengthened by overlap", unit="s")
    overlap: float = option(
        0.1, "cross-fade of two chunks, and by how much of its length a chunk is longer", unit="s"
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
            name="openunmix",
            target="bench_openunmix.separator:OpenUnmixSeparator",
            summary="Open-Unmix: the challenge's second baseline with weights=umxhq",
            options=OpenUnmixOptions,
            needs=("weights",),
            trained_on=_TRAINED_ON["umxhq"],
            licence="MIT; weights umxl: CC BY-NC-SA 4.0",
            citation=(
                "F.-R. Stöter, S. Uhlich, A. Liutkus and Y. Mitsufuji (2019), Open-Unmix - A "
                "reference implementation for music source separation, JOSS 4(41)"
            ),
        )
    ]
