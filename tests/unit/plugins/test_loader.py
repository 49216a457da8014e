"""Discovery, conflicts and lookup of plugins."""

from __future__ import annotations

import sys
import types
from importlib.metadata import Distribution, EntryPoint

import pytest

from bench.api import SeparatorSpec, hookimpl
from bench.errors import BenchError
from bench.plugins import KINDS, load
from tests.helpers.plugins import spec


class Installed(Distribution):
    """What importlib.metadata knows of an installed package, as far as the loader looks."""

    def __init__(self, name: str, requires: tuple[str, ...] = ()) -> None:
        lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {r}" for r in requires)]
        self._text = "\n".join(["Metadata-Version: 2.1", *lines, ""])

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: object) -> object:
        raise NotImplementedError


def entry(
    distribution: str,
    module: types.ModuleType | None,
    name: str = "x",
    requires: tuple[str, ...] = (),
) -> EntryPoint:
    target = f"bench_test_{distribution.replace('-', '_')}"
    if module is not None:
        sys.modules[target] = module
    found = EntryPoint(name, target, "bench")
    vars(found)["dist"] = Installed(distribution, requires)
    return found


def module_with(*specs: SeparatorSpec) -> types.ModuleType:
    module = types.ModuleType("made_up")

    @hookimpl
    def register_separators() -> list[SeparatorSpec]:
        return list(specs)

    module.register_separators = register_separators  # type: ignore[attr-defined]
    return module


def test_one_failing_plugin_does_not_stop_the_others() -> None:
    good = entry("good", module_with(spec("fine")))
    missing = entry("missing", None)
    plugins = load([missing, good])
    assert [item.spec.name for item in plugins.all(SeparatorSpec)] == ["fine"]
    (failure,) = plugins.failures
    assert failure.distribution == "missing"
    assert "ModuleNotFoundError" in failure.reason
    assert "pip install --force missing" in failure.remedy


def test_strict_mode_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_STRICT_PLUGINS", "1")
    with pytest.raises(ModuleNotFoundError):
        load([entry("missing", None)])


def test_misspelt_hook_is_a_failure() -> None:
    module = types.ModuleType("typo")

    @hookimpl
    def register_seperators() -> list[SeparatorSpec]:
        return []

    module.register_seperators = register_seperators  # type: ignore[attr-defined]
    plugins = load([entry("typo", module), entry("good", module_with(spec("fine")))])
    assert [failure.distribution for failure in plugins.failures] == ["typo"]
    assert "register_seperators" in plugins.failures[0].reason
    assert "Did you mean 'register_separators'" in plugins.failures[0].remedy
    assert plugins.get(SeparatorSpec, "fine").distribution == "good"


def test_wrong_kind_of_spec_is_a_failure() -> None:
    module = types.ModuleType("wrong")

    @hookimpl
    def register_losses() -> list[SeparatorSpec]:
        return [spec("fine")]

    module.register_losses = register_losses  # type: ignore[attr-defined]
    plugins = load([entry("wrong", module)])
    assert "register_losses" in plugins.failures[0].reason
    assert plugins.all(SeparatorSpec) == []


def test_two_distributions_of_one_name() -> None:
    first, second = (
        entry("dist-a", module_with(spec("same"))),
        entry("dist-b", module_with(spec("same"))),
    )
    for order in ([first, second], [second, first]):
        plugins = load(order)
        with pytest.raises(BenchError) as caught:
            plugins.get(SeparatorSpec, "same")
        assert "dist-a" in str(caught.value)
        assert "dist-b/same" in str(caught.value)
        assert plugins.get(SeparatorSpec, "dist-b/same").distribution == "dist-b"


def test_only_chosen_third_parties_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.plugins import loader as module

    entries = [entry("other", module_with(spec("fine")))]
    monkeypatch.setattr(module, "entry_points", lambda group: entries)
    monkeypatch.setenv("BENCH_LOAD_PLUGINS", "")
    assert load().all(SeparatorSpec) == []
    monkeypatch.setenv("BENCH_LOAD_PLUGINS", "other")
    assert [item.spec.name for item in load().all(SeparatorSpec)] == ["fine"]


def test_built_ins_come_through_the_hooks() -> None:
    plugins = load()
    assert plugins.failures == ()
    for kind, name in [
        ("separator", "hdemucs-ft"),
        ("gains", "cnn"),
        ("prescription", "nalr"),
        ("loss", "mse"),
        ("metric", "haaqi"),
        ("dataset", "demo"),
        ("front-end", "haaqi-light"),
    ]:
        assert plugins.get(KINDS[kind].spec, name).distribution == "bench-hearing"
