"""Built-in separators: mixture in, four stems out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.api import SeparatorSpec, hookimpl, option
from bench.runtime.machine import hub_folder
from bench.separation.chunks import check_chunks

BUNDLES: Final = {
    "musdb": "hdemucs_high_musdbhq_only.pt",
    "musdb-plus": "hdemucs_high_trained.pt",
}
"""Files of torchaudio's by the names that options have for them."""
_TRAINED_ON = {
    "bundled": ("bench-synth",),
    "musdb": ("musdb18-train",),
    "musdb-plus": ("musdb18-train", "musdb18-test", "private"),
}


URL: Final = "https://download.pytorch.org/torchaudio/models/"


def bundle_folder() -> Path:
    """Where torchaudio keeps its bundles."""
    return hub_folder() / "torchaudio" / "models"


@dataclass(frozen=True)
class HDemucsOptions:
    """Options of ``hdemucs`` and ``hdemucs-ft``."""

    weights: str = option(
        "bundled",
        'weights: "bundled" (small, trained on synthesised music, shipped), "musdb" or '
        '"musdb-plus" (torchaudio\'s, 335 MB, downloaded on first use), or a path to a '
        ".safetensors, .pt or .th state dict",
        weights=True,
        path=True,
        names=tuple(_TRAINED_ON),
    )
    segment: float = option(
        0.0,
        "length of a chunk, before it is lengthened by overlap; 0 for the length that suits them: "
        "2.7 s for bundled, else 10 s, the official recipe's",
        unit="s",
        least=0,
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
    def weights_trained_on(self) -> tuple[str, ...]:
        """Names of the data that the weights were trained on."""
        said = tuple(name.strip() for name in self.trained_on.split(",") if name.strip())
        return _TRAINED_ON.get(self.weights, said or ("unknown",))

    @property
    def weights_missing(self) -> str:
        """How to get the weights, where they are torchaudio's and not on this machine."""
        file = BUNDLES.get(self.weights)
        if file is None or (bundle_folder() / file).is_file():
            return ""
        return f"get them (335 MB): curl -L --create-dirs -o {bundle_folder() / file} {URL}{file}"

    @property
    def reads(self) -> tuple[Path, ...]:
        """The file of a bundle, or the settings beside a path."""
        if self.weights in BUNDLES:
            return (bundle_folder() / BUNDLES[self.weights],)
        if self.weights in _TRAINED_ON:
            return ()
        return (Path(self.weights).expanduser().with_suffix(".json"),)

    @property
    def caution(self) -> str:
        """The caution on music of a kind that the weights were not trained on."""
        return _BUNDLED_CAUTION if self.weights == "bundled" else ""


_BUNDLED_CAUTION = (
    "the bundled weights were trained on synthesised music only; on other music HAAQI can be lower "
    "than without separation. Use others: -o separator.weights=musdb, or a path"
)
_CITATION = (
    "A. Défossez, 'Hybrid spectrogram and waveform source separation', "
    "Proc. ISMIR Workshop on Music Source Separation, 2021"
)


@hookimpl
def register_separators() -> list[SeparatorSpec]:
    """The built-in separators."""
    return [
        SeparatorSpec(
            name="mixture",
            target="bench.builtin.separators.mixture:Mixture",
            summary="no separation: each stem is a quarter of the mixture",
            separates=False,
        ),
        SeparatorSpec(
            name="oracle",
            target="bench.builtin.separators.oracle:Oracle",
            summary="the clean stems: the upper bound, never ranked",
            reads_stems=True,
        ),
        SeparatorSpec(
            name="hdemucs",
            target="bench.builtin.separators.hdemucs:HDemucsSeparator",
            summary="pretrained Hybrid Demucs: the challenge's baseline with weights=musdb",
            options=HDemucsOptions,
            trained_on=_TRAINED_ON["bundled"],
            citation=_CITATION,
            files="bench.builtin.separators.weights:files",
        ),
        SeparatorSpec(
            name="hdemucs-ft",
            target="bench.builtin.separators.hdemucs:FineTunedHDemucs",
            summary="Hybrid Demucs whose decoders the run trains; the encoders stay frozen",
            options=HDemucsOptions,
            trained_on=_TRAINED_ON["bundled"],
            trainable=True,
            citation=_CITATION,
            files="bench.builtin.separators.weights:files",
        ),
    ]
