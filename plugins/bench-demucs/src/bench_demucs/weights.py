"""Where the networks come from: demucs's published files, or one at a path."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError

import demucs
import torch
import yaml
from demucs.apply import BagOfModels
from demucs.demucs import Demucs
from demucs.hdemucs import HDemucs
from demucs.hf import load_safetensors_model
from demucs.htdemucs import HTDemucs
from demucs.states import load_model

from bench.errors import BenchError
from bench_demucs import published_file, published_names, repository

_NAMES: Final = ("htdemucs", "htdemucs_ft")
_CLASSES: Final = {f"{cls.__module__}.{cls.__name__}": cls for cls in (HTDemucs, HDemucs, Demucs)}


def load_models(weights: str) -> BagOfModels:
    """A network, or several whose stems are weighted, in evaluation mode.

    Args:
        weights: "htdemucs", "htdemucs_ft", or the path of one network.

    Raises:
        BenchError: the weights are missing, cannot be read, or do not fit.
    """
    if weights not in _NAMES:
        return BagOfModels([_network(Path(weights).expanduser())]).eval()
    # The package says which networks a name stands for, and what each of them is for.
    recipe = Path(demucs.__file__).parent / "remote" / f"{weights}.yaml"
    bag = yaml.safe_load(recipe.read_text())
    networks = [_network(path) for path in _published(weights, published_names(weights))]
    return BagOfModels(networks, bag.get("weights"), bag.get("segment")).eval()


def _published(name: str, files: list[str]) -> list[Path]:
    """Files of a published model: in torch's hub folder, in Hugging Face's cache, or downloaded."""
    from huggingface_hub import hf_hub_url

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    place = repository(name)
    paths = []
    for file in files:
        path = published_file(name, file)
        paths.append(path)
        if path.is_file():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(hf_hub_url(place, file), str(path))
        except (URLError, OSError) as error:
            missing = ", ".join(other for other in files if not (folder / other).is_file())
            raise BenchError(
                f"{name} is not on this machine and could not be downloaded: {error}",
                where="separator demucs",
                hint=f"Download {missing} from huggingface.co/{place} elsewhere and put "
                f"them into {folder}",
            ) from error
    return paths


def _network(path: Path) -> Any:
    """A network from a file, without running code in it.

    Raises:
        BenchError: the file is missing, or not a Demucs.
    """
    if not path.is_file():
        raise BenchError(
            "is a folder, not a file of weights"
            if path.is_dir()
            else "the file of weights does not exist",
            where=str(path),
            hint=f"Give weights={', weights='.join(_NAMES)}, or the path of a network",
        )
    try:
        if path.suffix == ".safetensors":
            return _from_safetensors(path)
        return _from_package(path)
    except BenchError:
        raise
    except Exception as error:
        complaint = " ".join(str(error).split())[:160]
        raise BenchError(
            f"cannot be read as a Demucs ({type(error).__name__}): {complaint}",
            where=str(path),
            hint="Give a .safetensors file as demucs publishes them, or a .th file as its training "
            "exports; files that contain code are not opened",
        ) from error


def _from_safetensors(path: Path) -> Any:
    """demucs's own reader, which imports whatever class the file names: so that is looked at."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("klass") not in _CLASSES or "structure" in metadata:
        raise BenchError(
            f"its metadata name {metadata.get('klass', 'no class')}, which is not a Demucs",
            where=str(path),
            hint=f"Known are {', '.join(_CLASSES)}",
        )
    return load_safetensors_model(path)


def _from_package(path: Path) -> Any:
    """A package ``{"klass", "args", "kwargs", "state"}``, of plain values and Demucs's classes."""
    with torch.serialization.safe_globals([*_CLASSES.values(), Fraction]):
        package = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(package, Mapping) or package.get("klass") not in _CLASSES.values():
        raise BenchError("it contains no Demucs", where=str(path))
    return load_model(dict(package))
