"""Each command of the command line is a function of :mod:`bench`, with the same choices."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
import pytest

import bench
from bench.ablation.design import KEYS
from bench.cli import group
from bench.spec.choices import Choices

FUNCTIONS = {
    "ablate": ("ablate", "plan_ablation", "run_study", "plan_study", "list_studies"),
    "board list": ("list_boards",),
    "board merge": ("merge_boards",),
    "board remove": ("remove_run",),
    "board show": ("show_board",),
    "board verify": ("verify_run",),
    "compare": ("compare", "compare_boards"),
    "data demo": ("make_demo",),
    "data info": ("describe_data",),
    "data prepare": ("prepare_data",),
    "data validate": ("validate_data",),
    "doctor": ("doctor",),
    "enhance": ("enhance", "make_listener", "read_listener"),
    "leaderboard": ("view_board", "read_leaderboard"),
    "listen": ("listen",),
    "listener show": ("make_listener", "read_listener", "describe_listener", "draw_listener"),
    "listening-test import": ("import_ratings",),
    "listening-test make": ("make_listening_test",),
    "plan": ("plan", "plan_ablation", "plan_study"),
    "plugins check": ("check_plugin",),
    "plugins list": ("list_plugins",),
    "plugins new": ("new_plugin",),
    "plugins show": ("show_plugin",),
    "power": ("power",),
    "proxy evaluate": ("evaluate_proxy",),
    "proxy train": ("train_proxy",),
    "report": ("write_report",),
    "run": ("run",),
    "runs": ("list_runs",),
    "score": ("score", "score_folder", "make_listener", "read_listener"),
    "show": ("show_run",),
    "submit": ("submit",),
    "suites": ("list_suites",),
}
OTHER_NAMES = {
    "folder": "out",
    "audiogram": "left",
    "audiogram_right": "right",
    "file": "ablation",
    "listener_id": "id",
    "output": "path",
    "rate": "sample_rate",
    "request": "requested",
}
"""Of parameters that a function calls by another name than the command line."""
PRINTED = {
    "executor",
    "scheduler",
    "failures of show",
    "format",
    "listed",
    "only_plan",
    "scenes of compare",
    "seeds of leaderboard",
    "what",
}
"""Of how something is printed, of which of its functions a command calls, or of where it is done
(:func:`bench.executing`)."""


def leaves(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for part in command.list_commands(context):
        found = command.get_command(context, part)
        assert found is not None
        yield from leaves(found, f"{name} {part}".strip())


COMMANDS = dict(leaves(group))


def test_every_command_is_a_public_function() -> None:
    assert set(COMMANDS) == set(FUNCTIONS)
    for names in FUNCTIONS.values():
        assert set(names) <= set(bench.__all__)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_option_of_a_command_is_a_parameter(name: str) -> None:
    taken: set[str] = set()
    for function in FUNCTIONS[name]:
        parameters = set(inspect.signature(getattr(bench, function)).parameters)
        if "choices" in parameters:
            parameters |= set(Choices.__annotations__)
        if "values" in parameters:
            parameters |= set(KEYS)
        taken |= parameters
    for option in COMMANDS[name].params:
        if option.name in PRINTED or f"{option.name} of {name}" in PRINTED:
            continue
        assert option.name in taken or OTHER_NAMES.get(str(option.name)) in taken, option.name


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_parameter_of_the_command_is_explained(name: str) -> None:
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} --{option.name}"


def test_an_option_has_one_name_for_one_thing() -> None:
    """``--out`` is a board, ``-O`` a file, ``--to`` a folder that is written; all over."""
    for name, command in COMMANDS.items():
        for option in command.params:
            if not isinstance(option, click.Option):
                continue
            where, kind = f"{name} {option.opts}", option.type
            if "--out" in option.opts:
                assert (option.help or "").startswith("Folder of the board."), where
            if option.name == "to" or "--to" in option.opts:
                assert isinstance(kind, click.Path), where
                assert not kind.file_okay, where
            if "-O" in option.opts:
                assert option.opts == ["-O", "--output"], where
                assert isinstance(kind, click.Path), where
            if "--workers" in option.opts:
                assert isinstance(kind, click.IntRange), where
                assert (kind.min, (option.help or "")[:10]) == (0, "Processes."), where
            if "--scheduler" in option.opts:
                assert option.metavar == "ADDRESS|FILE", where
