"""Train and benchmark music enhancement for people with hearing aids.

The names of this package are what a program needs; each is imported when it is first used, so
that ``import bench`` costs nothing. A plugin's author imports :mod:`bench.api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.ablation.design import Ablation
    from bench.errors import BenchError
    from bench.hearing.audiograms import parse_audiogram
    from bench.hearing.haaqi import HaaqiReference, haaqi
    from bench.leaderboard.effects import main_effects
    from bench.leaderboard.export import render
    from bench.leaderboard.store import Board
    from bench.library import (
        ablate,
        compare,
        plan,
        read_leaderboard,
        run,
        write_report,
    )
    from bench.plugins import installed
    from bench.songs import enhance, make_listener, score

__version__ = "0.1.0"

__all__ = [
    "Ablation",
    "BenchError",
    "Board",
    "HaaqiReference",
    "ablate",
    "compare",
    "enhance",
    "haaqi",
    "installed",
    "main_effects",
    "make_listener",
    "parse_audiogram",
    "plan",
    "read_leaderboard",
    "render",
    "run",
    "score",
    "write_report",
]

_HOMES = {
    "Ablation": "bench.ablation.design",
    "BenchError": "bench.errors",
    "Board": "bench.leaderboard.store",
    "HaaqiReference": "bench.hearing.haaqi",
    "enhance": "bench.songs",
    "haaqi": "bench.hearing.haaqi",
    "installed": "bench.plugins",
    "main_effects": "bench.leaderboard.effects",
    "make_listener": "bench.songs",
    "parse_audiogram": "bench.hearing.audiograms",
    "render": "bench.leaderboard.export",
    "score": "bench.songs",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOMES.get(name, "bench.library")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
