"""From names and options to a complete, checked run specification."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, cast

from bench.api import Dataset, DatasetSpec, GainsSpec, LossSpec, PrescriptionSpec, SeparatorSpec
from bench.errors import BenchError, near_match
from bench.plugins import KINDS, Plugins
from bench.spec.loss import format_loss, parse_loss
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
    data = plugins.get(DatasetSpec, suite.dataset)
    data_options = {**suite.dataset_options, **options.get("dataset", {})}
    trains = sep.spec.trainable or gain.spec.trainable
    known_losses = [item.spec.name for item in plugins.all(LossSpec)]
    terms = parse_loss(loss or suite.loss, known_losses)
    sep_options = sep.options(options.get("separator", {}))
    protocol = protocol or suite.protocol
    check_protocol(protocol, where="--protocol")
    trained_on = tuple(getattr(sep_options, "trained_on", sep.spec.trained_on))
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
        metrics=_named(plugins, "metric", suite.metrics, options.get("metric", {})),
        loss=format_loss(terms),
        losses=_named(plugins, "loss", [term.name for term in terms], options.get("loss", {})),
        training=parse_training(options.get("training", {}), suite.training, where="-o"),
        seed=seed,
        trains=trains,
        trained_on=trained_on,
        unranked_reason=_unranked_reason(sep.spec, trained_on, suite),
        usual_loss=format_loss(parse_loss(suite.loss, known_losses)),
        limit=limit,
    )


def baseline_specs(plugins: Plugins, suite: Suite, spec: RunSpec) -> list[RunSpec]:
    """The rows that every board carries beside a run: its protocol, split, limit and weights."""
    own = spec.separator.options
    found = []
    for separator, gains in suite.baselines:
        cls = plugins.get(SeparatorSpec, separator).spec.options
        # The fair baseline of a fine-tuned separator is the one that it started from: one that
        # takes the same options. To any other, the names of these weights mean nothing.
        values = dataclasses.asdict(own) if own is not None and type(own) is cls else {}
        shared: dict[str, Any] = {key: values[key] for key in ("weights", "seen") if key in values}
        options = dataclasses.asdict(spec.dataset.options) if spec.dataset.options else {}
        found.append(
            make_run_spec(
                plugins,
                suite,
                separator=separator,
                gains=gains,
                prescription=spec.prescription.name,
                protocol=spec.protocol,
                split=spec.split,
                limit=spec.limit,
                options={"separator": shared, "dataset": options},
            )
        )
    return found


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
            hint = near_match(name, wanted) if name else f"Write it as {kind}.NAME.OPTION=value"
            raise BenchError(f"this run has no {kind} '{name}'", where="-o", hint=hint)
        by_name[name][option] = value
    return tuple(Choice(n, plugins.get(KINDS[kind].spec, n).options(by_name[n])) for n in wanted)


def _unranked_reason(separator: SeparatorSpec, trained_on: tuple[str, ...], suite: Suite) -> str:
    """Why a row may not be ranked in the suite; empty where it may."""
    if separator.reads_stems:
        return "it is given the clean stems"
    seen = [name for name in trained_on if name in suite.excluded]
    if "unknown" in seen:
        return "what its weights were trained on is not said (-o separator.seen=...)"
    return f"its weights have seen {', '.join(seen)}" if seen else ""
