"""Open-Unmix, as the challenge's second baseline runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.api import SeparatorSpec, hookimpl, option
from bench.runtime.machine import hub_folder
from bench.separation.chunks import check_chunks

DIGESTS = {
    "umxhq": {"vocals": "b62c91ce", "drums": "9619578f", "bass": "8d85a5bd", "other": "b52fbbf7"},
    "umxl": {"vocals": "bccbd9aa", "drums": "69e0ebd4", "bass": "2ca1ce51", "other": "c8c5b3e6"},
}
"""For each stem the first digits of its file's SHA-256, which are in its name."""
PUBLISHED = {
    name: tuple(f"{stem}-{digest}.pth" for stem, digest in own.items())
    for name, own in DIGESTS.items()
}
_TRAINED_ON = {"umxhq": ("musdb18-train",), "umxl": ("private",)}


@dataclass(frozen=True)
class OpenUnmixOptions:
    """Options of ``openunmix``."""

    weights: str = option(
        "umxhq",
        'weights: "umxhq" (MUSDB18-HQ) or "umxl" (private data), downloaded on first use, or a '
        "path to the state dict of an openunmix Separator, .safetensors, .pt or .pth",
        weights=True,
        path=True,
        names=tuple(_TRAINED_ON),
    )
    iterations: int = option(
        0,
        "steps of expectation-maximisation of the Wiener filter; the baseline does none",
        least=0,
        most=100,
    )
    segment: float = option(
        10.0,
        "length of a chunk, before it is lengthened by overlap",
        unit="s",
        least=0.1,
        most=600,
    )
    overlap: float = option(
        0.1,
        "cross-fade of two chunks, and by how much of its length a chunk is longer",
        unit="s",
        least=0,
        below=1,
    )
    trained_on: str = option(
        "",
        "what the weights at a path were trained on, such as musdb18-train, separated by commas; "
        "without it, the row is not ranked",
        weights=True,
    )

    def __post_init__(self) -> None:
        check_chunks(self.segment, self.overlap)

    @property
    def reads(self) -> tuple[Path, ...]:
        """The published files that a name stands for."""
        folder = hub_folder() / "checkpoints"
        return tuple(folder / name for name in PUBLISHED.get(self.weights, ()))

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
