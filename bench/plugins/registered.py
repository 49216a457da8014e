"""Plugins that are installed, and those that cannot be used."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from bench.api import PluginFile, PluginSpec
from bench.errors import BenchError, suggest
from bench.options import Rule, convert
from bench.plugins.guard import guarded
from bench.plugins.remedies import missing_extras
from bench.plugins.source import source_digest
from bench.version import DISTRIBUTION


@dataclass(frozen=True)
class Failure:
    """A plugin that could not be used: which, from where, why, and what to do about it."""

    plugin: str
    distribution: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"plugin '{self.plugin}' of {self.distribution} was skipped: {self.reason}"
        return f"{text}\n  {self.remedy}" if self.remedy else text


@dataclass(frozen=True)
class Conflict:
    """A name that several distributions offer for one kind."""

    kind: str
    name: str
    distributions: tuple[str, ...]

    @property
    def remedy(self) -> str:
        """The way to resolve the conflict."""
        full = " or ".join(f"{owner}/{self.name}" for owner in self.distributions)
        return f"Say which: {full}; or pip uninstall one of them"

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}' is offered by {' and '.join(self.distributions)}"


@dataclass(frozen=True)
class Observer:
    """A plugin that is notified of how a run goes, by the name of its entry point."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    module: str
    plugin: Any

    @property
    def full_name(self) -> str:
        """``distribution/name``."""
        return f"{self.distribution}/{self.name}"


S_co = TypeVar("S_co", bound=PluginSpec, covariant=True)


@dataclass(frozen=True)
class Registered(Generic[S_co]):
    """A spec, and the distribution and the entry point's module that it came from."""

    is_local: ClassVar[bool] = False
    """Whether it is the caller's own code, and always named with its distribution."""
    spec: S_co
    distribution: str
    version: str
    module: str = ""

    @property
    def full_name(self) -> str:
        """``distribution/name``, which is never ambiguous."""
        return f"{self.distribution}/{self.spec.name}"

    @property
    def title(self) -> str:
        """Kind and name, as errors name it.

        Example:
            >>> from bench.api import LossSpec
            >>> Registered(LossSpec(name="mse", target="m:Mse", summary=""), "bench", "1").title
            "loss 'mse'"
        """
        return f"{self.spec.kind} '{self.spec.name}'"

    @property
    def is_own(self) -> bool:
        """Whether it is bench's own: its code is tested with the harness, and trusted."""
        return self.distribution == DISTRIBUTION

    @property
    def source(self) -> str:
        """A digest of its code; empty for bench's own.

        The code of bench counts by itself (:func:`bench.spec.identity.code_hash`).

        Raises:
            BenchError: it was edited since it was first asked for. This process, as that of a
                notebook, may have imported the former code, and its workers import the present one.
        """
        if self.is_own:
            return ""
        if self._first_source != self._source():
            hint = "Restart Python, so that it runs the code on disk."
            raise BenchError("its code was edited after it was loaded", where=self.title, hint=hint)
        return self._first_source

    @cached_property
    def _first_source(self) -> str:
        return self._source()

    def _source(self) -> str:
        modules = (self.module, self.spec.target.partition(":")[0])
        return source_digest(self.distribution, modules)

    def options(self, values: Mapping[str, Any]) -> Any:
        """The options instance for `values` (texts are converted), or None where it has none.

        Raises:
            BenchError: an unknown option, or a value of the wrong type.
        """
        cls = self.spec.options
        where = self.title
        if cls is None:
            if values:
                raise BenchError(f"it has no options, got '{next(iter(values))}'", where=where)
            return None
        types = typing.get_type_hints(cls)
        known = {f.name: Rule.of(f.metadata) for f in dataclasses.fields(cls)}
        converted = {}
        for key, value in values.items():
            if key not in known:
                hint = f"{suggest(key, list(known))} See: bench plugins show {self.spec.name}"
                raise BenchError(f"unknown option '{key}'", where=where, hint=hint)
            at = f"{where}, option '{key}'"
            converted[key] = known[key].checked(convert(value, types[key], where=at), where=at)
        with guarded(where):
            return cls(**converted)

    def target(self) -> Any:
        """The object that the spec's target names, imported.

        Raises:
            BenchError: it cannot be imported.
        """
        return self._imported(self.spec.target)

    def files(self) -> list[PluginFile]:
        """The files that the plugin reads or makes.

        Raises:
            BenchError: what lists them cannot be imported.
        """
        if not self.spec.files:
            return []
        listed = self._imported(self.spec.files)
        with guarded(self.title):
            return list(listed())

    def _imported(self, target: str) -> Any:
        module_name, _, attribute = target.partition(":")
        where = f"{self.title} of {self.distribution}"
        try:
            with guarded(where):
                return getattr(importlib.import_module(module_name), attribute)
        except ImportError as error:
            needs = f"It needs: {', '.join(self.spec.needs)}" if self.spec.needs else ""
            extras = missing_extras(self.spec, self.distribution)
            hint = "; ".join(filter(None, [needs, *extras]))
            raise BenchError(f"cannot be imported: {error}", where=where, hint=hint) from error
        except AttributeError as error:
            raise BenchError(f"has no target {target}", where=where) from error

    def build(self, options: Any) -> Any:
        """Import the target and make it.

        Raises:
            BenchError: the target cannot be imported or made.
        """
        target = self.target()
        with guarded(self.title):
            return target() if self.spec.options is None else target(options)
