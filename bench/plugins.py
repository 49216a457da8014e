"""Discovery, conflicts and lookup of plugins.

The loader is ours because pluggy's own skips a second distribution's entry point of the same name
without a word, and stops at the first plugin that fails to import. Here each entry point is loaded
alone; one that fails is reported by :attr:`Plugins.failures`, with what to do about it, and the
others go on.

Environment: ``BENCH_STRICT_PLUGINS=1`` raises instead of skipping; ``BENCH_LOAD_PLUGINS=a,b`` loads
only the third-party distributions named (none, where it is empty).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from bench import hookspecs
from bench.api import PluginSpec
from bench.errors import BenchError, near_match
from bench.registered import Conflict, Failure, Observer, Registered, convert
from bench.remedies import check_api_version, remedy

__all__ = [
    "GROUP",
    "HOOKS",
    "KINDS",
    "NAME",
    "OBSERVER",
    "OBSERVER_HOOKS",
    "OWN_DISTRIBUTION",
    "Conflict",
    "Failure",
    "Observer",
    "Plugins",
    "Registered",
    "convert",
    "installed",
    "load",
]

log = logging.getLogger(__name__)

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
OBSERVER = "observer"
OBSERVER_HOOKS = ("run_started", "epoch_finished", "scene_scored", "run_finished")
NAME = re.compile(r"[a-z](?:[a-z0-9._-]*[a-z0-9])?")
"""What a plugin's name is made of: it stands in loss expressions, options and file names."""
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class Plugins:
    """All registered plugins, by kind and name; the order of loading never matters."""

    def __init__(
        self,
        registered: Iterable[Registered],
        failures: Iterable[Failure] = (),
        observers: Iterable[Observer] = (),
    ) -> None:
        self.failures = tuple(failures)
        self.observers = tuple(sorted(observers, key=lambda o: o.full_name))
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

    def conflicts(self) -> list[Conflict]:
        """The names that can only be used as ``distribution/name``."""
        return [
            Conflict(kind, name, tuple(item.distribution for item in items))
            for kind in KINDS
            for name, items in sorted(self._by_kind[kind].items())
            if len(items) > 1
        ]

    def observer(self, name: str) -> Observer:
        """The observer `name`, or ``distribution/name``.

        Raises:
            BenchError: there is none, or two distributions offer that name.
        """
        found = [item for item in self.observers if name in (item.name, item.full_name)]
        if len(found) > 1:
            hint = f"Say which: {' or '.join(item.full_name for item in found)}"
            raise BenchError(f"two observers are called '{name}'", hint=hint)
        if not found:
            hint = near_match(name, [item.name for item in self.observers])
            raise BenchError(f"there is no observer '{name}'", hint=hint)
        return found[0]

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
        """Call an observer hook of every plugin.

        An observer that raises is told of, and not called again: it never costs a run.
        """
        if self.manager is None:
            return
        for impl in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            try:
                impl.function(*[arguments[name] for name in impl.argnames])
            except Exception as error:
                if os.environ.get("BENCH_STRICT_PLUGINS") == "1":
                    raise
                self.manager.unregister(name=impl.plugin_name)
                log.warning(
                    "observer %s failed in %s and is not called again: %s: %s",
                    impl.plugin_name, hook, type(error).__name__, error,
                )  # fmt: skip


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
                _check_spec(spec, kind, hook)
                if (kind, spec.name) in {(other.kind, other.name) for other in specs}:
                    raise ValueError(f"{hook}() returned two specs with the name '{spec.name}'")
                specs.append(spec)
    return specs


def _check_spec(spec: Any, kind: str, hook: str) -> None:
    if not isinstance(spec, PluginSpec) or spec.kind != kind:
        raise TypeError(f"{hook}() returned {spec!r}, which is no {kind} spec")
    if not NAME.fullmatch(spec.name):
        rule = "lower-case letters, digits, '-', '_' and '.', a letter first"
        raise ValueError(f"{hook}() returned the name {spec.name!r}; names are made of {rule}")
    if not _TARGET.fullmatch(spec.target):
        raise ValueError(f"the target of '{spec.name}' is {spec.target!r}, not 'module:Class'")


def _observer_hooks(manager: pluggy.PluginManager, name: str) -> tuple[str, ...]:
    return tuple(
        hook
        for hook in OBSERVER_HOOKS
        if name in (impl.plugin_name for impl in getattr(manager.hook, hook).get_hookimpls())
    )


def _register(manager: pluggy.PluginManager, plugin: Any, name: str) -> None:
    """Register a plugin's hooks.

    Raises:
        Exception: of another API version, a hook that is none, or no hook at all.
    """
    check_api_version(getattr(plugin, "BENCH_API_VERSION", 1))
    manager.register(plugin, name=name)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise ValueError("it has no hook: mark its register_... functions with @bench.api.hookimpl")


def load(entries: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every plugin that is installed (or the given entry points)."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    if entries is None:
        entries = [entry for entry in entry_points(group=GROUP) if _wanted(entry)]
    registered: list[Registered] = []
    failures: list[Failure] = []
    observers: list[Observer] = []

    def sort_key(entry: EntryPoint) -> tuple[str, str]:
        return (entry.dist.name if entry.dist else "", entry.name)

    for entry in sorted(entries, key=sort_key):
        owner = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else ""
        name = f"{owner}:{entry.name}"
        try:
            plugin = entry.load()
            _register(manager, plugin, name)
            specs = _specs_of(manager, name)
        # A stranger's module may raise anything at all, or exit; the harness must outlive it.
        except (Exception, SystemExit) as error:
            if os.environ.get("BENCH_STRICT_PLUGINS") == "1":
                raise
            if manager.has_plugin(name):
                manager.unregister(name=name)
            text = str(error).strip().partition("\n")[0]
            reason = f"{type(error).__name__}: {text}"
            what_to_do = remedy(error, entry, (*HOOKS.values(), *OBSERVER_HOOKS))
            failures.append(Failure(entry.name, owner, reason, what_to_do))
            continue
        registered += [Registered(spec, owner, version, entry.module) for spec in specs]
        if hooks := _observer_hooks(manager, name):
            observers.append(Observer(entry.name, owner, version, hooks, entry.module, plugin))
    plugins = Plugins(registered, failures, observers)
    plugins.manager = manager
    return plugins


@lru_cache(maxsize=1)
def installed() -> Plugins:
    """The installed plugins, loaded once a process."""
    return load()
