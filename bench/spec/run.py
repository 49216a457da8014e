"""RunSpec: what a run is, its canonical form and its id.

The id is a hash of the canonical spec, the code of bench, the versions of the plugins it uses and
the fingerprint of its data: the same run is found again and resumed, a changed one is never
mistaken for it. Nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.api import (
    Dataset,
    DatasetSpec,
    GainsSpec,
    LossSpec,
    MetricSpec,
    PrescriptionSpec,
    RunInfo,
    SeparatorSpec,
)
from bench.plugins import KINDS, Plugins, Registered
from bench.spec.identity import by_content, code_hash, read_besides
from bench.spec.loss import LossExpression
from bench.spec.suite import PROTOCOLS, TrainingSettings
from bench.version import DISTRIBUTION, __version__


@dataclass(frozen=True)
class Choice:
    """A plugin by name, with all of its options."""

    name: str
    options: Any = None
    distribution: str = DISTRIBUTION
    """That the plugin is from."""

    @property
    def full_name(self) -> str:
        """The name; with the distribution unless that is bench's own. It is never ambiguous."""
        bare = self.name.rpartition("/")[2]
        return bare if self.distribution == DISTRIBUTION else f"{self.distribution}/{bare}"

    @property
    def label(self) -> str:
        """The name, and those options that are not at their defaults."""
        if self.options is None:
            return self.name
        default = type(self.options)()
        changed = [
            f"{f.name}={Path(str(getattr(self.options, f.name))).name}"
            for f in dataclasses.fields(self.options)
            if getattr(self.options, f.name) != getattr(default, f.name)
        ]
        return f"{self.name}[{','.join(changed)}]" if changed else self.name

    def canonical(self) -> dict[str, Any]:
        """The form that enters the run's id: a file counts by its content, not by its path."""
        form: dict[str, Any] = {"name": self.full_name, "options": by_content(self.options)}
        besides = read_besides(self.options)
        return {**form, "reads": besides} if besides else form


def _name_of(form: Mapping[str, Any]) -> str:
    return str(form["name"])


@dataclass(frozen=True)
class RunSpec:
    """One system, and the suite, protocol, training and seed that it is trained and scored with."""

    suite: str
    split: str
    protocol: str
    dataset: Choice
    separator: Choice
    gains: Choice
    prescription: Choice
    reference_prescription: Choice
    metrics: tuple[Choice, ...]
    loss: LossExpression
    losses: tuple[Choice, ...]
    training: TrainingSettings
    seed: int
    trains: bool
    trained_on: tuple[str, ...]
    unranked_reason: str
    default_loss: LossExpression | None = None
    """The suite's loss: a label names the loss only where it is another."""
    default_prescription: Choice | None = None
    """The suite's: a label names the prescription only where it is another."""
    default_separator: Choice | None = None
    """The separator as the suite has it among its baselines: a label names what differs."""
    note: str = ""
    """What is to be said of the run before it is done; empty where nothing."""
    music: str = ""
    """The training data that the dataset's songs are of, where that is known."""
    rules: str = ""
    """What the suite fixes for statistics, as a board keeps it: no score depends on it."""
    limit: int = 0
    """Score only this many pairs, evenly spaced over the split; 0 for all."""
    name: str = ""
    """A name of its own in place of the label; no score depends on it."""

    @property
    def label(self) -> str:
        """Its name, else ``separator + gains``, then what is not the suite's, such as the loss."""
        if self.name:
            return self.name
        extra = self._prescription_label
        if self.trains and self.loss != self.default_loss:
            extra.append(str(self.loss).replace(" ", ""))
        if self.trains and self.seed:
            extra.append(f"seed {self.seed}")
        extra += [metric.label for metric in self.metrics if metric.label != metric.name]
        if self.limit:
            extra.append(f"{self.limit} pairs")
        return self._with_details(extra)

    @property
    def system_label(self) -> str:
        """``separator + gains``, and the prescription where it is not the suite's."""
        return self._with_details(self._prescription_label)

    def _with_details(self, details: Sequence[str]) -> str:
        text = f"{self._separator_label} + {self.gains.label}"
        return f"{text} ({', '.join(details)})" if details else text

    @property
    def _prescription_label(self) -> list[str]:
        default = self.default_prescription or self.prescription
        return [] if self.prescription == default else [self.prescription.label]

    @property
    def _separator_label(self) -> str:
        """The name, and the options that are not the suite's; without any there, the default's."""
        if self.default_separator is None:
            return self.separator.label
        own, named = self.separator.options, self.default_separator.options
        default = type(own)()
        changed = []
        for item in dataclasses.fields(own):
            value = getattr(own, item.name)
            if value != getattr(named, item.name):
                text = Path(str(value)).name
                # The weights by default are called by their name.
                plain = item.metadata.get("weights") and value == getattr(default, item.name)
                changed += [text if plain else f"{item.name}={text}"] if text else []
        name = self.separator.name
        return f"{name}[{','.join(changed)}]" if changed else name

    @property
    def weights_caution(self) -> str:
        """What the separator's options say of its weights on music that they do not know."""
        words = str(getattr(self.separator.options, "caution", ""))
        return f"{self.separator.name}: {words}" if words else ""

    @property
    def caution(self) -> str:
        """The same, where the dataset's songs are not of the music that the weights know."""
        return "" if self.music in self.trained_on else self.weights_caution

    def under_other_protocol(self) -> RunSpec:
        """The same system, trained as it is, scored under the other reference protocol."""
        [other] = (name for name in PROTOCOLS if name != self.protocol)
        training = dataclasses.replace(self.training, protocol=self.training_protocol)
        return dataclasses.replace(self, protocol=other, training=training)

    @property
    def training_protocol(self) -> str:
        """The reference protocol of the loss and of the validation."""
        return self.training.protocol or self.protocol

    @property
    def headline(self) -> str:
        """The metric that ranks, the first of the suite's, by its plain name."""
        return self.metrics[0].name.rpartition("/")[2]

    def canonical(self) -> dict[str, Any]:
        """All that a score depends on, in one form; what is not used is left out.

        The dataset's options are left out too: where a set lies does not matter, and what is in
        it is identified by its fingerprint.
        """
        form: dict[str, Any] = {
            "suite": self.suite,
            "dataset": self.dataset.full_name,
            "split": self.split,
            "protocol": self.protocol,
            "separator": self.separator.canonical(),
            "gains": self.gains.canonical(),
            "prescription": self.prescription.canonical(),
            "reference_prescription": self.reference_prescription.canonical(),
            # Each is computed by itself: their order changes no score.
            "metrics": sorted((m.canonical() for m in self.metrics), key=_name_of),
        }
        if self.trains:
            # The headline chooses the best epoch.
            form["headline"] = self.metrics[0].full_name
            names = {choice.name: choice.full_name for choice in self.losses}
            form["loss"] = str(self.loss.renamed(names))
            form["losses"] = [choice.canonical() for choice in self.losses]
            form["training"] = dataclasses.asdict(self.training)
            form["seed"] = self.seed
        if self.limit:
            form["limit"] = self.limit
        return form

    def identity(self, plugins: Plugins, fingerprints: Mapping[str, str]) -> dict[str, Any]:
        """The canonical form with the code and data that a score depends on."""
        used = self.used(plugins)
        return {
            "spec": self.canonical(),
            "bench": __version__,
            "code": code_hash(),
            "plugins": {item.distribution: item.version for item in used},
            "sources": {f"{i.spec.kind} {i.full_name}": i.source for i in used if i.source},
            "named": [choice.canonical() for choice in self.named(plugins)],
            "data": dict(fingerprints),
        }

    def used(self, plugins: Plugins) -> list[Registered[Any]]:
        """The plugins that a score depends on."""
        return [
            plugins.get(SeparatorSpec, self.separator.name),
            plugins.get(GainsSpec, self.gains.name),
            plugins.get(PrescriptionSpec, self.prescription.name),
            plugins.get(PrescriptionSpec, self.reference_prescription.name),
            plugins.get(DatasetSpec, self.dataset.name),
            *(plugins.get(MetricSpec, metric.name) for metric in self.metrics),
            *(plugins.get(LossSpec, loss.name) for loss in self.losses if self.trains),
            *(item for item, _ in self._named(plugins)),
        ]

    def has_strangers(self, plugins: Plugins) -> bool:
        """Whether a plugin of it is another distribution's: it may end the process it runs in.

        The caller's own code is at home in the caller's process.
        """
        return any(not item.is_own and not item.is_local for item in self.used(plugins))

    def named(self, plugins: Plugins) -> list[Choice]:
        """The plugins that options name, such as a loss's front end, with their options."""
        return [
            Choice(item.spec.name, options, item.distribution)
            for item, options in self._named(plugins)
        ]

    def _named(self, plugins: Plugins) -> Iterator[tuple[Registered[Any], Any]]:
        parts = (self.separator, self.gains, self.prescription, self.reference_prescription)
        for choice in (*parts, *self.metrics, *(self.losses if self.trains else ())):
            for field in dataclasses.fields(choice.options) if choice.options is not None else ():
                if kind := field.metadata.get("plugin"):
                    item = plugins.get(KINDS[kind].spec, getattr(choice.options, field.name))
                    own = item.spec.options
                    shared = {f.name for f in dataclasses.fields(own)} if own is not None else set()
                    given = dataclasses.asdict(choice.options)
                    yield item, item.options({k: v for k, v in given.items() if k in shared})

    def run_id(self, plugins: Plugins, fingerprints: Mapping[str, str]) -> str:
        """``r`` (so that nothing takes it for a number) and 12 hexadecimal digits."""
        text = json.dumps(self.identity(plugins, fingerprints), sort_keys=True)
        return "r" + hashlib.sha256(text.encode()).hexdigest()[:12]

    def info(self) -> RunInfo:
        """The run, as observers receive it."""
        return RunInfo(
            label=self.label,
            suite=self.suite,
            split=self.split,
            protocol=self.protocol,
            separator=self.separator.name,
            gains=self.gains.name,
            prescription=self.prescription.name,
            loss=str(self.loss) if self.trains else "",
            epochs=self.training.epochs if self.trains else 0,
            seed=self.seed,
            settings=self.canonical(),
        )

    def splits(self) -> tuple[str, ...]:
        """The splits that the run reads."""
        training = (self.training.split, self.training.validation_split) if self.trains else ()
        return tuple(dict.fromkeys((self.split, *filter(None, training))))

    def fingerprints(self, dataset: Dataset) -> dict[str, str]:
        """The fingerprints of the splits that the run reads."""
        return {split: dataset.fingerprint(split) for split in self.splits()}
