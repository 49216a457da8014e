"""Discovery, conflicts and lookup of plugins.

The loader is ours because pluggy's own skips a second distribution's entry point of the same name
without a word, and stops at the first plugin that fails to import. Here each entry point is loaded
alone; one that fails is reported by :attr:`Plugins.failures` and the others go on.

Environment: ``BENCH_STRICT_PLUGINS=1`` raises instead of skipping; ``BENCH_LOAD_PLUGINS=a,b`` loads
only the third-party distributions named (none, where it is empty).
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from bench import hookspecs
from bench.api import PluginSpec
from bench.errors import BenchError, near_match

GROUP = "bench"
OWN_DISTRIBUTION = "bench-hearing"
HOOKS = {
    "separator": "register_separators",
    "gains": "register_gains",
    "prescription": "register_prescriptions",
    "loss": "register_losses",
    "metric": "register_metrics",
    "dataset": "register_datasets",
}
KINDS = tuple(HOOKS)


@dataclass(frozen=True)
class Failure:
    """A plugin that could not be used: which, from where, why."""

    plugin: str
    distribution: str
    reason: str

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' of {self.distribution} was skipped: {self.reason}"


@dataclass(frozen=True)
class Registered:
    """A spec, and the distribution that it came from."""

    spec: PluginSpec
    distribution: str
    version: str

    @property
    def full_name(self) -> str:
        """``distribution/name``, which is never ambiguous."""
        return f"{self.distribution}/{self.spec.name}"

    def options(self, values: Mapping[str, Any]) -> Any:
        """The options instance for `values` (texts are converted), or None where it has none.

        Raises:
            BenchError: an unknown option, or a value of the wrong type.
        """
        cls = self.spec.options
        where = f"{self.spec.kind} '{self.spec.name}'"
        if cls is None:
            if values:
                raise BenchError(f"it has no options, got '{next(iter(values))}'", where=where)
            return None
        types = typing.get_type_hints(cls)
        known = [f.name for f in dataclasses.fields(cls)]
        converted = {}
        for key, value in values.items():
            if key not in known:
                hint = f"{near_match(key, known)} See: bench plugins show {self.spec.name}"
                raise BenchError(f"unknown option '{key}'", where=where, hint=hint)
            converted[key] = convert(value, types[key], where=f"{where}, option '{key}'")
        return cls(**converted)

    def build(self, options: Any) -> Any:
        """Import the target and make it.

        Raises:
            BenchError: the target cannot be imported or made.
        """
        module_name, _, attribute = self.spec.target.partition(":")
        where = f"{self.spec.kind} '{self.spec.name}' of {self.distribution}"
        try:
            target = getattr(importlib.import_module(module_name), attribute)
        except ImportError as error:
            needs = f"It needs: {', '.join(self.spec.needs)}" if self.spec.needs else ""
            raise BenchError(f"cannot be imported: {error}", where=where, hint=needs) from error
        except AttributeError as error:
            raise BenchError(f"has no target {self.spec.target}", where=where) from error
        return target() if self.spec.options is None else target(options)


def convert(value: Any, wanted: Any, *, where: str) -> Any:
    """A value, or its text from a command line, as the type `wanted`.

    Raises:
        BenchError: it is no such thing.
    """
    try:
        if wanted is bool:
            if isinstance(value, bool):
                return value
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
                str(value).lower()
            ]
        if wanted in (int, float, str):
            if isinstance(value, bool):
                raise ValueError
            return wanted(value)
    except (ValueError, KeyError, TypeError):
        message = f"'{value}' is not a valid {wanted.__name__}"
        raise BenchError(message, where=where) from None
    return value


class Plugins:
    """All registered plugins, by kind and name; the order of loading never matters."""

    def __init__(self, registered: Iterable[Registered], failures: Iterable[Failure] = ()) -> None:
        self.failures = tuple(failures)
        self.manager: pluggy.PluginManager | None = None
        self._by_kind: dict[str, dict[str, list[Registered]]] = {kind: {} for kind in KINDS}
        for item in sorted(registered, key=lambda r: r.full_name):
            self._by_kind[item.spec.kind].setdefault(item.spec.name, []).append(item)

    def all(self, kind: str) -> list[Registered]:
        """Every plugin of a kind, sorted by name."""
        by_name = self._by_kind[kind]
        return [item for name in sorted(by_name) for item in by_name[name]]

    def get(self, kind: str, name: str) -> Registered:
        """The plugin `name`, or ``distribution/name``, of a kind.

        Raises:
            BenchError: there is none, or two distributions offer that name.
        """
        distribution, _, bare = name.rpartition("/")
        found = self._by_kind[kind].get(bare, [])
        if distribution:
            found = [item for item in found if item.distribution == distribution]
        if len(found) == 1:
            return found[0]
        if found:
            owners = " and ".join(item.distribution for item in found)
            hint = f"Say which: {' or '.join(item.full_name for item in found)}"
            raise BenchError(f"{kind} '{name}' is offered by {owners}", hint=hint)
        hint = near_match(bare, list(self._by_kind[kind]))
        if self.failures:
            hint += f" ({len(self.failures)} plugins failed to load: bench plugins list)"
        raise BenchError(f"there is no {kind} '{name}'", hint=hint)

    def find(self, name: str) -> list[Registered]:
        """Every plugin of that name, of whatever kind.

        Raises:
            BenchError: there is none.
        """
        _, _, bare = name.rpartition("/")
        found = [
            item
            for kind in KINDS
            for item in self._by_kind[kind].get(bare, [])
            if name in (bare, item.full_name)
        ]
        if not found:
            known = sorted({n for kind in KINDS for n in self._by_kind[kind]})
            raise BenchError(f"there is no plugin '{name}'", hint=near_match(bare, known))
        return found

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call an observer hook of every plugin."""
        if self.manager is not None:
            getattr(self.manager.hook, hook)(**arguments)


def _wanted(entry: EntryPoint) -> bool:
    chosen = os.environ.get("BENCH_LOAD_PLUGINS")
    distribution = entry.dist.name if entry.dist else ""
    if chosen is None or distribution == OWN_DISTRIBUTION:
        return True
    return distribution in [name.strip() for name in chosen.split(",")]


def _specs_of(manager: pluggy.PluginManager, name: str) -> list[PluginSpec]:
    """The specs that one registered plugin returns, each checked."""
    specs: list[PluginSpec] = []
    for kind, hook in HOOKS.items():
        for impl in getattr(manager.hook, hook).get_hookimpls():
            if impl.plugin_name != name:
                continue
            for spec in impl.function():
                if not isinstance(spec, PluginSpec) or spec.kind != kind:
                    raise TypeError(f"{hook}() returned {spec!r}, which is no {kind} spec")
                specs.append(spec)
    return specs


def load(entries: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every plugin that is installed (or the given entry points)."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    if entries is None:
        entries = [entry for entry in entry_points(group=GROUP) if _wanted(entry)]
    registered: list[Registered] = []
    failures: list[Failure] = []

    def sort_key(entry: EntryPoint) -> tuple[str, str]:
        return (entry.dist.name if entry.dist else "", entry.name)

    for entry in sorted(entries, key=sort_key):
        distribution = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else ""
        name = f"{distribution}:{entry.name}"
        try:
            manager.register(entry.load(), name=name)
            manager.check_pending()
            specs = _specs_of(manager, name)
        # A stranger's module may raise anything at all; the harness must outlive it.
        except Exception as error:
            if os.environ.get("BENCH_STRICT_PLUGINS") == "1":
                raise
            if manager.has_plugin(name):
                manager.unregister(name=name)
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            failures.append(Failure(entry.name, distribution, reason))
            continue
        registered += [Registered(spec, distribution, version) for spec in specs]
    plugins = Plugins(registered, failures)
    plugins.manager = manager
    return plugins


@lru_cache(maxsize=1)
def installed() -> Plugins:
    """The installed plugins, loaded once a process."""
    return load()
