"""Plugins made up for a test."""

from __future__ import annotations

from collections.abc import Callable

from bench.api import LossSpec, SeparatorSpec
from bench.plugins import Plugins

Install = Callable[..., None]

HOOK = """
from bench.api import LossSpec, hookimpl
@hookimpl
def register_losses():
    return [LossSpec(name={name!r}, target={target!r}, summary="a test", needs={needs!r})]
"""


def loss(name: str, target: str = "fractions:Fraction", needs: tuple[str, ...] = ()) -> str:
    return HOOK.format(name=name, target=target, needs=needs)


def strangers(plugins: Plugins) -> Plugins:
    """Without the built-in ones, whose targets take long to import."""
    items = [item for item in plugins.all(LossSpec) if item.distribution != "bench-hearing"]
    return Plugins(items, plugins.failures, plugins.observers)


TYPO = "from bench.api import hookimpl\n@hookimpl\ndef register_loses():\n    return []\n"
BROKEN = {
    "raises": ("raise RuntimeError('no licence')\n", "no licence", "pip uninstall raises"),
    "exits": ("raise SystemExit('bye')\n", "SystemExit", "pip uninstall exits"),
    "typo": (TYPO, "register_loses", "Did you mean 'register_losses'"),
    "argument": (
        "from bench.api import hookimpl\n@hookimpl\ndef scene_scored(result):\n    pass\n",
        "scene_scored",
        "by the same names",
    ),
    "unmarked": ("def register_losses():\n    return []\n", "it has no hook", "pip uninstall"),
    "newer": ("BENCH_API_VERSION = 99\n", "API version 99", "--upgrade bench-hearing"),
    "older": ("BENCH_API_VERSION = 0\n", "API version 0", "pip install --upgrade older"),
    "other-api": ("from bench.api import NoSuchThing\n", "NoSuchThing", "do not fit"),
    "upper": (loss("My Loss"), "'My Loss'", "pip uninstall"),
    "target": (loss("fine", target="no colon"), "not 'module:Class'", "pip uninstall"),
    "twice": (
        loss("fine").replace("return [", "return 2 * ["),
        "two specs named 'fine'",
        "pip uninstall",
    ),
    "undeclared": ("import no_such_thing\n", "no_such_thing", "does not declare that it needs it"),
}


def spec(name: str, **more: object) -> SeparatorSpec:
    return SeparatorSpec(name=name, target="fractions:Fraction", summary="a test", **more)  # type: ignore[arg-type]
