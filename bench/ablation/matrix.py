"""The runs of an ablation: every sensible combination once, and why the others are left out.

Nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from bench.ablation.design import Ablation
from bench.api import Dataset, GainsSpec, PrescriptionSpec, SeparatorSpec
from bench.errors import BenchError, suggest
from bench.options import parse_options
from bench.plugins import KINDS, Plugins
from bench.runs.plan import PlannedRun
from bench.spec.choices import LOUDNESS_LIMIT, check_loudness_limit
from bench.spec.former_names import parse_loss
from bench.spec.loss import EmptyObjectiveError
from bench.spec.resolve import (
    UnreachedPrescriptionError,
    baseline_specs,
    fitted,
    make_run_spec,
)
from bench.spec.run import RunSpec
from bench.spec.suite import Suite

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_UNTRAINED: Final = "nothing is trained, so the loss, the training and the seed have no effect"


@dataclass(frozen=True)
class Skipped:
    """Combinations that are not run: how many, what they have in common, and why."""

    count: int
    name: str
    reason: str


@dataclass(frozen=True)
class Matrix:
    """The runs of an ablation, and what was left out."""

    specs: tuple[RunSpec, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class _Combination:
    separator: str
    gains: str
    prescription: str
    loss: str
    grid: Mapping[str, str]
    seed: int

    @property
    def system(self) -> str:
        return f"{self.separator} + {self.gains}"


def expand(ablation: Ablation, plugins: Plugins, suite: Suite) -> Matrix:
    """The runs of an ablation.

    Raises:
        BenchError: an unknown part, option or value, a name of the grid that nothing uses, or no
            run at all.
    """
    _check_grid(ablation)
    _check_options(ablation, plugins, suite)
    specs: dict[str, RunSpec] = {}
    skipped: dict[tuple[str, str], int] = {}
    for one in _combinations(ablation):
        why = _senseless(one, ablation, plugins)
        if not why:
            try:
                spec = _spec(one, ablation, plugins, suite)
            except EmptyObjectiveError:
                why = "every weight of its loss is zero, so there is nothing to train for"
            except UnreachedPrescriptionError:
                why = (
                    f"no term of its loss acts at the output, where '{one.prescription}' would "
                    "learn from it"
                )
        if not why:
            key = json.dumps(spec.canonical(), sort_keys=True)
            if key not in specs:
                specs[key] = spec
                continue
            why = "the same run: " + (
                "what is varied does not apply to it" if spec.trains else _UNTRAINED
            )
        skipped[one.system, why] = skipped.get((one.system, why), 0) + 1
    if not specs:
        reason = next(why for _, why in skipped)
        raise BenchError(f"no combination can be run: {reason}", where="the ablation")
    left_out = (Skipped(count, name, why) for (name, why), count in skipped.items())
    return Matrix(tuple(specs.values()), tuple(left_out))


def plan_matrix(
    matrix: Matrix, suite: Suite, plugins: Plugins, dataset: Dataset, *, baselines: bool = True
) -> list[PlannedRun]:
    """The runs with their ids, and the baselines that their board carries, each once."""
    planned: dict[str, PlannedRun] = {}
    specs = [fitted(spec, dataset) for spec in matrix.specs]
    own = {json.dumps(spec.canonical(), sort_keys=True): spec for spec in specs}
    beside: dict[str, RunSpec] = {}
    for spec in specs if baselines else ():
        for other in baseline_specs(plugins, suite, spec):
            beside.setdefault(json.dumps(other.canonical(), sort_keys=True), other)
    for key, spec in {**beside, **own}.items():
        run_id = spec.run_id(plugins, spec.fingerprints(dataset))
        planned[run_id] = PlannedRun(run_id, spec, key not in own)
    return list(planned.values())


def _combinations(ablation: Ablation) -> Iterator[_Combination]:
    parts = (ablation.separator, ablation.gains, ablation.prescription, ablation.loss)
    for separator, gains, prescription, loss in product(*parts):
        for values in product(*ablation.grid.values()):
            grid = dict(zip(ablation.grid, values, strict=True))
            for seed in range(ablation.seeds):
                yield _Combination(separator, gains, prescription, loss, grid, seed)


def _senseless(one: _Combination, ablation: Ablation, plugins: Plugins) -> str:
    """Why a combination is not worth running; empty if it is."""
    request = [name for name in ablation.gains if plugins.get(GainsSpec, name).spec.is_request]
    default = request[0] if request else ablation.gains[0]
    separates = plugins.get(SeparatorSpec, one.separator).spec.separates
    if not separates and one.gains != default:
        return (
            f"the stems of '{one.separator}' are equal parts, so there is nothing for gains to "
            "change"
        )
    return ""


def _spec(one: _Combination, ablation: Ablation, plugins: Plugins, suite: Suite) -> RunSpec:
    separator = plugins.get(SeparatorSpec, one.separator).spec
    gains = plugins.get(GainsSpec, one.gains).spec
    prescription = plugins.get(PrescriptionSpec, one.prescription or suite.prescription).spec
    loss = ""
    if separator.trainable or gains.trainable or prescription.trainable:
        loss = _PLACEHOLDER.sub(lambda found: one.grid[found[1]], one.loss)
    options = {**ablation.options, **{k: v for k, v in one.grid.items() if "." in k}}
    return make_run_spec(
        plugins,
        suite,
        separator=one.separator,
        gains=one.gains,
        prescription=one.prescription,
        loss=loss,
        protocol=ablation.protocol,
        split=ablation.split,
        seed=one.seed,
        limit=ablation.limit,
        options=_applicable(one, loss or suite.loss, options, plugins, suite),
    )


def _applicable(
    one: _Combination, loss: str, options: Mapping[str, str], plugins: Plugins, suite: Suite
) -> Mapping[str, Mapping[str, Any]]:
    """The options that the parts of a combination have, by section."""
    sections: dict[str, dict[str, str]] = parse_options(f"{k}={v}" for k, v in options.items())
    prescription = one.prescription or suite.prescription
    for section, name in (
        ("separator", one.separator),
        ("gains", one.gains),
        ("prescription", prescription),
    ):
        known = _option_names(plugins, section, name)
        sections[section] = {k: v for k, v in sections[section].items() if k in known}
    sections["loss"] = {
        k: v for k, v in sections["loss"].items() if _is_of_a_term(k, v, loss, plugins)
    }
    return sections


def _is_of_a_term(key: str, value: str, loss: str, plugins: Plugins) -> bool:
    """Whether a loss's option is one of a term of the expression, by whatever name."""
    expression, options = parse_loss(loss, plugins, {key: value})
    return all(name.rpartition(".")[0] in expression.names for name in options)


def _option_names(plugins: Plugins, kind: str, name: str) -> list[str]:
    options = plugins.get(KINDS[kind].spec, name).spec.options
    return [f.name for f in dataclasses.fields(options)] if options is not None else []


def _check_grid(ablation: Ablation) -> None:
    """Each name in braces is in the grid, and each name of the grid is used."""
    braces = {found for loss in ablation.loss for found in _PLACEHOLDER.findall(loss)}
    names = [name for name in ablation.grid if "." not in name]
    for name in sorted(braces - set(names)):
        hint = f"Add --grid {name}=0,1,10." if name else "Write a name in the braces."
        raise BenchError(f"the loss has {{{name}}}, which is not in the grid", hint=hint)
    for name in names:
        if name not in braces:
            hint = f"Write {{{name}}} in the loss, or an option as training.learning_rate."
            raise BenchError(f"nothing uses '{name}'", where="the grid", hint=hint)


def _check_options(ablation: Ablation, plugins: Plugins, suite: Suite) -> None:
    """Each option of a part is one that at least one of the ablation's parts has."""
    prescriptions = tuple(name or suite.prescription for name in ablation.prescription)
    parts = {"separator": ablation.separator, "gains": ablation.gains}
    parts["prescription"] = prescriptions
    if f"prescription.{LOUDNESS_LIMIT}" in ablation.options:
        check_loudness_limit(plugins, prescriptions)
    for key in (*ablation.options, *(name for name in ablation.grid if "." in name)):
        section, _, name = key.partition(".")
        if section not in parts:
            continue
        known = {o for part in parts[section] for o in _option_names(plugins, section, part)}
        if name not in known:
            several = f"none of {', '.join(parts[section])} has"
            hint = suggest(name, sorted(known)) if known else ""
            raise BenchError(f"{several} an option '{name}'", where=key, hint=hint)
