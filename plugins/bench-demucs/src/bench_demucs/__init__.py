"""Hybrid Transformer Demucs by the demucs package."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from bench.api import SeparatorSpec, hookimpl, option
from bench.runtime.machine import hub_folder

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
        "without it, the row is not ranked",
        weights=True,
    )

    @property
    def reads(self) -> tuple[Path, ...]:
        """The published files that a name stands for."""
        if self.weights not in _TRAINED_ON:
            return ()
        return tuple(published_file(self.weights, file) for file in published_names(self.weights))

    @property
    def weights_trained_on(self) -> tuple[str, ...]:
        """Names of the data that the weights were trained on."""
        said = tuple(name.strip() for name in self.trained_on.split(",") if name.strip())
        return _TRAINED_ON.get(self.weights, said or ("unknown",))


def published_names(weights: str) -> list[str]:
    """The names of a published model's files; the demucs package says which networks it has."""
    spec = importlib.util.find_spec("demucs")
    places = spec.submodule_search_locations if spec is not None else None
    for place in places or ():
        recipe = (Path(place) / "remote" / f"{weights}.yaml").read_text(encoding="utf-8")
        models = re.search(r"models:\s*\[([^\]]*)\]", recipe)
        if models:
            return [f"{name}.safetensors" for name in re.findall(r"[0-9a-f]+", models[1])]
    return []


def published_file(weights: str, file: str) -> Path:
    """Where a file is: in torch's hub folder, or in Hugging Face's cache, where demucs keeps it."""
    path = hub_folder() / "checkpoints" / file
    if path.is_file():
        return path
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return path
    cached = try_to_load_from_cache(repository(weights), file)
    return Path(cached) if isinstance(cached, str) else path


def repository(weights: str) -> str:
    """The name of a published model's repository on Hugging Face, as ``demucs.hf`` has it."""
    return f"adefossez/HTDemucs{weights.removeprefix('htdemucs').replace('_', '-')}"


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
