"""The table of kinds fits the hooks, the command line and the documented names."""

from __future__ import annotations

import inspect
import re
import shlex

import pytest

from bench import api, hookspecs
from bench.cli import COMMANDS
from bench.options import SECTIONS
from bench.plugins.kinds import KINDS, OBSERVER_HOOKS, Kind


def hooks() -> dict[str, inspect.Signature]:
    """The hooks of the specification, by name."""
    return {
        name: inspect.signature(value)
        for name, value in vars(hookspecs).items()
        if inspect.isfunction(value) and value.__module__ == hookspecs.__name__
    }


def test_every_hook_registers_a_kind_or_tells_an_observer() -> None:
    assert {kind.hook for kind in KINDS.values()} | set(OBSERVER_HOOKS) == set(hooks())
    assert all(not hooks()[kind.hook].parameters for kind in KINDS.values())
    assert all(hooks()[name].parameters for name in OBSERVER_HOOKS)


def test_every_spec_of_the_interface_is_a_kind() -> None:
    specs = {
        value
        for value in vars(api).values()
        if inspect.isclass(value) and issubclass(value, api.PluginSpec)
    }
    assert {kind.spec for kind in KINDS.values()} == specs - {api.PluginSpec}


def test_kinds_are_called_as_their_specs_in_the_order_of_the_flow() -> None:
    assert all(name == kind.name == kind.spec.kind for name, kind in KINDS.items())
    assert list(KINDS)[:3] == ["separator", "gains", "prescription"]


def test_sections_of_options_are_the_chosen_kinds_training_and_baseline() -> None:
    chosen = {name for name, kind in KINDS.items() if kind.chosen}
    assert set(SECTIONS) == chosen | {"training", "baseline"}


def test_a_kind_of_which_a_run_has_several_names_the_plugin_in_its_options() -> None:
    assert {name for name, kind in KINDS.items() if kind.several} == {"loss", "metric"}
    assert KINDS["metric"].option("own", "window") == "metric.own.window"
    assert KINDS["gains"].option("table", "path") == "gains.path"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_the_command_that_uses_it_names_the_plugin_or_its_suite(kind: Kind) -> None:
    assert set(re.findall(r"{(\w+)}", kind.use)) <= {"name", "folder"}
    words = shlex.split(kind.use.format(name="my-own", folder="here"))
    assert words[0] == "bench"
    assert words[1] in COMMANDS
    assert any("my-own" in word or word == "here/suite.toml" for word in words)
