"""Resolve names and options to a complete, checked run specification."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, cast

from bench.api import Dataset, DatasetSpec, GainsSpec, PrescriptionSpec, SeparatorSpec
from bench.errors import BenchError, suggest
from bench.plugins import KINDS, Plugins
from bench.spec.former_names import default_loss, parse_loss, present_metrics
from bench.spec.run import Choice, RunSpec
from bench.spec.suite import Suite, check_protocol, parse_training


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
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> RunSpec:
    """A complete, checked RunSpec; what is left empty is the suite's.

    Raises:
        BenchError: an unknown plugin, option, setting, protocol, or a bad loss expression.
    """
    options = options or {}
    sep = plugins.get(SeparatorSpec, separator)
    gain = plugins.get(GainsSpec, gains)
    pres = plugins.get(PrescriptionSpec, prescription or suite.prescription)
    default_pres = plugins.get(PrescriptionSpec, suite.prescription)
    of_reference = plugins.get(PrescriptionSpec, suite.reference_prescription)
    data = plugins.get(DatasetSpec, suite.dataset)
    data_options = {**suite.dataset_options, **options.get("dataset", {})}
    trains = sep.spec.trainable or gain.spec.trainable
    expression, loss_options = parse_loss(loss or suite.loss, plugins, options.get("loss", {}))
    sep_options = sep.options(options.get("separator", {}))
    protocol = protocol or suite.protocol
    check_protocol(protocol, where="--protocol")
    trained_on = tuple(getattr(sep_options, "weights_trained_on", sep.spec.trained_on))
    if not trained_on and "weights" in sep.spec.needs:
        trained_on = ("unknown",)
    return RunSpec(
        suite=suite.name,
        split=split or suite.split,
        protocol=protocol,
        dataset=Choice(suite.dataset, data.options(data_options)),
        separator=Choice(separator, sep_options),
        gains=Choice(gains, gain.options(options.get("gains", {}))),
        prescription=Choice(pres.spec.name, pres.options(options.get("prescription", {}))),
        reference_prescription=Choice(of_reference.spec.name, of_reference.options({})),
        default_prescription=Choice(default_pres.spec.name, default_pres.options({})),
        metrics=_named(
            plugins, "metric", present_metrics(suite.metrics, plugins), options.get("metric", {})
        ),
        loss=expression,
        losses=_named(plugins, "loss", expression.names, loss_options),
        training=parse_training(options.get("training", {}), suite.training, where="-o"),
        seed=seed,
        trains=trains,
        trained_on=trained_on,
        unranked_reason=_unranked_reason(sep.spec, trained_on, suite, split or suite.split),
        default_loss=default_loss(suite.loss, plugins, options.get("loss", {})),
        music=data.spec.music,
        limit=limit,
    )


def baseline_specs(plugins: Plugins, suite: Suite, spec: RunSpec) -> list[RunSpec]:
    """The rows that every board carries beside a run: its protocol, split, limit and weights.

    Their prescription is the suite's: they stand beside every run, and so do not move with one."""
    own = spec.separator.options
    found = []
    for separator, gains in suite.baselines:
        cls = plugins.get(SeparatorSpec, separator).spec.options
        # The fair baseline of a fine-tuned separator is the one that it started from: one that
        # takes the same options. To any other, the names of these weights mean nothing.
        shared = _of_weights(own) if own is not None and type(own) is cls else {}
        options = dataclasses.asdict(spec.dataset.options) if spec.dataset.options else {}
        found.append(
            make_run_spec(
                plugins,
                suite,
                separator=separator,
                gains=gains,
                protocol=spec.protocol,
                split=spec.split,
                limit=spec.limit,
                options={"separator": shared, "dataset": options},
            )
        )
    return found


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
        BenchError: it is not there, or its metadata are wrong.
    """
    registered = plugins.get(DatasetSpec, suite.dataset)
    return cast(Dataset, registered.build(registered.options({**suite.dataset_options, **options})))


def open_dataset(spec: RunSpec, plugins: Plugins) -> Dataset:
    """The dataset of a run, checked to have the splits that it reads.

    Raises:
        BenchError: it is not there, its metadata are wrong, or a split is missing.
    """
    registered = plugins.get(DatasetSpec, spec.dataset.name)
    dataset = cast(Dataset, registered.build(spec.dataset.options))
    for split in spec.splits():
        if split not in dataset.splits:
            known = ", ".join(dataset.splits) or "none"
            raise BenchError(f"the dataset has no split '{split}'", hint=f"It has: {known}")
    return dataset


def _named(
    plugins: Plugins, kind: str, names: Iterable[str], options: Mapping[str, Any]
) -> tuple[Choice, ...]:
    """Choices of a kind of which a run has several; option keys are ``plugin.option``."""
    wanted = list(dict.fromkeys(names))
    by_name: dict[str, dict[str, Any]] = {name: {} for name in wanted}
    for key, value in options.items():
        name, _, option = key.rpartition(".")
        if name not in by_name:
            hint = suggest(name, wanted) if name else f"Write it as {kind}.NAME.OPTION=value"
            raise BenchError(f"this run has no {kind} '{name}'", where="-o", hint=hint)
        by_name[name][option] = value
    return tuple(Choice(n, plugins.get(KINDS[kind].spec, n).options(by_name[n])) for n in wanted)


def _unranked_reason(
    separator: SeparatorSpec, trained_on: tuple[str, ...], suite: Suite, split: str
) -> str:
    """Why a row may not be ranked in the suite; empty where it may."""
    if separator.reads_stems:
        return "it is given the clean stems"
    barred = suite.barred(trained_on, split)
    if "unknown" in barred:
        return "what its weights were trained on is not said (-o separator.trained_on=...)"
    return f"its weights were trained on {', '.join(barred)}" if barred else ""
