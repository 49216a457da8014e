"""RunSpec: what a run is; its parsing, canonical form and id.

The id is a hash of the canonical spec, the code of bench, the versions of the plugins it uses and
the fingerprint of its data: the same run is found again and resumed, a changed one is never
mistaken for it. Nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from bench import __version__
from bench.api import Dataset, GainsSpec, SeparatorSpec
from bench.errors import BenchError, near_match
from bench.losses.expression import format_loss, parse_loss
from bench.plugins import Plugins, Registered
from bench.suites import Suite, TrainingSettings, check_protocol, parse_training

SECTIONS = ("separator", "gains", "prescription", "dataset", "training", "loss", "metric")


@dataclass(frozen=True)
class Choice:
    """A plugin by name, with all of its options."""

    name: str
    options: Any = None

    @property
    def label(self) -> str:
        """The name, and those options that are not at their defaults."""
        if self.options is None:
            return self.name
        usual = type(self.options)()
        changed = [
            f"{f.name}={Path(str(getattr(self.options, f.name))).name}"
            for f in dataclasses.fields(self.options)
            if getattr(self.options, f.name) != getattr(usual, f.name)
        ]
        return f"{self.name}[{','.join(changed)}]" if changed else self.name

    def canonical(self) -> dict[str, Any]:
        """For the run id: a file given as an option counts by its content, not by its path."""
        values = dataclasses.asdict(self.options) if self.options is not None else {}
        return {"name": self.name, "options": {k: _by_content(v) for k, v in values.items()}}


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
    metrics: tuple[Choice, ...]
    loss: str
    losses: tuple[Choice, ...]
    training: TrainingSettings
    seed: int
    trains: bool
    trained_on: tuple[str, ...]
    unranked_reason: str
    usual_loss: str = ""
    """The suite's loss: a label names the loss only where it is another."""
    limit: int = 0
    """Score only so many pairs, spread evenly over the split; 0 for all."""

    @property
    def label(self) -> str:
        """``separator + gains`` and what of the options is out of the ordinary."""
        extra = []
        if self.trains and self.loss != self.usual_loss:
            extra.append(self.loss.replace(" ", ""))
        if self.trains and self.seed:
            extra.append(f"seed {self.seed}")
        if self.limit:
            extra.append(f"{self.limit} pairs")
        text = f"{self.separator.label} + {self.gains.label}"
        return f"{text} ({', '.join(extra)})" if extra else text

    def canonical(self) -> dict[str, Any]:
        """All that a score depends on, in one form; what is not used is left out.

        The dataset's options are left out too: where a set lies does not matter, and what is in
        it is told by its fingerprint.
        """
        form: dict[str, Any] = {
            "suite": self.suite,
            "dataset": self.dataset.name,
            "split": self.split,
            "protocol": self.protocol,
            "separator": self.separator.canonical(),
            "gains": self.gains.canonical(),
            "prescription": self.prescription.canonical(),
            "metrics": [metric.canonical() for metric in self.metrics],
        }
        if self.trains:
            form["loss"] = self.loss
            form["losses"] = [choice.canonical() for choice in self.losses]
            form["training"] = dataclasses.asdict(self.training)
            form["seed"] = self.seed
        if self.limit:
            form["limit"] = self.limit
        return form

    def identity(self, plugins: Plugins, fingerprints: Mapping[str, str]) -> dict[str, Any]:
        """The canonical form with the code and data that a score depends on."""
        used = [
            plugins.get("separator", self.separator.name),
            plugins.get("gains", self.gains.name),
            plugins.get("prescription", self.prescription.name),
            plugins.get("dataset", self.dataset.name),
            *(plugins.get("metric", metric.name) for metric in self.metrics),
            *(plugins.get("loss", loss.name) for loss in self.losses if self.trains),
        ]
        return {
            "spec": self.canonical(),
            "bench": __version__,
            "code": code_hash(),
            "plugins": {item.distribution: item.version for item in used},
            "data": dict(fingerprints),
        }

    def run_id(self, plugins: Plugins, fingerprints: Mapping[str, str]) -> str:
        """``r`` (so that nothing takes it for a number) and 12 hexadecimal digits."""
        text = json.dumps(self.identity(plugins, fingerprints), sort_keys=True)
        return "r" + hashlib.sha256(text.encode()).hexdigest()[:12]

    def splits(self) -> tuple[str, ...]:
        """The splits that the run reads."""
        return (self.split, self.training.split) if self.trains else (self.split,)

    def fingerprints(self, dataset: Dataset) -> dict[str, str]:
        """The fingerprints of the splits that the run reads."""
        return {split: dataset.fingerprint(split) for split in self.splits()}


def parse_options(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """``["separator.weights=x", "loss.sdr.scale_invariant=false"]`` by section.

    For losses and metrics the key keeps the plugin's name: ``{"loss": {"sdr.x": ...}}``.

    Raises:
        BenchError: a text is not ``section.name=value``.
    """
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for text in texts:
        key, equals, value = text.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and dot and name):
            hint = "Write it as section.name=value, such as separator.weights=bundled"
            raise BenchError(f"'{text}' is not an option", where="-o", hint=hint)
        if section not in found:
            hint = near_match(section, list(SECTIONS))
            raise BenchError(f"unknown section '{section}' in '{text}'", where="-o", hint=hint)
        found[section][name] = value.strip()
    return found


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
    sep = plugins.get("separator", separator)
    gain = plugins.get("gains", gains)
    pres = plugins.get("prescription", prescription or suite.prescription)
    data = plugins.get("dataset", suite.dataset)
    data_options = {**suite.dataset_options, **options.get("dataset", {})}
    assert isinstance(sep.spec, SeparatorSpec)
    assert isinstance(gain.spec, GainsSpec)
    trains = sep.spec.trainable or gain.spec.trainable
    known_losses = [item.spec.name for item in plugins.all("loss")]
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
        unranked_reason=_unranked_reason(sep, trained_on, suite),
        usual_loss=format_loss(parse_loss(suite.loss, known_losses)),
        limit=limit,
    )


def baseline_specs(plugins: Plugins, suite: Suite, spec: RunSpec) -> list[RunSpec]:
    """The rows that every board carries beside a run: its protocol, split, limit and weights."""
    own = spec.separator.options
    found = []
    for separator, gains in suite.baselines:
        cls = plugins.get("separator", separator).spec.options
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
    registered = plugins.get("dataset", spec.dataset.name)
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
    return tuple(Choice(n, plugins.get(kind, n).options(by_name[n])) for n in wanted)


def _unranked_reason(separator: Registered, trained_on: tuple[str, ...], suite: Suite) -> str:
    """Why a row may not be ranked in the suite; empty where it may."""
    assert isinstance(separator.spec, SeparatorSpec)
    if separator.spec.reads_stems:
        return "it is given the clean stems"
    if separator.spec.name == "mixture":
        return ""
    seen = [name for name in trained_on if name in suite.excluded]
    if "unknown" in seen:
        return "what its weights were trained on is not said (-o separator.seen=...)"
    return f"its weights have seen {', '.join(seen)}" if seen else ""


def _by_content(value: Any) -> Any:
    """The value, or the hash of the file that it names."""
    if isinstance(value, str) and value and len(value) < 4096 and Path(value).is_file():
        path = Path(value).resolve()
        return "sha256:" + _file_hash(str(path), path.stat().st_size, path.stat().st_mtime_ns)
    return value


@lru_cache(maxsize=32)
def _file_hash(path: str, size: int, mtime: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# What only asks for runs, shows scores, or makes and checks plugins, cannot change them.
_SHOWS_ONLY = (
    *("ablation", "choices.py", "cli", "doctor.py", "enhancement.py", "leaderboard", "library.py"),
    *("listening", "report", "scaffold", "songs.py", "stored.py", "testing"),
)


@lru_cache(maxsize=1)
def code_hash() -> str:
    """A hash of the code and shipped weights that scores depend on.

    A changed program never finds an older one's scores.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.safetensors")]):
        name = path.relative_to(root)
        if name.parts[0] not in _SHOWS_ONLY:
            digest.update(str(name).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
