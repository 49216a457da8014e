"""A plugin under test: how it is found, made and called."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench.api import LossSpec, SeparatorSpec
from bench.errors import BenchError, suggest
from bench.plugins import KINDS as SPEC_KINDS
from bench.plugins import OBSERVER, Observer, Plugins, Registered

if TYPE_CHECKING:
    from torch import Tensor

    from bench.testing.material import Case

KINDS = (*SPEC_KINDS, OBSERVER)


@dataclass
class Subject:
    """A plugin, its options, and one instance that the checks share.

    Attributes:
        plugin: the plugin as it was registered.
        options: the options instance that it is made with; None where it has none.
    """

    plugin: Registered[Any] | Observer
    options: Any = None
    _made: Any = field(default=None, init=False, repr=False)

    @property
    def kind(self) -> str:
        """The kind of the plugin, one of :data:`KINDS`."""
        return OBSERVER if isinstance(self.plugin, Observer) else self.plugin.spec.kind

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.plugin.name if isinstance(self.plugin, Observer) else self.plugin.spec.name

    @property
    def distribution(self) -> str:
        """The distribution that the plugin is from."""
        return self.plugin.distribution

    @property
    def registered(self) -> Registered[Any]:
        """The plugin, which is no observer."""
        assert isinstance(self.plugin, Registered)
        return self.plugin

    @property
    def trainable(self) -> bool:
        """Whether the spec says that the plugin can be trained."""
        return bool(getattr(self.registered.spec, "trainable", False))

    def make(self, seed: int = 0) -> Any:
        """A new instance, seeded as the harness does it, in evaluation mode.

        Raises:
            NotMade: something is missing that its spec says it needs.
        """
        import torch

        from bench.runtime.seeds import seeded

        try:
            with seeded(seed):
                made = self.registered.build(self.options)
        except BenchError as error:
            if self.registered.spec.needs:
                needs = ", ".join(self.registered.spec.needs)
                text = " ".join(str(error).split())
                raise NotMade(f"it needs {needs}: {text}") from error
            raise
        return made.eval() if isinstance(made, torch.nn.Module) else made

    @property
    def instance(self) -> Any:
        """The instance that checks share: they must leave it as it was.

        Raises:
            Skip: it could not be constructed, as the check ``made`` says.
        """
        if self._failure:
            raise Skip("it could not be constructed")
        return self._made

    @cached_property
    def _failure(self) -> bool:
        try:
            self._made = self.make()
        except (Exception, SystemExit):
            return True
        return False

    def call(self, made: Any, case: Case, *, grad: bool = False) -> Tensor:
        """Call an instance with a case, and give its values as one tensor."""
        import torch

        with torch.set_grad_enabled(grad):
            values: Tensor = self.raw(made, case)
        return values

    def raw(self, made: Any, case: Case) -> Any:
        """The output of an instance for a case; a metric's mapping as a tensor, by part."""
        import torch

        if self.kind == "separator":
            spec = self.registered.spec
            assert isinstance(spec, SeparatorSpec)
            stems = (case.stems,) if spec.reads_stems else ()
            return made.separate(case.mixture, *stems)
        if self.kind == "gains":
            return made.gains(case.query())
        if self.kind == "prescription":
            return made.amplify(case.mixture, case.listeners, case.sample_rate)
        if self.kind == "loss":
            return made(case.loss_input(self.place))
        if self.kind == "front-end":
            return case.predicted_by(made)
        values = made.score(case.rendering())
        return torch.tensor([float(values[part]) for part in sorted(values)], dtype=torch.float64)

    @property
    def place(self) -> str:
        """The place where a loss acts by default."""
        assert isinstance(self.registered.spec, LossSpec)
        return self.registered.spec.default_place


def find(
    plugins: Plugins, kind: str, name: str, options: Mapping[str, Any] | None = None
) -> Subject:
    """A plugin by kind and name, with option values as text or as they are.

    Raises:
        BenchError: there is no such plugin or option.
    """
    if kind == OBSERVER:
        observer = plugins.observer(name)
        if options:
            raise BenchError("an observer has no options here", where=f"observer '{name}'")
        return Subject(observer)
    registered = plugins.get(SPEC_KINDS[kind].spec, name)
    if registered.spec.options is not None and not dataclasses.is_dataclass(
        registered.spec.options
    ):
        return Subject(registered)
    return Subject(registered, registered.options(options or {}))


def find_all(
    plugins: Plugins, name: str, kind: str | None = None, options: Mapping[str, Any] | None = None
) -> list[Subject]:
    """Every plugin of that name, or only of one kind.

    Raises:
        BenchError: there is none, two distributions offer the name, or an option is wrong.
    """
    if kind is not None:
        return [find(plugins, kind, name, options)]
    bare = name.rpartition("/")[2]
    named = {item.spec.kind for item in plugins.every if item.spec.name == bare}
    kinds = [kind for kind in SPEC_KINDS if kind in named]
    kinds += [OBSERVER for item in plugins.observers if name in (item.name, item.full_name)][:1]
    if not kinds:
        known = [item.spec.name for item in plugins.every]
        known += [item.name for item in plugins.observers]
        failed = [failure for failure in plugins.failures if failure.plugin == bare]
        hint = str(failed[0]) if failed else suggest(bare, sorted(set(known)))
        raise BenchError(f"there is no plugin '{name}'", hint=hint)
    return [find(plugins, k, name, options) for k in kinds]


class Skip(Exception):
    """A check does not apply, or cannot be made here; the message says why."""


class NotMade(Skip):
    """The plugin could not be made: something that its spec says it needs is not here."""
