"""Nothing is undocumented: commands, options, hooks, plugins, public names, pages."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from collections.abc import Iterator
from types import ModuleType

import click
import pytest

import bench
from bench import api
from bench.plugins import KINDS, load
from tests.helpers.paths import ROOT

DOCS = ROOT / "docs"
PYTHON = DOCS / "how-to" / "python.md"
TOLD = [p for p in sorted(DOCS.rglob("*.md")) if "reference" not in p.parts and p != PYTHON]


@pytest.fixture(scope="module")
def hooks() -> Iterator[dict[str, ModuleType]]:
    """The modules that write the generated parts of the site."""
    sys.path.insert(0, str(DOCS / "hooks"))
    yield {name: importlib.import_module(name) for name in ("commands", "catalogue")}
    sys.path.remove(str(DOCS / "hooks"))


def marks(page: str) -> list[str]:
    return re.findall(r"<!-- (.+?) -->", (DOCS / "reference" / page).read_text("utf-8"))


def test_every_command_and_option_says_what_it_is_for(hooks: dict[str, ModuleType]) -> None:
    silent = []
    for context, command in hooks["commands"].walk():
        if not command.help:
            silent.append(context.command_path)
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.help:
                silent.append(f"{context.command_path} {parameter.opts[0]}")
    assert silent == []


def test_the_reference_has_every_command_and_option(hooks: dict[str, ModuleType]) -> None:
    assert marks("cli.md") == ["commands"]
    page = hooks["catalogue"].on_page_markdown("<!-- commands -->")
    sections = re.split(r"^#+ ", page, flags=re.MULTILINE)
    found = list(hooks["commands"].walk())
    assert len(found) > 12
    for context, command in found:
        section = next(s for s in sections if s.startswith(f"`{context.command_path}` "))
        for parameter in command.params:
            for name in parameter.opts if isinstance(parameter, click.Option) else ():
                assert f"`{name}" in section, f"{context.command_path} {name}"


def test_every_command_is_told_of_in_a_page(hooks: dict[str, ModuleType]) -> None:
    text = " ".join(path.read_text("utf-8") for path in TOLD)
    missing = [
        context.command_path
        for context, command in hooks["commands"].walk()
        if not isinstance(command, click.Group) and context.command_path not in text
    ]
    assert missing == []


def test_every_command_can_be_had_from_python(hooks: dict[str, ModuleType]) -> None:
    rows = re.findall(
        r"^\| (`bench .+?) \| (.+) \|$",
        PYTHON.read_text("utf-8"),
        re.MULTILINE,
    )
    told = set()
    for commands, calls in rows:
        first, *others = re.findall(r"`(.+?)`", commands)
        told |= {first, *(f"{first.rpartition(' ')[0]} {other}" for other in others)}
        for name in re.findall(r"\bbench(?:\.\w+)+", calls):
            module, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(module), attribute), name
    paths = {c.command_path for c, f in hooks["commands"].walk() if not isinstance(f, click.Group)}
    assert told == paths


def test_every_hook_is_documented(hooks: dict[str, ModuleType]) -> None:
    page = (DOCS / "reference/hooks.md").read_text("utf-8")
    assert marks("hooks.md") == ["hooks"]
    assert "::: bench.hookspecs" in page
    functions = hooks["catalogue"].hook_functions()
    table = hooks["catalogue"].hooks()
    assert len(functions) >= 10
    for name, function in functions.items():
        assert function.__doc__, name
        assert f"[`{name}`]" in table


def test_every_built_in_plugin_and_option_is_documented(
    hooks: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_LOAD_PLUGINS", "")
    plugins = load()
    monkeypatch.setattr(hooks["catalogue"], "installed", lambda: plugins)
    assert marks("plugins.md") == [f"plugins: {kind}" for kind in KINDS]
    page = hooks["catalogue"].on_page_markdown((DOCS / "reference/plugins.md").read_text("utf-8"))
    assert "<!--" not in page
    for kind in KINDS:
        for item in plugins.all(KINDS[kind].spec):
            assert f"### `{item.spec.name}`" in page
            assert item.spec.summary
            for field in dataclasses.fields(item.spec.options) if item.spec.options else ():
                assert field.metadata.get("help"), f"{item.spec.name}.{field.name}"
                assert f".{field.name}` (" in page


def test_every_suite_is_documented(hooks: dict[str, ModuleType]) -> None:
    page = hooks["catalogue"].on_page_markdown("<!-- suites -->")
    names = [path.stem for path in (ROOT / "bench/spec/suites").glob("*.toml")]
    assert len(names) >= 2
    for name in names:
        assert f"## `{name}`" in page


@pytest.mark.parametrize("name", bench.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    page = (DOCS / "reference/python.md").read_text("utf-8")
    assert re.search(rf"^::: bench\.[\w.]*\b{name}$", page, re.MULTILINE)


def test_every_name_for_plugins_has_a_docstring() -> None:
    assert "::: bench.api" in (DOCS / "reference/api.md").read_text("utf-8")
    own = [
        value
        for name, value in vars(api).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == "bench.api"
    ]
    assert len(own) > 15
    for value in own:
        if isinstance(value, type):
            # A dataclass without a docstring gets its signature for one.
            assert value.__doc__, value
            assert not value.__doc__.startswith(f"{value.__name__}("), value


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    listed = set(re.findall(r": (\S+\.md)$", navigation, re.MULTILINE))
    assert listed == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}


def test_every_path_and_module_in_a_page_is_there() -> None:
    pages = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("plugins/*/README.md")]
    pages += (ROOT / "bench").rglob("*.md")
    text = "\n".join(page.read_text("utf-8") for page in pages)
    paths = set(re.findall(r"\bbench/[a-z_/]+(?:\.[a-z]+)?", text))
    assert len(paths) > 5
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
