"""Losses and metrics by the names that they have now, whatever earlier names a user writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.api import LossSpec, MetricSpec
from bench.plugins import Plugins
from bench.plugins.catalogue import note_former_name
from bench.spec.loss import LossExpression

Options = Mapping[str, Any]
"""Values by ``plugin.option``."""


def parse_loss(text: str, plugins: Plugins, options: Options) -> tuple[LossExpression, Options]:
    """Read a loss expression; terms that have another name now get it, and so do their options.

    A term is identified by its options: ``haaqi-net`` over the front end ``haaqi-light`` is the
    latter.

    Raises:
        BenchError: the expression is wrong, or an option of a term that is renamed.
    """
    options = {_by_short_name(key, plugins): value for key, value in options.items()}
    expression, changed = _present_expression(text, plugins, options)
    return expression, _renamed(options, changed, expression.names, plugins)


def default_loss(text: str, plugins: Plugins, options: Options) -> LossExpression:
    """The expression of a suite's loss, as :func:`parse_loss` reads it."""
    options = {_by_short_name(key, plugins): value for key, value in options.items()}
    return _present_expression(text, plugins, options)[0]


def present_metrics(names: Iterable[str], plugins: Plugins) -> list[str]:
    """The names that metrics have now."""
    found = []
    for name in names:
        found.append(plugins.present_name(MetricSpec, name))
        if found[-1] != name:
            note_former_name(MetricSpec.kind, name, found[-1])
    return found


def _present_expression(
    text: str, plugins: Plugins, options: Options
) -> tuple[LossExpression, Mapping[str, str]]:
    """The expression by the names of now, and these by the names in `text`, where they differ."""
    known = plugins.names(LossSpec)
    expression = _plain(LossExpression.parse(text, known), plugins)
    present = {name: _present(name, plugins, options) for name in expression.names}
    changed = {name: new for name, new in present.items() if new != name}
    if changed:
        terms = (dataclasses.replace(term, name=present[term.name]) for term in expression.terms)
        expression = LossExpression.parse(str(LossExpression(tuple(terms))), known)
        expression = _plain(expression, plugins)
    return expression, changed


def _plain(expression: LossExpression, plugins: Plugins) -> LossExpression:
    """The expression by short names, without places that are a loss's own."""
    terms = []
    for term in expression.terms:
        spec = plugins.get(LossSpec, term.name).spec
        name = plugins.short_name(LossSpec, term.name)
        # A former name is dealt with by what its options say.
        if term.name.rpartition("/")[2] != spec.name:
            name = term.name
        place = None if term.place == spec.default_place else term.place
        terms.append(dataclasses.replace(term, name=name, place=place))
    return LossExpression.parse(str(LossExpression(tuple(terms))), plugins.names(LossSpec))


def _by_short_name(key: str, plugins: Plugins) -> str:
    """An option's key, ``name.option``, by the loss's short name where there is such a loss."""
    name, _, option = key.rpartition(".")
    if "/" not in name or plugins.spec_of(LossSpec, name) is None:
        return key
    return f"{plugins.short_name(LossSpec, name)}.{option}"


def _present(name: str, plugins: Plugins, options: Options) -> str:
    """The name of a term now, by all of its options."""
    first = plugins.present_name(LossSpec, name)
    registered = plugins.get(LossSpec, first)
    values: dict[str, Any] = {}
    if first == name and registered.spec.options is not None:
        values = dataclasses.asdict(registered.options(_of(options, name)))
    present = plugins.present_name(LossSpec, name, values)
    if present != name:
        note_former_name(LossSpec.kind, name, present)
    return present


def _of(options: Options, name: str) -> dict[str, Any]:
    return {k.rpartition(".")[2]: v for k, v in options.items() if k.rpartition(".")[0] == name}


def _renamed(
    options: Options, changed: Mapping[str, str], terms: Sequence[str], plugins: Plugins
) -> Options:
    """The options by their terms' names now, without those that said which plugin is meant.

    Options of an earlier name are those of the term that has another name now, also where the
    expression has the new one; unless one of them says that another plugin is meant.
    """
    found: dict[str, Any] = {}
    for key, value in options.items():
        name, _, option = key.rpartition(".")
        new = changed.get(name) or ("" if name in terms else _formerly(name, terms, plugins))
        telling = _telling(name, new, plugins)
        told = {k: v for k, v in _of(options, name).items() if any(k in one for one in telling)}
        if not new or (told and told not in telling):
            found[key] = value
            continue
        note_former_name(LossSpec.kind, name, new)
        if option not in told:
            found[f"{new}.{option}"] = value
    return found


def _formerly(name: str, terms: Sequence[str], plugins: Plugins) -> str:
    """The term that was once called `name`; empty if there is none."""
    return next((term for term in terms if _telling(name, term, plugins)), "")


def _telling(name: str, term: str, plugins: Plugins) -> list[Options]:
    """The options by which `name` meant the plugin of a term, one entry each time that it did."""
    if not term:
        return []
    bare = name.rpartition("/")[2]
    olds = plugins.get(LossSpec, term).spec.formerly
    return [old.options for old in olds if old.name == bare]
