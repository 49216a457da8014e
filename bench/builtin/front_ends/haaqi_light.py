"""HAAQI light, which hears the reference too."""

from __future__ import annotations

from bench.api import PluginFile
from bench.builtin.front_ends import HaaqiLightOptions
from bench.hearing.haaqi_light.model import BUNDLED_FILE, HaaqiLight, load_haaqi_light


def haaqi_light(options: HaaqiLightOptions) -> HaaqiLight:
    """HAAQI light with the weights that the options name.

    Raises:
        BenchError: they are missing, damaged or of another model.
    """
    return load_haaqi_light(options.weights)


def files() -> list[PluginFile]:
    """The bundled weights, for ``bench doctor``."""
    again = "Reinstall bench, which ships the file"
    return [PluginFile("haaqi-light weights=bundled", BUNDLED_FILE, again, required=True)]
