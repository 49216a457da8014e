"""Train and benchmark music enhancement for people with hearing aids.

The names of this package are what a program needs; each is imported when it is first used, so
that ``import bench`` costs nothing. A plugin's author imports :mod:`bench.api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.ablation.design import Ablation
    from bench.ablation.studies import list_studies
    from bench.board.store import Board
    from bench.commands.ablations import ablate, plan_ablation
    from bench.commands.boards import (
        compare,
        compare_boards,
        power,
        read_leaderboard,
        view_board,
        write_report,
    )
    from bench.commands.cluster import executing
    from bench.commands.data import describe_data, make_demo, prepare_data, validate_data
    from bench.commands.doctor import doctor
    from bench.commands.inventory import list_runs, list_suites, show_run
    from bench.commands.listening import import_ratings, listen, make_listening_test
    from bench.commands.plugins import check_plugin, list_plugins, new_plugin, show_plugin
    from bench.commands.proxy import evaluate_proxy, train_proxy
    from bench.commands.runs import plan, run
    from bench.commands.shared_boards import (
        list_boards,
        merge_boards,
        remove_run,
        show_board,
        verify_run,
    )
    from bench.commands.songs import (
        describe_listener,
        draw_listener,
        enhance,
        make_listener,
        read_listener,
        score,
    )
    from bench.commands.studies import plan_study, run_study
    from bench.commands.submissions import score_folder, submit
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
    "ablate": "bench.commands.ablations",
    "check_plugin": "bench.commands.plugins",
    "compare": "bench.commands.boards",
    "compare_boards": "bench.commands.boards",
    "describe_data": "bench.commands.data",
    "describe_listener": "bench.commands.songs",
    "doctor": "bench.commands.doctor",
    "draw_listener": "bench.commands.songs",
    "enhance": "bench.commands.songs",
    "evaluate_proxy": "bench.commands.proxy",
    "executing": "bench.commands.cluster",
    "haaqi": "bench.hearing.haaqi",
    "import_ratings": "bench.commands.listening",
    "installed": "bench.plugins",
    "list_boards": "bench.commands.shared_boards",
    "list_plugins": "bench.commands.plugins",
    "list_runs": "bench.commands.inventory",
    "list_studies": "bench.ablation.studies",
    "list_suites": "bench.commands.inventory",
    "listen": "bench.commands.listening",
    "main_effects": "bench.leaderboard.effects",
    "make_demo": "bench.commands.data",
    "make_listener": "bench.commands.songs",
    "make_listening_test": "bench.commands.listening",
    "merge_boards": "bench.commands.shared_boards",
    "new_plugin": "bench.commands.plugins",
    "parse_audiogram": "bench.hearing.audiograms",
    "plan": "bench.commands.runs",
    "plan_ablation": "bench.commands.ablations",
    "plan_study": "bench.commands.studies",
    "power": "bench.commands.boards",
    "prepare_data": "bench.commands.data",
    "read_leaderboard": "bench.commands.boards",
    "read_listener": "bench.commands.songs",
    "remove_run": "bench.commands.shared_boards",
    "render": "bench.leaderboard.export",
    "run": "bench.commands.runs",
    "run_study": "bench.commands.studies",
    "score": "bench.commands.songs",
    "score_folder": "bench.commands.submissions",
    "show_board": "bench.commands.shared_boards",
    "show_plugin": "bench.commands.plugins",
    "show_run": "bench.commands.inventory",
    "submit": "bench.commands.submissions",
    "train_proxy": "bench.commands.proxy",
    "validate_data": "bench.commands.data",
    "verify_run": "bench.commands.shared_boards",
    "view_board": "bench.commands.boards",
    "write_report": "bench.commands.boards",
}

__all__ = [
    "Ablation",
    "BenchError",
    "Board",
    "HaaqiReference",
    "ablate",
    "check_plugin",
    "compare",
    "compare_boards",
    "describe_data",
    "describe_listener",
    "doctor",
    "draw_listener",
    "enhance",
    "evaluate_proxy",
    "executing",
    "haaqi",
    "import_ratings",
    "installed",
    "list_boards",
    "list_plugins",
    "list_runs",
    "list_studies",
    "list_suites",
    "listen",
    "main_effects",
    "make_demo",
    "make_listener",
    "make_listening_test",
    "merge_boards",
    "new_plugin",
    "parse_audiogram",
    "plan",
    "plan_ablation",
    "plan_study",
    "power",
    "prepare_data",
    "read_leaderboard",
    "read_listener",
    "remove_run",
    "render",
    "run",
    "run_study",
    "score",
    "score_folder",
    "show_board",
    "show_plugin",
    "show_run",
    "submit",
    "train_proxy",
    "validate_data",
    "verify_run",
    "view_board",
    "write_report",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name == "leaderboard":  # a package that can be called, as the command of its name
        return importlib.import_module("bench.leaderboard")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
