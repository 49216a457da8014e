"""Discovery: every installed plugin, loaded by its entry point.

The loader is ours because pluggy's own skips a second distribution's entry point of the same name
without a word, and stops at the first plugin that fails to import. Here each entry point is loaded
alone; one that fails is reported by :attr:`Plugins.failures`, with what to do about it, and the
others go on.

Environment: ``BENCH_STRICT_PLUGINS=1`` raises instead of skipping; ``BENCH_LOAD_PLUGINS=a,b`` loads
only the third-party distributions named (none, where it is empty).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import pluggy

from bench import hookspecs
from bench.api import PluginSpec
from bench.plugins.catalogue import Plugins
from bench.plugins.guard import guarded
from bench.plugins.kinds import KINDS, OBSERVER_HOOKS, Kind
from bench.plugins.registered import Failure, Observer, Registered
from bench.plugins.remedies import check_api_version, remedy
from bench.version import DISTRIBUTION

GROUP: Final = "bench"
"""The group of entry points that plugins are found by."""
NAME: Final = re.compile(r"[a-z](?:[a-z0-9._-]*[a-z0-9])?")
"""What a plugin's name is made of: it stands in loss expressions, options and file names."""
_TARGET: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _wanted(entry: EntryPoint) -> bool:
    chosen = os.environ.get("BENCH_LOAD_PLUGINS")
    distribution = entry.dist.name if entry.dist else ""
    if chosen is None or distribution == DISTRIBUTION:
        return True
    return distribution in [name.strip() for name in chosen.split(",")]


def _specs_of(manager: pluggy.PluginManager, name: str) -> list[PluginSpec]:
    """The specs that one registered plugin returns, each checked."""
    specs: list[PluginSpec] = []
    for kind in KINDS.values():
        for impl in getattr(manager.hook, kind.hook).get_hookimpls():
            if impl.plugin_name != name:
                continue
            for spec in impl.function():
                _check_spec(spec, kind)
                if any((spec.kind, spec.name) == (other.kind, other.name) for other in specs):
                    raise ValueError(f"{kind.hook}() returned two specs named '{spec.name}'")
                specs.append(spec)
    return specs


def _check_spec(spec: Any, kind: Kind) -> None:
    hook = kind.hook
    if not isinstance(spec, kind.spec):
        raise TypeError(f"{hook}() returned {spec!r}, which is not a {kind.name} spec")
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
    hooks = (*(kind.hook for kind in KINDS.values()), *OBSERVER_HOOKS)
    registered: list[Registered[Any]] = []
    failures: list[Failure] = []
    observers: list[Observer] = []

    def sort_key(entry: EntryPoint) -> tuple[str, str]:
        return (entry.dist.name if entry.dist else "", entry.name)

    for entry in sorted(entries, key=sort_key):
        owner = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else ""
        name = f"{owner}:{entry.name}"
        try:
            with guarded(f"plugin '{entry.name}' of {owner}"):
                plugin = entry.load()
                _register(manager, plugin, name)
                specs = _specs_of(manager, name)
        # A stranger's module may raise anything at all; the harness must outlive it.
        except Exception as error:
            if os.environ.get("BENCH_STRICT_PLUGINS") == "1":
                raise
            if manager.has_plugin(name):
                manager.unregister(name=name)
            text = str(error).strip().partition("\n")[0]
            reason = f"{type(error).__name__}: {text}"
            what_to_do = remedy(error, entry, hooks)
            failures.append(Failure(entry.name, owner, reason, what_to_do))
            continue
        registered += [Registered(spec, owner, version, entry.module) for spec in specs]
        if told := _observer_hooks(manager, name):
            observers.append(Observer(entry.name, owner, version, told, entry.module, plugin))
    plugins = Plugins(registered, failures, observers)
    plugins.manager = manager
    return plugins


@lru_cache(maxsize=1)
def installed() -> Plugins:
    """The installed plugins, loaded once a process."""
    return load()
