"""What the site takes from the installed bench itself: commands, hooks, plugins, suites, models.

A page says where with a comment, as ``<!-- plugins: separator -->``.
"""

from __future__ import annotations

import dataclasses
import html
import inspect
import os
import re
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

# mkdocs loads this file by its path.
sys.path.insert(0, str(Path(__file__).parent))

from commands import commands

import bench
from bench import hookspecs
from bench.plugins import KINDS, Registered, installed
from bench.spec.suite import load_suite, suite_names

_MARK = re.compile(r"<!-- (commands|hooks|plugins|suites|model-cards)(?:: ([\w-]+))? -->")
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):(?=<code)")


def on_startup(**_: Any) -> None:
    """The site is about bench itself, whatever else is installed where it is built."""
    os.environ["BENCH_LOAD_PLUGINS"] = ""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables into their places."""
    writers: dict[str, Callable[[str], str]] = {
        "commands": lambda _: commands(),
        "hooks": lambda _: hooks(),
        "plugins": plugins_of,
        "suites": lambda _: suites(),
        "model-cards": lambda _: model_cards(),
    }
    return _MARK.sub(lambda found: writers[found[1]](found[2] or ""), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings name things as Sphinx does; here the name alone is enough."""
    return _ROLE.sub("", html)


def plugins_of(kind: str) -> str:
    """The plugins of a kind, each with its options."""
    if kind not in KINDS:
        raise ValueError(f"no kind of plugin: {kind!r}")
    return "\n\n".join(_plugin(item) for item in installed().all(KINDS[kind].spec))


def _plugin(item: Registered[Any]) -> str:
    spec = item.spec
    lines = [f"### `{spec.name}`", "", f"{_cell(spec.summary)}.", ""]
    common = {field.name for field in dataclasses.fields(type(spec).__mro__[1])}
    facts = {
        "Needs": ", ".join(spec.needs),
        "Trained on": ", ".join(spec.trained_on),
        "Licence": spec.licence,
        "Citation": spec.citation,
    }
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if field.name not in common and value not in (None, False, "", ()):
            text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            facts[field.name.replace("_", " ").capitalize()] = {True: "yes"}.get(text, str(text))
    lines += [f"- {name}: {_cell(value)}" for name, value in facts.items() if value]
    if spec.options is None:
        return "\n".join([*lines, ""])
    types = typing.get_type_hints(spec.options)
    of_kind = KINDS[spec.kind]
    lines.append("")
    for field in dataclasses.fields(spec.options):
        kind = getattr(types[field.name], "__name__", str(types[field.name]))
        unit = field.metadata.get("unit", "")
        default = f", default `{field.default!r}`" if field.default != "" else ""
        key = of_kind.option(spec.name, field.name)
        name = f"`-o {key}`" if of_kind.chosen else f"`{field.name}`"
        lines += [f"{name} ({kind}{default}{' ' + _cell(unit) if unit else ''})"]
        lines += [f":   {_cell(field.metadata.get('help', ''))}", ""]
    return "\n".join(lines)


def hooks() -> str:
    """Every hook with its arguments."""
    lines = ["| Hook | Called with | |", "| --- | --- | --- |"]
    for name, hook in hook_functions().items():
        arguments = ", ".join(f"`{argument}`" for argument in inspect.signature(hook).parameters)
        text = " ".join((inspect.getdoc(hook) or "").split())
        lines.append(f"| [`{name}`][bench.hookspecs.{name}] | {arguments} | {_cell(text)} |")
    return "\n".join(lines)


def hook_functions() -> dict[str, Callable[..., Any]]:
    """The hooks by name, in the order of their page."""
    return {name: f for name, f in vars(hookspecs).items() if hasattr(f, "bench_spec")}


def suites() -> str:
    """What each suite that bench brings fixes."""
    parts = []
    for name in suite_names():
        suite = load_suite(name)
        baselines = [f"{separator} + {gains}" for separator, gains in suite.baselines]
        facts = {
            "Dataset": suite.dataset,
            "Split that is scored": suite.split,
            "Reference protocol": suite.protocol,
            "Metrics": ", ".join(suite.metrics),
            "Prescription": suite.prescription,
            "Loss": suite.loss,
            "Baselines": ", ".join(baselines),
            "Not ranked where weights were trained on": ", ".join(suite.excluded),
        }
        training = [f"`{k}` {v!r}" for k, v in dataclasses.asdict(suite.training).items()]
        lines = [f"## `{name}`", "", f"{_cell(suite.summary)}.", ""]
        lines += [f"- {key}: {_cell(value)}" for key, value in facts.items()]
        lines.append(f"- Training (`-o training.NAME=VALUE`): {', '.join(training)}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def model_cards() -> str:
    """The card beside each file of weights, its headings a level down."""
    package = Path(bench.__file__).parent
    cards = sorted(package.rglob("MODEL_CARD.md"))
    texts = (card.read_text(encoding="utf-8") for card in cards)
    return "\n\n".join(re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE) for text in texts)


def _cell(text: str) -> str:
    return html.escape(str(text), quote=False).replace("|", "\\|").replace("\n", " ")
