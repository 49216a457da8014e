"""HAAQI-Net's published head on a small spectral front end."""

from __future__ import annotations

from pathlib import Path

from bench.api import PluginFile
from bench.builtin.front_ends import SpectralOptions
from bench.hearing.haaqi_net.spectral import BUNDLED_FILE, SpectralHaaqiNet, load_spectral
from bench.plugins.front_ends import BUNDLED


def spectral(options: SpectralOptions) -> SpectralHaaqiNet:
    """The model with the weights that the options name.

    Raises:
        BenchError: they are missing, damaged or of another model.
    """
    bundled = options.weights == BUNDLED
    return load_spectral(BUNDLED_FILE if bundled else Path(options.weights).expanduser())


def files() -> list[PluginFile]:
    """The bundled weights, for ``bench doctor``."""
    again = "Reinstall bench, which ships the file"
    return [PluginFile("haaqi-net weights=bundled", BUNDLED_FILE, again, required=True)]
