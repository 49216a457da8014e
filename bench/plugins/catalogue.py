"""The catalogue of plugins: lookup by kind and name, conflicts of names, observers."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, TypeVar, cast

import pluggy

from bench.api import PluginSpec
from bench.errors import BenchError, suggest
from bench.plugins.guard import guarded, limited
from bench.plugins.kinds import KINDS
from bench.plugins.registered import Conflict, Failure, Observer, Registered

log = logging.getLogger(__name__)

OBSERVER_LIMIT: Final = 60.0
"""Seconds that an observer may take for a notification."""

S = TypeVar("S", bound=PluginSpec)


@cache
def note_former_name(kind: str, name: str, present: str) -> None:
    """Say once that a plugin has another name now."""
    log.warning("the %s '%s' is now called '%s', which is used", kind, name, present)


class Plugins:
    """All registered plugins, by kind and name; the order of loading never matters."""

    def __init__(
        self,
        registered: Iterable[Registered[Any]],
        failures: Iterable[Failure] = (),
        observers: Iterable[Observer] = (),
    ) -> None:
        self.failures = tuple(failures)
        self.observers = tuple(sorted(observers, key=lambda o: o.full_name))
        self.manager: pluggy.PluginManager | None = None
        self._by_kind: dict[str, dict[str, list[Registered[Any]]]] = {kind: {} for kind in KINDS}
        for item in sorted(registered, key=lambda r: r.full_name):
            self._by_kind[item.spec.kind].setdefault(item.spec.name, []).append(item)

    def adding(self, more: Iterable[Registered[Any]]) -> Plugins:
        """These plugins and more; what is there already is there once."""
        items = {item.full_name + item.spec.kind: item for item in [*self.every, *more]}
        found = Plugins(items.values(), self.failures, self.observers)
        found.manager = self.manager
        return found

    def without_observers(self) -> Plugins:
        """The same plugins without the observers."""
        return Plugins(self.every, self.failures)

    def all(self, spec: type[S]) -> list[Registered[S]]:
        """Every plugin of a kind, which its class of specs names, sorted by name."""
        by_name = self._by_kind[spec.kind]
        return [item for name in sorted(by_name) for item in by_name[name]]

    @property
    def every(self) -> list[Registered[Any]]:
        """Every plugin, by kind and name."""
        return [item for kind in KINDS.values() for item in self.all(kind.spec)]

    def get(self, spec: type[S], name: str) -> Registered[S]:
        """The plugin `name`, or ``distribution/name``, of a kind.

        Args:
            spec: the class of the kind's specs, as :class:`bench.api.SeparatorSpec`.
            name: of the plugin.

        Raises:
            BenchError: there is none, or two distributions offer that name.
        """
        kind = spec.kind
        distribution, _, bare = name.rpartition("/")
        found = self._by_kind[kind].get(bare, [])
        if distribution:
            found = [item for item in found if item.distribution == distribution]
        if not found:
            present = self.present_name(spec, name)
            if present != name:
                note_former_name(kind, name, present)
                return self.get(spec, present)
        if len(found) == 1:
            return cast("Registered[S]", found[0])
        if found:
            owners = " and ".join(item.distribution for item in found)
            hint = f"Say which: {' or '.join(item.full_name for item in found)}"
            raise BenchError(f"{kind} '{name}' is offered by {owners}", hint=hint)
        hint = suggest(bare, list(self._by_kind[kind]))
        if self.failures:
            hint += f" ({len(self.failures)} plugins failed to load: bench plugins list)"
        raise BenchError(f"there is no {kind} '{name}'", hint=hint)

    def short_name(self, spec: type[S], name: str) -> str:
        """The name by which a plugin is known: its own, or ``distribution/name`` where two have it.

        Raises:
            BenchError: there is none, or two distributions offer that name.
        """
        item = self.get(spec, name)
        alone = len(self._by_kind[spec.kind][item.spec.name]) == 1 and not item.is_local
        return item.spec.name if alone else item.full_name

    def names(self, spec: type[S]) -> list[str]:
        """The names that a kind's plugins have and had, without distributions."""
        own = [item.spec for item in self.all(spec)]
        former = (old.name for item in own for old in item.formerly)
        return sorted({*(item.name for item in own), *former})

    def present_name(
        self, spec: type[S], name: str, options: Mapping[str, Any] | None = None
    ) -> str:
        """The name that a plugin has now, where `name` is one that it had; else `name`.

        Args:
            spec: the class of the kind's specs.
            name: or ``distribution/name``.
            options: all options of the plugin that has the name now.
        """
        distribution, _, bare = name.rpartition("/")
        taken = bare in self._by_kind[spec.kind]
        for item in self.all(spec):
            for old in item.spec.formerly:
                meant = old.options.items() <= (options or {}).items() if old.options else not taken
                if old.name == bare and meant and distribution in ("", item.distribution):
                    return f"{distribution}/{item.spec.name}".lstrip("/")
        return name

    def spec_of(self, spec: type[S], name: str) -> S | None:
        """The spec of a plugin that a board names; None where it is not installed here."""
        try:
            return self.get(spec, name).spec
        except BenchError:
            return None

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
            hint = suggest(name, [item.name for item in self.observers])
            raise BenchError(f"there is no observer '{name}'", hint=hint)
        return found[0]

    def find(self, name: str) -> list[Registered[Any]]:
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
            raise BenchError(f"there is no plugin '{name}'", hint=suggest(bare, known))
        return found

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call an observer hook of every plugin.

        Each gets a copy of the arguments, so that none changes what others or the run see. One that
        raises is reported, and not called again: it never costs a run.
        """
        if self.manager is None:
            return
        for impl in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            try:
                told = copy.deepcopy([arguments[name] for name in impl.argnames])
                with limited(OBSERVER_LIMIT), guarded(f"observer '{impl.plugin_name}'"):
                    impl.function(*told)
            except Exception as error:
                if os.environ.get("BENCH_STRICT_PLUGINS") == "1":
                    raise
                self.manager.unregister(name=impl.plugin_name)
                log.warning(
                    "observer %s failed in %s and is not called again: %s: %s",
                    impl.plugin_name, hook, type(error).__name__, error,
                )  # fmt: skip
