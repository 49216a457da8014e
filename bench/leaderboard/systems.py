"""The systems that a leaderboard ranks and compares, each of one run or of several seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bench.board.failures import Failure
from bench.leaderboard.clusters import mean_over
from bench.leaderboard.model import OTHER_DATA, Column, Contrast
from bench.leaderboard.names import names_of
from bench.leaderboard.seeds import common_label, without_seed
from bench.leaderboard.statistics import Comparison, compare, holm, rank_ranges


@dataclass(frozen=True)
class Entry:
    """A run with its scores by column key, each indexed by PAIR; NaN where there is none."""

    run: dict[str, Any]
    label: str
    scores: Mapping[str, pd.Series]
    n_failed: int
    unranked_reason: str
    reference: int
    silent: bool
    """Whether it leaves all stems as they are: its gains are 0 dB."""
    failures: tuple[Failure, ...] = ()
    """Why pairs failed."""
    n_excluded: int = 0
    """Pairs that the suite's rule on hearing loss leaves out."""

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self.run["run_id"])


@dataclass(frozen=True)
class System:
    """What is ranked: one run, or those that differ in their seed, with the mean of their scores.

    `scores` are of the first column, indexed by PAIR.
    """

    label: str
    entries: tuple[Entry, ...]
    scores: pd.Series

    @property
    def n(self) -> int:
        """Pairs that have a score."""
        return int(self.scores.count())

    @property
    def first(self) -> Entry:
        """The run that stands for all in everything but scores and seed."""
        return self.entries[0]


def systems_of(entries: Sequence[Entry], first: str) -> list[System]:
    """Runs that differ in their seed together, in the order of the entries."""
    grouped: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        alone = str(entry.run["run_id"])
        key = without_seed(entry.run) if entry.scores[first].count() else alone
        grouped.setdefault((key, entry.unranked_reason), []).append(entry)
    taken: set[str] = set()
    found = []
    for several in grouped.values():
        ordered = sorted(several, key=lambda entry: int(entry.run["seed"] or 0))
        label = ordered[0].label
        if len(ordered) > 1:
            label = common_label([entry.run for entry in ordered])
            if label in taken:
                label = f"{label} [{ordered[0].run['run_id']}]"
            ordered = [_told_apart(entry, label) for entry in ordered]
        taken.add(label)
        scores = mean_over([entry.scores[first] for entry in ordered])
        found.append(System(label, tuple(ordered), scores))
    return found


def _told_apart(entry: Entry, system: str) -> Entry:
    """One seed with a label that is not its system's."""
    if entry.label != system:
        return entry
    return replace(entry, label=f"{system}, seed {int(entry.run['seed'] or 0)}")


def ranks_of(systems: Sequence[System]) -> dict[str, tuple[int, int]]:
    """Rank ranges by label; none at all where the ranked systems have several references."""
    ranked = [s for s in systems if not s.first.unranked_reason and s.n]
    if len({system.first.reference for system in ranked}) > 1:
        return {}
    ranges = rank_ranges([system.scores for system in ranked])
    return {system.label: place for system, place in zip(ranked, ranges, strict=True)}


def find(systems: Sequence[System], name: str) -> System | None:
    """Find a system by label or shown name, else by ``separator + gains``: the fewest details.

    So the plain name finds a row of few pairs, and not one with another prescription.
    """
    exact = [system for system in systems if system.label == name]
    plain = [s for s in systems if f"{s.first.run['separator']} + {s.first.run['gains']}" == name]
    names, _ = names_of([(system.label, system.first.run) for system in systems])
    shown = [system for system, one in zip(systems, names, strict=True) if str(one) == name]
    plain.sort(key=lambda s: (-s.label.count(","), str(s.first.run["created"])))
    found = exact or shown or plain
    return found[-1] if found else None


def baseline_of(systems: Sequence[System], name: str) -> System | None:
    """The baseline; where references have the systems' own gains, its separator without any."""
    base = find(systems, name)
    separator = base.first.run["separator"] if base else name.partition(" + ")[0]
    silent = [s for s in systems if s.first.silent and s.first.run["separator"] == separator]
    return max(silent, key=lambda s: str(s.first.run["created"])) if name and silent else base


def _may_compare(one: System, two: System) -> bool:
    return one is not two and one.first.reference == two.first.reference


def differences_to(
    systems: Sequence[System], base: System | None, first: Column
) -> dict[str, Comparison]:
    """Of each system to the baseline, by label, where they share their reference."""
    if base is None:
        return {}
    return {
        system.label: compare(system.scores, base.scores, bounds=first.bounds)
        for system in systems
        if _may_compare(system, base)
    }


def of_one_seed(
    entry: Entry, base: System | None, system: System, first: Column
) -> Comparison | None:
    """Compare a run of one seed with the baseline; None where the two may not be compared."""
    if base is None or not _may_compare(system, base) or entry.unranked_reason == OTHER_DATA:
        return None
    return compare(entry.scores[first.key], base.scores, bounds=first.bounds)


def contrasts_of(
    systems: Sequence[System], named: Sequence[tuple[str, str]], first: Column
) -> list[Contrast]:
    """Those that were named, each with its p-value corrected over all.

    One whose rows are not there counts as one that found nothing, so that p-values do not depend on
    which rows are there.
    """
    found: list[Comparison | None] = []
    for ours, theirs in named:
        one, two = find(systems, ours), find(systems, theirs)
        can = one is not None and two is not None and _may_compare(one, two)
        found.append(compare(one.scores, two.scores, bounds=first.bounds) if can else None)  # type: ignore[union-attr]
    corrected = holm([comparison.p if comparison else 1.0 for comparison in found])
    return [
        Contrast(ours, theirs, comparison, p if comparison else None)
        for (ours, theirs), comparison, p in zip(named, found, corrected, strict=True)
    ]


def p_values_of(
    differences: Mapping[str, Comparison],
    base: System | None,
    systems: Sequence[System],
    contrasts: Sequence[Contrast] | None,
) -> dict[str, float]:
    """p of the differences to the baseline: corrected over them, or those of named contrasts.

    Where contrasts were named, a difference that is none of them has no p-value: NaN.
    """
    if contrasts is None:
        corrected = holm([comparison.p for comparison in differences.values()])
        return dict(zip(differences, corrected, strict=True))
    found = dict.fromkeys(differences, math.nan)
    for one in contrasts:
        ours, theirs = find(systems, one.ours), find(systems, one.theirs)
        if ours is not None and theirs is not None and one.p is not None and base is not None:
            if theirs is base:
                found[ours.label] = one.p
            elif ours is base:
                found[theirs.label] = one.p
    return found
