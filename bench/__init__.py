"""Train and benchmark music enhancement for people with hearing aids.

The names of this package are what a program needs; each is imported when it is first used, so
that ``import bench`` costs nothing. A plugin's author imports :mod:`bench.api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.ablation.design import Ablation
    from bench.board.store import Board
    from bench.commands.boards import compare, read_leaderboard, write_report
    from bench.commands.runs import ablate, plan, run
    from bench.commands.songs import enhance, make_listener, score
    from bench.errors import BenchError
    from bench.hearing.audiograms import parse_audiogram
    from bench.hearing.haaqi import HaaqiReference, haaqi
    from bench.leaderboard.effects import main_effects
    from bench.leaderboard.export import render
    from bench.plugins import installed
    from bench.version import __version__ as __version__

_HOMES = {
    "Ablation": "bench.ablation.design",
    "BenchError": "bench.errors",
    "Board": "bench.board.store",
    "HaaqiReference": "bench.hearing.haaqi",
    "__version__": "bench.version",
    "ablate": "bench.commands.runs",
    "compare": "bench.commands.boards",
    "enhance": "bench.commands.songs",
    "haaqi": "bench.hearing.haaqi",
    "installed": "bench.plugins",
    "main_effects": "bench.leaderboard.effects",
    "make_listener": "bench.commands.songs",
    "parse_audiogram": "bench.hearing.audiograms",
    "plan": "bench.commands.runs",
    "read_leaderboard": "bench.commands.boards",
    "render": "bench.leaderboard.export",
    "run": "bench.commands.runs",
    "score": "bench.commands.songs",
    "write_report": "bench.commands.boards",
}

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
