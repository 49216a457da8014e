"""The light HAAQI-Net, which hears the reference too."""

from __future__ import annotations

from bench.api import PluginFile
from bench.builtin.front_ends import LightOptions
from bench.hearing.haaqi_net.light import BUNDLED_FILE, LightHaaqiNet, load_light


def light(options: LightOptions) -> LightHaaqiNet:
    """The light model with the weights that the options name.

    Raises:
        BenchError: they are missing, damaged or of another model.
    """
    return load_light(options.weights)


def files() -> list[PluginFile]:
    """The bundled weights, for ``bench doctor``."""
    again = "Install bench again: the file comes with it"
    return [PluginFile("haaqi-net weights=bundled", BUNDLED_FILE, again, required=True)]
