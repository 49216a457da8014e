"""Names of a board's systems in parts: what a system is, what differs, and what all rows share.

A run's label says everything at once, so that the label of one run among twenty is mostly what the
other nineteen have too. Here it is taken apart: what all rows share is said once, below the table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Name:
    """A system's name in parts.

    Attributes:
        head: ``separator + gains``, or the name that the run was given.
        details: what distinguishes it from others of that head, such as prescription and loss.

    Example:
        >>> str(Name("hdemucs + fixed", ("nalr-fit", "seed 1")))
        'hdemucs + fixed (nalr-fit, seed 1)'
    """

    head: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.head} ({', '.join(self.details)})" if self.details else self.head


@dataclass(frozen=True)
class _Label:
    """A label taken apart; `loss` is the run's, where it trains."""

    head: str
    extras: tuple[str, ...]
    loss: str
    names_loss: bool = False
    prescription: str = ""

    @property
    def before_loss(self) -> tuple[str, ...]:
        """The details that stand before the loss."""
        found = (extra for extra in self.extras if extra.partition("[")[0] == self.prescription)
        return tuple(found)


@dataclass(frozen=True)
class _Losses:
    """The losses of the rows that train: terms by name, and which of them are not all rows'."""

    terms: Mapping[str, Mapping[str, str]]
    common: frozenset[str]
    varying: frozenset[str]
    by_term: bool
    """Whether the terms that vary identify a row's loss."""


def names_of(labelled: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[list[Name], list[str]]:
    """The names of rows, and sentences of what they share.

    Args:
        labelled: the label of each row, and its run's row of the board.

    Example:
        >>> rows = [{"separator": "a", "label": f"a + {g} (8 pairs)"} for g in ("b", "c")]
        >>> names_of([(str(row["label"]), row) for row in rows])
        ([Name(head='a + b', details=()), Name(head='a + c', details=())], ['All rows: 8 pairs.'])
    """
    taken = [_taken_apart(label, run) for label, run in labelled]
    shared: list[str] = []
    if len(taken) > 1:
        shared = [e for e in taken[0].extras if all(e in other.extras for other in taken)]
    losses = _losses_of(taken)
    names = []
    for one in taken:
        details = [extra for extra in one.extras if extra not in shared]
        if loss := _loss_in_short(one, losses):
            # After the prescription, before the seed, as in a label.
            details.insert(sum(detail in one.before_loss for detail in details), loss)
        names.append(Name(one.head, tuple(details)))
    # A name belongs to one row: where taking apart would lose that, the label stands.
    texts = [str(name) for name in names]
    names = [
        name if texts.count(text) == 1 else Name(label)
        for name, text, (label, _) in zip(names, texts, labelled, strict=True)
    ]
    said = [f"All rows: {', '.join(shared)}."] if shared else []
    return names, said + _loss_words(taken, losses)


def runs_named(runs: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """The runs of a name: an id, else a label, else the name that a leaderboard shows.

    Args:
        runs: rows of a board's runs.
        name: what was typed.

    Returns:
        The runs in the order of `runs`; none where nothing has that name.
    """
    for key in ("run_id", "label"):
        if found := [run for run in runs if run[key] == name]:
            return found
    # Of several runs of one label the shown names end in the id.
    if found := [run for run in runs if name.endswith(f"{run['run_id']})")]:
        return found
    views: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for run in runs:
        views.setdefault((run["suite"], run["split"], run["protocol"]), []).append(run)
    shown = {label for view in views.values() for label in _labels_shown_as(view, name)}
    return [run for run in runs if _label_of(run) in shown]


def _labels_shown_as(view: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """Labels of runs that may be compared, which a leaderboard of them shows under a name."""
    by_label = {_label_of(run): run for run in view}
    names, _ = names_of(list(by_label.items()))
    return [label for label, one in zip(by_label, names, strict=True) if str(one) == name]


def _label_of(run: Mapping[str, Any]) -> str:
    return str(run["label"] or f"{run['separator']} + {run['gains']}")


def _losses_of(taken: Sequence[_Label]) -> _Losses:
    terms = {one.loss: _terms(one.loss) for one in taken if one.loss}
    known = {name for own in terms.values() for name in own}
    texts = {name: {own.get(name) for own in terms.values()} for name in known}
    varying = frozenset(name for name, found in texts.items() if len(found) > 1)
    all_named = all(one.names_loss for one in taken if one.loss)
    has_own = all(varying & own.keys() for own in terms.values())
    by_term = len(varying) == 1 or (all_named and has_own and varying < known)
    return _Losses(terms, frozenset(known) - varying, varying, by_term)


def _taken_apart(label: str, run: Mapping[str, Any]) -> _Label:
    stored = str(run.get("label") or label)
    text, after = (stored, label[len(stored) :]) if label.startswith(stored) else (label, "")
    loss = str(run.get("loss") or "")
    tail = (after.strip(" ,[]"),) if after else ()
    head, opens, rest = text.partition(" (")
    plain = head.startswith(str(run.get("separator"))) and " + " in head
    if not plain:  # a name that was given: only the limit is known beside it
        return _Label(text, (*_limit(run), *tail), loss)
    if not opens or not rest.endswith(")"):
        return _Label(text, tail, loss)
    extras = rest[:-1].split(", ")
    short = loss.replace(" ", "")
    others = tuple(extra for extra in extras if extra != short)
    names_loss = bool(short) and short in extras
    return _Label(head, (*others, *tail), loss, names_loss, str(run.get("prescription") or ""))


def _limit(run: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        limit = json.loads(run.get("spec_json") or "{}").get("limit")
    except (ValueError, AttributeError):
        return ()
    return (f"{limit} pairs",) if limit else ()


def _terms(loss: str) -> dict[str, str]:
    """The terms of a loss as they are written, by their name.

    Example:
        >>> _terms("2*loudness + mse")
        {'loudness': '2*loudness', 'mse': 'mse'}
    """
    return {text.rpartition("*")[2]: text for text in loss.split(" + ")}


def _loss_in_short(one: _Label, losses: _Losses) -> str:
    """The part of a row's loss that differs from others; the whole if terms do not identify it."""
    if not one.loss or not losses.varying:
        return ""
    if not losses.by_term:
        return one.loss.replace(" ", "") if one.names_loss else ""
    own = losses.terms[one.loss]
    said = [
        own[term] if "*" in own[term] else f"1*{term}" for term in own if term in losses.varying
    ]
    return "+".join(said) or "+".join(f"no {term}" for term in sorted(losses.varying))


def _loss_words(taken: Sequence[_Label], losses: _Losses) -> list[str]:
    if not losses.terms:
        return []
    if not losses.varying:
        named = any(one.names_loss for one in taken)
        return [f"Loss of all trainings: {next(iter(losses.terms))}."] if named else []
    if losses.by_term:
        same = [t for name, t in next(iter(losses.terms.values())).items() if name in losses.common]
        return [f"Loss of all trainings: {' + '.join(same)}, and the term named."] if same else []
    plain = dict.fromkeys(one.loss for one in taken if one.loss and not one.names_loss)
    return [f"Loss where none is named: {' or '.join(plain)}."] if plain else []
