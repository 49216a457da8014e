"""Predictors of HAAQI by name: HAAQI-Net over a front end, or HAAQI light. They are plugins."""

from __future__ import annotations

from typing import Final

from bench.api import FrontEndSpec, Predictor
from bench.plugins.catalogue import Plugins
from bench.plugins.loader import installed

HAAQI_LIGHT: Final = "haaqi-light"
"""The predictor that is bundled: the proxy."""
BUNDLED: Final = "bundled"
"""The weights that come with a front end."""


def load_predictor(
    front_end: str = HAAQI_LIGHT, weights: str = BUNDLED, plugins: Plugins | None = None
) -> Predictor:
    """A predictor of HAAQI, ready to use.

    Args:
        front_end: name of the plugin.
        weights: "bundled", or a path.
        plugins: the installed ones by default.

    Raises:
        BenchError: there is no such front end, or the weights are missing or do not fit.
    """
    registered = (plugins or installed()).get(FrontEndSpec, front_end)
    predictor: Predictor = registered.build(registered.options({"weights": weights}))
    return predictor
