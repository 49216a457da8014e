"""Resolve names and options to a complete, checked run specification."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from bench.api import (
    Dataset,
    DatasetSpec,
    GainsSpec,
    LossSpec,
    MetricSpec,
    PluginSpec,
    PrescriptionSpec,
    SeparatorSpec,
)
from bench.errors import BenchError, suggest
from bench.plugins import KINDS, Plugins, Registered
from bench.plugins.datasets import GuardedDataset
from bench.spec.defaults import DATA_ROOT
from bench.spec.former_names import default_loss, parse_loss, present_metrics
from bench.spec.loss import LossExpression
from bench.spec.run import Choice, RunSpec
from bench.spec.suite import Suite, check_protocol, parse_training

_LONGEST_NAME: Final = 60


def make_run_spec(
    plugins: Plugins,
    suite: Suite,
    *,
    separator: str,
    gains: str,
    prescription: str = "",
    loss: str = "",
    protocol: str = "",
    split: str = "",
    seed: int = 0,
    limit: int = 0,
    name: str = "",
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> RunSpec:
    """A complete, checked RunSpec; what is left empty is the suite's.

    Raises:
        BenchError: an unknown plugin, option, setting, protocol, or a bad loss expression.
    """
    options = options or {}
    _check_labels(suite, plugins)
    sep = plugins.get(SeparatorSpec, separator)
    gain = plugins.get(GainsSpec, gains)
    pres = plugins.get(PrescriptionSpec, prescription or suite.prescription)
    default_pres = plugins.get(PrescriptionSpec, suite.prescription)
    of_reference = plugins.get(PrescriptionSpec, suite.reference_prescription)
    data = plugins.get(DatasetSpec, suite.dataset)
    data_options = {**suite.dataset_options, **options.get("dataset", {})}
    trains = sep.spec.trainable or gain.spec.trainable or pres.spec.trainable
    expression, loss_options = parse_loss(loss or suite.loss, plugins, options.get("loss", {}))
    metrics = present_metrics(suite.metrics, plugins)
    if trains:
        metrics += _predictors(expression, plugins)
    if pres.spec.trainable:
        _check_reaches_output(expression, pres.spec.name, plugins)
    sep_options = sep.options(options.get("separator", {}))
    protocol = protocol or suite.protocol
    check_protocol(protocol, where="--protocol")
    gain_options = gain.options(options.get("gains", {}))
    pres_options = pres.options(options.get("prescription", {}))
    trained_on = _trained_on(sep.spec, sep_options)
    barring = {
        "separator": trained_on,
        "gains": _trained_on(gain.spec, gain_options),
        "prescription": _trained_on(pres.spec, pres_options),
    }
    return RunSpec(
        suite=suite.name,
        split=split or suite.split,
        protocol=protocol,
        dataset=_choice(plugins, data, data.options(data_options)),
        separator=_choice(plugins, sep, sep_options),
        gains=_choice(plugins, gain, gain_options),
        prescription=_choice(plugins, pres, pres_options),
        reference_prescription=_choice(plugins, of_reference, of_reference.options({})),
        default_prescription=_choice(plugins, default_pres, default_pres.options({})),
        metrics=_named(plugins, "metric", metrics, options.get("metric", {})),
        loss=expression,
        losses=_named(plugins, "loss", expression.names, loss_options),
        training=parse_training(options.get("training", {}), suite.training, where="-o"),
        seed=seed,
        trains=trains,
        trained_on=trained_on,
        unranked_reason=_unranked_reason(sep.spec, barring, suite, split or suite.split),
        default_loss=default_loss(suite.loss, plugins, options.get("loss", {})),
        default_separator=_default_separator(sep, suite, separator),
        music=data.spec.music,
        rules=suite.rules.as_json(),
        limit=limit,
        name=_checked_name(name),
    )


def _check_labels(suite: Suite, plugins: Plugins) -> None:
    """Refuse labels of the suite's statistics whose separator or gains do not exist.

    A label without a plus is a run's own name.
    """
    for label in (suite.baseline, *(one for pair in suite.contrasts for one in pair)):
        separator, plus, gains = label.partition(" + ")
        for kind, part in ((SeparatorSpec, separator), (GainsSpec, gains)) if plus else ():
            name = re.split(r"[\s(\[]", part, maxsplit=1)[0]
            if plugins.spec_of(kind, name) is None:
                what = f"its statistics name '{label}', but there is no {kind.kind} '{name}'"
                hint = suggest(name, plugins.names(kind))
                raise BenchError(what, where=f"suite {suite.name}", hint=hint)


def _predictors(loss: LossExpression, plugins: Plugins) -> list[str]:
    """The metrics that predict another one, and that the loss names: shown beside the truth.

    Where nothing is trained to please them they would say nothing that the truth does not.
    """
    known = plugins.names(MetricSpec)
    named = [name for name in loss.names if plugins.present_name(MetricSpec, name) == name]
    specs = ((n, plugins.spec_of(MetricSpec, n)) for n in named if n.rpartition("/")[2] in known)
    return [name for name, spec in specs if spec is not None and spec.predicts]


def _checked_name(name: str) -> str:
    """A run's own name.

    Raises:
        BenchError: it is longer than a line, or looks like another run's label.
    """
    name = " ".join(name.split())
    if len(name) > _LONGEST_NAME or not name.isprintable():
        hint = f"Give up to {_LONGEST_NAME} printable characters."
        raise BenchError("this is not a valid name for a run", where="--name", hint=hint)
    if " + " in name:
        what = f"'{name}' looks like the label of a separator and a gain strategy"
        raise BenchError(what, where="--name", hint="Give it another, such as 'my best'.")
    return name


def _default_separator(
    registered: Registered[SeparatorSpec], suite: Suite, name: str
) -> Choice | None:
    """The separator with the options that the suite names for it, where it names any."""
    named = suite.baseline_options.get(name)
    return Choice(name, registered.options(named)) if named else None


def baseline_specs(plugins: Plugins, suite: Suite, spec: RunSpec) -> list[RunSpec]:
    """The rows that every board carries beside a run: its protocol, split, limit, weights, metrics.

    Their prescription is the suite's: they stand beside every run, and so do not move with one."""
    own = spec.separator.options
    carried = present_metrics(suite.metrics, plugins)
    metrics = {
        f"{metric.name}.{key}": value
        for metric in spec.metrics
        if metric.options is not None and metric.name in carried
        for key, value in dataclasses.asdict(metric.options).items()
    }
    found = []
    for separator, gains in suite.baselines_under(spec.protocol):
        cls = plugins.get(SeparatorSpec, separator).spec.options
        # The fair baseline of a fine-tuned separator is the one that it started from: one that
        # takes the same options. To any other, the names of these weights mean nothing.
        shared = _of_weights(own) if own is not None and type(own) is cls else {}
        chosen, note = _baseline_options(plugins, suite, separator, shared)
        options = dataclasses.asdict(spec.dataset.options) if spec.dataset.options else {}
        one = make_run_spec(
            plugins,
            suite,
            separator=separator,
            gains=gains,
            protocol=spec.protocol,
            split=spec.split,
            limit=spec.limit,
            options={"separator": chosen, "dataset": options, "metric": metrics},
        )
        found.append(dataclasses.replace(one, note=note))
    return found


def _baseline_options(
    plugins: Plugins, suite: Suite, separator: str, shared: Mapping[str, Any]
) -> tuple[Mapping[str, Any], str]:
    """The options of a baseline's separator, and what is to be said of them.

    What the caller chose for the baselines comes first, then weights that were chosen for the run,
    then the suite's; the weights by default where those of the suite are not on this machine.
    """
    registered = plugins.get(SeparatorSpec, separator)
    cls = registered.spec.options
    known = [field.name for field in dataclasses.fields(cls)] if cls is not None else []
    picked = {key: value for key, value in suite.baseline_choice.items() if key in known}
    if picked:
        # Weights of its own are the baseline's alone: what the run's were trained on is not theirs.
        return picked if picked.keys() & shared.keys() else {**shared, **picked}, ""
    default = registered.options({})
    if any(value != getattr(default, key) for key, value in shared.items()):
        return shared, ""
    named = suite.baseline_options.get(separator, {})
    missing = getattr(registered.options(named), "weights_missing", "") if named else ""
    if not missing:
        return {**shared, **named}, ""
    said = ", ".join(f"{key} {value}" for key, value in named.items())
    note = (
        f"the suite's baseline {separator} has the {said}, which are not on this machine; this row "
        f"has the default weights: {missing}"
    )
    return shared, note


def _of_weights(options: Any) -> dict[str, Any]:
    """The options that say which weights are used, and what they were trained on."""
    return {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(options)
        if field.metadata.get("weights")
    }


def make_dataset(plugins: Plugins, suite: Suite, options: Mapping[str, Any]) -> Dataset:
    """The dataset of a suite.

    Raises:
        BenchError: it does not exist, or its metadata are wrong.
    """
    registered = plugins.get(DatasetSpec, suite.dataset)
    return _made(registered, registered.options({**suite.dataset_options, **options}))


def open_dataset(spec: RunSpec, plugins: Plugins) -> Dataset:
    """The dataset of a run, checked to have the splits that it reads.

    Raises:
        BenchError: it does not exist, its metadata are wrong, or a split is missing.
    """
    registered = plugins.get(DatasetSpec, spec.dataset.name)
    dataset = _made(registered, _of_this_machine(spec.dataset.options))
    for split in spec.splits():
        if split not in dataset.splits:
            known = ", ".join(dataset.splits) or "none"
            raise BenchError(f"the dataset has no split '{split}'", hint=f"It has: {known}")
    return dataset


def _made(registered: Registered[DatasetSpec], options: Any) -> Dataset:
    made = registered.build(options)
    return cast(Dataset, made if registered.is_own else GuardedDataset(made, registered.title))


class UnreachedPrescriptionError(BenchError):
    """A prescription is to be trained by a loss that does not depend on it."""


def _check_reaches_output(loss: LossExpression, prescription: str, plugins: Plugins) -> None:
    """Raise unless a term of the loss acts at the output, the only place a prescription affects."""
    for term in loss.terms:
        place = term.place or plugins.get(LossSpec, term.name).spec.default_place
        if place == "output" and term.weight != 0:
            return
    raise UnreachedPrescriptionError(
        f"no term of the loss '{loss}' acts at the output, so it cannot train '{prescription}'",
        hint="Add one that does: --loss haaqi@output",
    )


def _trained_on(spec: PluginSpec, options: Any) -> tuple[str, ...]:
    """The data that the weights of a part were trained on; "unknown" where that is not said."""
    said = tuple(getattr(options, "weights_trained_on", spec.trained_on))
    return said or (("unknown",) if "weights" in spec.needs else ())


def _of_this_machine(options: Any) -> Any:
    """A dataset's options, with ``$BENCH_DATA_ROOT`` where their root is not on this machine."""
    here = os.environ.get(DATA_ROOT, "")
    root = getattr(options, "root", None)
    if not here or not root or Path(root).is_dir():
        return options
    return dataclasses.replace(options, root=here)


def _named(
    plugins: Plugins, kind: str, names: Iterable[str], options: Mapping[str, Any]
) -> tuple[Choice, ...]:
    """Choices of a kind of which a run has several; option keys are ``plugin.option``."""
    spec = KINDS[kind].spec
    found = {plugins.short_name(spec, name): plugins.get(spec, name) for name in names}
    wanted = list(found)
    by_name: dict[str, dict[str, Any]] = {name: {} for name in wanted}
    for key, value in options.items():
        name, _, option = key.rpartition(".")
        if "/" in name and plugins.spec_of(spec, name) is not None:
            name = plugins.short_name(spec, name)
        if name not in by_name:
            hint = suggest(name, wanted) if name else f"Write it as {kind}.NAME.OPTION=value"
            raise BenchError(f"this run has no {kind} '{name}'", where="-o", hint=hint)
        by_name[name][option] = value
    return tuple(
        _choice(plugins, item, item.options(by_name[name])) for name, item in found.items()
    )


def _choice(plugins: Plugins, item: Registered[Any], options: Any) -> Choice:
    """A plugin by the name by which it is known, with its options."""
    name = plugins.short_name(type(item.spec), item.full_name)
    return Choice(name, options, item.distribution)


def fitted(spec: RunSpec, dataset: Dataset) -> RunSpec:
    """The same run without a limit that leaves nothing out."""
    pairs = sum(len(scene.listeners) for scene in dataset.scenes(spec.split))
    return dataclasses.replace(spec, limit=0) if spec.limit >= pairs else spec


def _unranked_reason(
    separator: SeparatorSpec, trained_on: Mapping[str, tuple[str, ...]], suite: Suite, split: str
) -> str:
    """Why a row may not be ranked in the suite; empty where it may.

    Args:
        separator: of the run.
        trained_on: what the weights of its parts were trained on, by the part's kind.
        suite: that says what bars a row.
        split: that is scored.
    """
    if separator.reads_stems:
        return "it is given the clean stems"
    barred = {kind: suite.barred(data, split) for kind, data in trained_on.items()}
    for kind, data in barred.items():
        if "unknown" in data:
            return f"the training data of its weights is not stated (-o {kind}.trained_on=...)"
    named = list(dict.fromkeys(name for data in barred.values() for name in data))
    return f"its weights were trained on {', '.join(named)}" if named else ""
