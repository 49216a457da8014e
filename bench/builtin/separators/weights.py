"""The sources of HDemucs weights: the bundled file, torchaudio's bundles, or a path."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.error import URLError

import torch
from torchaudio.models import HDemucs

from bench.api import PluginFile
from bench.builtin.separators import BUNDLES, URL, bundle_folder
from bench.errors import BenchError
from bench.separation.hdemucs import Config, load_network

BUNDLED: Final = Path(__file__).parent / "bundled" / "hdemucs.safetensors"


def load_model(weights: str) -> tuple[HDemucs, Config]:
    """An HDemucs with the weights that an option names, in evaluation mode, and its config.

    Args:
        weights: ``"bundled"``, ``"musdb"``, ``"musdb-plus"``, or a path; see
            :func:`bench.separation.hdemucs.load_network`.

    Raises:
        BenchError: the weights are missing, cannot be read, or do not fit the network.
    """
    path = _bundle(BUNDLES[weights]) if weights in BUNDLES else Path(weights).expanduser()
    if weights == "bundled":
        path = BUNDLED
    if not path.is_file():
        raise BenchError(
            "is a folder, not a file of weights"
            if path.is_dir()
            else "the file of weights does not exist",
            where=f"weights={weights}",
            hint=f"give a path, or one of bundled, {', '.join(BUNDLES)}",
        )
    return load_network(path)


def _bundle(name: str) -> Path:
    """The file of a bundle of torchaudio's, downloaded with a progress bar if it is not there."""
    path = bundle_folder() / name
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(URL + name, str(path), progress=True)
    except (URLError, OSError) as error:
        raise BenchError(
            f"{name} is not on this machine and could not be downloaded: {error}",
            where=URL + name,
            hint=f"download it elsewhere and copy it to {path.parent}",
        ) from error
    return path


def files() -> list[PluginFile]:
    """The files of weights that options name, for ``bench doctor``."""
    again = "Reinstall bench, which ships the file"
    folder = bundle_folder()
    return [
        PluginFile("hdemucs weights=bundled", BUNDLED, again, required=True),
        *(
            PluginFile(
                f"hdemucs weights={name}",
                folder / file,
                f"The first run with them downloads 335 MB; or put {URL}{file} into {folder}",
            )
            for name, file in BUNDLES.items()
        ),
    ]
