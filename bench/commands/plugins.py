"""Plugins: ``bench plugins list``, ``show``, ``new`` and ``check``."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.plugins import KINDS, OBSERVER, Observer, Registered, installed

if TYPE_CHECKING:
    from bench.testing import Report

ALL_KINDS: Final = (*KINDS, OBSERVER)


@dataclass(frozen=True)
class NewPackage:
    """The folder of a new plugin's package, and the commands that come next."""

    folder: Path
    next_steps: Sequence[str]


@dataclass(frozen=True)
class OptionInfo:
    """An option of a plugin.

    Attributes:
        key: as after ``-o``; the bare name where no run sets it.
        type: name of its type.
        default: its value where it is not given.
        unit: of its value.
        help: what it does.
    """

    key: str
    type: str
    default: Any
    unit: str
    help: str


@dataclass(frozen=True)
class PluginInfo:
    """A plugin as ``bench plugins show`` describes it.

    Attributes:
        kind: its kind.
        name: its name.
        summary: one line.
        distribution: the distribution it comes from, with the version.
        facts: the entries of its spec, by name.
        options: None where it has none, as an observer.
    """

    kind: str
    name: str
    summary: str
    distribution: str
    facts: Mapping[str, str]
    options: tuple[OptionInfo, ...] | None


def list_plugins(kind: str | None = None) -> dict[str, list[PluginInfo]]:
    """Every plugin, by kind: ``bench plugins list``.

    What failed to load is in ``bench.installed().failures``.

    Args:
        kind: only this one.
    """
    plugins = installed()
    found: dict[str, list[PluginInfo]] = {}
    for name in [kind] if kind else ALL_KINDS:
        if name == OBSERVER:
            found[name] = [_observer(item) for item in plugins.observers]
        else:
            found[name] = [_plugin(item) for item in plugins.all(KINDS[name].spec)]
    return found


def show_plugin(name: str) -> list[PluginInfo]:
    """Describe the plugins of a name: ``bench plugins show``.

    Raises:
        BenchError: there is none.
    """
    plugins = installed()
    observers = [item for item in plugins.observers if name in (item.name, item.full_name)]
    if observers:
        return [_observer(item) for item in observers]
    return [_plugin(item) for item in plugins.find(name)]


def new_plugin(name: str, kind: str, to: Path | str = ".") -> NewPackage:
    """Write a package with a working plugin, to be changed: ``bench plugins new``.

    Args:
        name: of the plugin and its distribution, such as ``my-separator``.
        kind: one of :data:`ALL_KINDS`.
        to: folder in which the package's own folder is made.

    Raises:
        BenchError: the name cannot be used, the folder exists, or it cannot be written.
    """
    from bench.scaffold import next_steps, write_package

    folder = write_package(name, kind, Path(to), installed())
    return NewPackage(folder, next_steps(name, kind, folder))


def check_plugin(
    name: str, kind: str | None = None, options: Mapping[str, Any] | None = None
) -> list[Report]:
    """Check the plugins of a name: ``bench plugins check``.

    Args:
        name: of the plugin, or ``distribution/name``.
        kind: only that kind.
        options: of the plugin, by name.

    Raises:
        BenchError: there is no such plugin or option.
    """
    from bench.testing import run_checks
    from bench.testing.subject import find_all

    return [run_checks(one) for one in find_all(installed(), name, kind, options or {})]


def _observer(item: Observer) -> PluginInfo:
    return PluginInfo(
        kind=OBSERVER,
        name=item.name,
        summary=f"notified by {', '.join(item.hooks)}",
        distribution=f"{item.distribution} {item.version}",
        facts={},
        options=None,
    )


def _plugin(item: Registered[Any]) -> PluginInfo:
    spec = item.spec
    facts = {
        "target": spec.target,
        "needs": ", ".join(spec.needs),
        "trained on": ", ".join(spec.trained_on),
        "licence": spec.licence,
        "citation": spec.citation,
    }
    common = {field.name for field in dataclasses.fields(type(spec).__mro__[1])}
    for field in dataclasses.fields(spec):
        if field.name not in common:
            facts[field.name.replace("_", " ")] = _text(getattr(spec, field.name), field.default)
    return PluginInfo(
        kind=spec.kind,
        name=spec.name,
        summary=spec.summary,
        distribution=f"{item.distribution} {item.version}",
        facts={name: value for name, value in facts.items() if value},
        options=_options(item),
    )


def _options(item: Registered[Any]) -> tuple[OptionInfo, ...]:
    cls = item.spec.options
    if cls is None:
        return ()
    kind, types = KINDS[item.spec.kind], typing.get_type_hints(cls)
    return tuple(
        OptionInfo(
            key=kind.option(item.spec.name, field.name) if kind.chosen else field.name,
            type=getattr(types[field.name], "__name__", str(types[field.name])),
            default=field.default,
            unit=field.metadata.get("unit", ""),
            help=field.metadata.get("help", ""),
        )
        for field in dataclasses.fields(cls)
    )


def _text(value: object, default: object) -> str:
    """A value of a spec in words; empty where it is the default."""
    if value == default and isinstance(value, bool | int | float):
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
