"""Suites: what fixes dataset, split, reference protocol and metrics, so that rows may be compared.

A suite is a TOML file; those in ``suites/`` are known by name, any other by its path.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

from bench.board.rules import Rules
from bench.errors import BenchError, suggest
from bench.options import Rule, convert
from bench.runtime.documents import parse_toml, read_toml
from bench.runtime.files import fault_of
from bench.spec.defaults import DEFAULT_LOSS, DEFAULT_PRESCRIPTION
from bench.spec.training_data import bars, check_words

_SHIPPED: Final = resources.files("bench.spec") / "suites"

PROTOCOLS: Final = ("challenge", "shared-gains")
"""What the reference is: the clean remix with the scene's requested gains (official), or with the
system's own gains (the seed paper's). A board never mixes them."""


KEPT: Final = ("best", "last")
"""The epochs of a training whose weights may be kept."""


PRECISIONS: Final = ("float32", "bfloat16")
"""Numbers by which a training's separator may compute."""


SCHEDULES: Final = ("constant", "cosine")
"""How a training's learning rates may go on."""


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of a training. The defaults are the seed paper's."""

    split: str = "train"
    epochs: int = 10
    segments: int = 50
    """Segments per epoch."""
    batch: int = 5
    """Segments that go through the system at once."""
    accumulate: int = 1
    """Batches whose gradients are added up to one step."""
    recompute: bool = False
    """Compute the separator's layers again going backward, in place of keeping what they computed:
    less memory, and more time; the same gradients."""
    precision: str = "float32"
    """Of the separator: "float32", or "bfloat16" where that is accurate enough, for a GPU."""
    segment_seconds: float = 5.0
    learning_rate: float = 1e-4
    gains_learning_rate: float = 1e-4
    prescription_learning_rate: float = 1e-3
    schedule: str = "constant"
    """How the rates go on: "constant", or "cosine", which takes them down to 0 at the end."""
    clip_norm: float = 5.0
    """Largest norm of the gradient; 0 for none."""
    validation_songs: int = 2
    """Songs of the training split held out to choose the best epoch: never the evaluated split."""
    validation_pairs: int = 8
    """(scene, listener) pairs of those songs that are scored each epoch."""
    validation_seconds: float = 10.0
    """Length of the excerpt that is scored, from the middle of the scene."""
    patience: int = 0
    """Stop after this many epochs without a better true HAAQI; 0 for never."""
    protocol: str = ""
    """Reference protocol of the loss and of the validation; empty for that of the scores."""
    validation_split: str = ""
    """Validate on this split, all songs of the training split being trained on; empty for songs
    held out of the training split."""
    keep: str = "best"
    """The weights that are kept: of the "best" epoch in validation, or of the "last"."""
    guard_stops: bool = False
    """Stop once the proxy or the training loss got better while true HAAQI fell by more than chance
    (:mod:`bench.training.guard`); otherwise that is only said."""

    @property
    def batches(self) -> int:
        """Batches per epoch; the last one may be smaller."""
        return -(-self.segments // self.batch)


TRAINING_RULES: Final[Mapping[str, Rule]] = {
    "epochs": Rule(least=0, most=1e6),
    "segments": Rule(least=1, most=1e7),
    "batch": Rule(least=1, most=1e5),
    "accumulate": Rule(least=1, most=1e5),
    "segment_seconds": Rule(least=0.1, most=3600),
    "learning_rate": Rule(above=0, most=100),
    "gains_learning_rate": Rule(above=0, most=100),
    "prescription_learning_rate": Rule(above=0, most=100),
    "clip_norm": Rule(least=0, most=1e9),
    "validation_songs": Rule(least=0, most=1e6),
    "validation_pairs": Rule(least=0, most=1e6),
    "validation_seconds": Rule(least=0.4, most=3600),
    "patience": Rule(least=0, most=1e6),
}
"""The bounds of the numbers among them: no loudness is of less than 0.4 s."""


@dataclass(frozen=True)
class Suite:
    """One suite; see the TOML files beside this module."""

    name: str
    summary: str
    dataset: str
    dataset_options: Mapping[str, Any]
    split: str
    protocol: str
    metrics: tuple[str, ...]
    prescription: str
    """Of the baselines, and of a run that names none."""
    reference_prescription: str
    """Of the reference, whatever prescription a run has."""
    loss: str
    baselines: tuple[tuple[str, str], ...]
    """(separator, gains) of the rows that every board carries."""
    baseline_protocols: Mapping[tuple[str, str], str]
    """Protocols of those that only boards of one protocol carry."""
    baseline: str
    """The label of the row that others are compared with."""
    excluded: tuple[str, ...]
    """Training data that bars a row from the ranking."""
    corpora: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By split the training data that it is part of: they bar a row of that split."""
    baseline_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Options of the baselines' separators, by the separator's name."""
    baseline_choice: Mapping[str, Any] = field(default_factory=dict)
    """Options of the baselines' separators that the caller chose in place of the suite's."""
    published: Mapping[str, str] = field(default_factory=dict)
    """What a baseline's separator, with the suite's options, is called among published results."""
    contrasts: tuple[tuple[str, str], ...] = ()
    """Labels, A and B, of comparisons named beforehand: p-values are of these, and of no other."""
    hearing_loss_below: float | None = None
    """dB HL of the better ear from which a pair counts in no statistic; None where all count."""
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def baselines_under(self, protocol: str) -> tuple[tuple[str, str], ...]:
        """(separator, gains) of the rows that a board of a protocol carries."""
        only = self.baseline_protocols
        return tuple(one for one in self.baselines if only.get(one, protocol) == protocol)

    def with_metrics(self, names: Iterable[str]) -> Suite:
        """The suite with further metrics behind its own; those that it has already stay once.

        Example:
            >>> load_suite("demo").with_metrics(["haaqi-light", "sdr"]).metrics
            ('haaqi', 'sdr', 'lufs', 'clipping', 'haaqi-light')
        """
        return replace(self, metrics=tuple(dict.fromkeys((*self.metrics, *names))))

    @property
    def rules(self) -> Rules:
        """What it fixes for the statistics of its board."""
        return Rules(self.contrasts, self.hearing_loss_below, self.baseline)

    def with_baseline_options(self, options: Mapping[str, Any]) -> Suite:
        """The suite with other options of its baselines' separators, such as ``separator.weights``.

        Raises:
            BenchError: an option of another kind of plugin.
        """
        if not options:
            return self
        for key in options:
            if not key.startswith("separator."):
                hint = "Only as baseline.separator.weights=PATH."
                raise BenchError(f"baselines have no option '{key}'", where="-o", hint=hint)
        own = {key.partition(".")[2]: value for key, value in options.items()}
        return replace(self, baseline_choice=own)

    def barred(self, trained_on: Sequence[str], split: str) -> list[str]:
        """The training data that bar a row of a split from the ranking."""
        out = (*self.excluded, *self.corpora.get(split, ()))
        return [name for name in trained_on if any(bars(one, name) for one in out)]


def suite_names() -> list[str]:
    """The suites that bench brings.

    Example:
        >>> "demo" in suite_names()
        True
    """
    files = _SHIPPED.iterdir()
    return sorted(file.name[:-5] for file in files if file.name.endswith(".toml"))


def load_suite(name: str) -> Suite:
    """A suite by name, or by the path of a TOML file.

    Raises:
        BenchError: there is none, or its file is wrong.

    Example:
        >>> load_suite("cadenza-icassp-2024").metrics[0]
        'haaqi'
    """
    if name in suite_names():
        text = _SHIPPED.joinpath(f"{name}.toml").read_text(encoding="utf-8")
        return parse_suite(parse_toml(text, where=name), where=name)
    if name.endswith(".toml"):
        return parse_suite(read_toml(Path(name).expanduser()), where=name)
    hint = suggest(name, suite_names())
    raise BenchError(f"there is no suite '{name}'", hint=f"Give a name or a .toml file. {hint}")


def unknown_suite(name: str) -> Suite:
    """A suite known only by name, from a board: it has no data, baselines or contrasts."""
    about = {"split": "", "metrics": ()}
    return parse_suite({"name": name, "dataset": {"name": ""}, "evaluation": about}, where=name)


def parse_suite(data: Mapping[str, Any], *, where: str) -> Suite:
    """A suite from the content of its TOML file.

    Raises:
        BenchError: a part is missing, unknown or of the wrong type.
    """
    top = _Table(data, "", where)
    top.knows(
        *("name", "summary", "dataset", "evaluation", "defaults"),
        *("baselines", "ranking", "contrasts", "training"),
    )
    evaluation, defaults, ranking = map(top.table, ("evaluation", "defaults", "ranking"))
    evaluation.knows("split", "protocol", "reference_prescription", "metrics")
    defaults.knows("prescription", "loss")
    ranking.knows("baseline", "excluded", "corpora", "hearing_loss_below")
    corpora, baselines = ranking.table("corpora"), top.tables("baselines")
    _check_agreement(baselines, "protocol", "separator", "gains")
    for key in ("options", "published"):
        _check_agreement([one for one in baselines if key in one.values], key, "separator")
    dataset = dict(top.table("dataset").values)
    suite = Suite(
        name=_file_name(top.text("name"), where),
        summary=top.text("summary", ""),
        dataset=top.table("dataset").text("name"),
        dataset_options={key: value for key, value in dataset.items() if key != "name"},
        split=evaluation.text("split"),
        protocol=evaluation.text("protocol", "challenge"),
        metrics=_metrics(evaluation),
        prescription=defaults.text("prescription", DEFAULT_PRESCRIPTION),
        reference_prescription=evaluation.text("reference_prescription", DEFAULT_PRESCRIPTION),
        loss=defaults.text("loss", DEFAULT_LOSS),
        baselines=tuple((one.text("separator"), one.text("gains")) for one in baselines),
        baseline_protocols={
            (one.text("separator"), one.text("gains")): one.text("protocol")
            for one in baselines
            if "protocol" in one.values
        },
        baseline=ranking.text("baseline", ""),
        baseline_options={
            one.text("separator"): dict(one.table("options").values)
            for one in baselines
            if one.table("options").values
        },
        published={
            one.text("separator"): one.text("published")
            for one in baselines
            if "published" in one.values
        },
        excluded=_excluded(ranking),
        corpora={split: corpora.texts(split) for split in corpora.values},
        contrasts=_contrasts(top.table("contrasts").values, where),
        hearing_loss_below=_hearing_loss(ranking.values, where),
        training=parse_training(top.table("training").values, TrainingSettings(), where=where),
    )
    for protocol in (suite.protocol, *suite.baseline_protocols.values()):
        check_protocol(protocol, where=where)
    return suite


@dataclass(frozen=True)
class _Table:
    """A table of a suite's file, whose values are looked up with checks of presence and type."""

    values: Mapping[str, Any]
    name: str
    where: str

    def knows(self, *keys: str) -> None:
        """Refuse any other key."""
        for key in self.values:
            if key not in keys:
                place = f"[{self.name}] has the" if self.name else "it has the"
                what = f"{place} unknown key '{key}'"
                raise BenchError(what, where=self.where, hint=suggest(key, keys))

    def text(self, key: str, default: str | None = None) -> str:
        """A text; `default` where it is not there."""
        value = self._value(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "a string", value)
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts."""
        value = self._value(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise self._wrong(key, 'a list of strings, as ["a", "b"]', value)
        return tuple(value)

    def table(self, key: str) -> _Table:
        """A table; an empty one where it is not there."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise self._wrong(key, "a table", value)
        return _Table(value, f"{self.name}.{key}".lstrip("."), self.where)

    def tables(self, key: str) -> list[_Table]:
        """A list of tables of a separator and a gain strategy."""
        value = self.values.get(key, [])
        if not isinstance(value, list | tuple) or not all(isinstance(v, Mapping) for v in value):
            raise self._wrong(key, "tables: [[baselines]] with separator and gains", value)
        found = [_Table(one, key, self.where) for one in value]
        for one in found:
            one.knows("separator", "gains", "protocol", "options", "published")
        return found

    def _value(self, key: str, default: Any) -> Any:
        if key not in self.values and default is None:
            place = f" in [{self.name}]" if self.name else ""
            raise BenchError(f"'{key}' is missing{place}", where=self.where)
        return self.values.get(key, default)

    def _wrong(self, key: str, wanted: str, value: Any) -> BenchError:
        place = f"{self.name}.{key}".lstrip(".")
        return BenchError(f"'{place}' must be {wanted}, got {value!r}", where=self.where)


def _metrics(evaluation: _Table) -> tuple[str, ...]:
    """The names of the metrics; none only of a suite that a board alone knows."""
    names = evaluation.texts("metrics")
    said = f"{evaluation.name}.metrics"
    if not names and evaluation.values["split"]:
        hint = 'Write metrics = ["haaqi", "sdr"].'
        raise BenchError(f"'{said}' names no metric", where=evaluation.where, hint=hint)
    for name in names:
        if names.count(name) > 1:
            raise BenchError(f"'{said}' names '{name}' twice", where=evaluation.where)
    return names


def _check_agreement(baselines: Sequence[_Table], key: str, *of: str) -> None:
    """Refuse baselines that are the same in `of` and differ in `key`: only one would count."""
    said: dict[str, Any] = {}
    for one in baselines:
        name, value = " + ".join(map(one.text, of)), one.values.get(key)
        if said.setdefault(name, value) != value:
            what = f"two [[baselines]] of '{name}' differ in '{key}'"
            raise BenchError(what, where=one.where, hint="Remove one, or make them agree.")


def _excluded(ranking: _Table) -> tuple[str, ...]:
    names = ranking.texts("excluded", ())
    check_words(names, f"{ranking.where}, '{ranking.name}.excluded'")
    return names


def _file_name(name: str, where: str) -> str:
    """The name of a suite, which is that of its board's folder."""
    fault = "it is empty" if not name else fault_of(name)
    if fault:
        raise BenchError(f"{name!r} cannot be the name of a folder: {fault}", where=where)
    return name


def _contrasts(table: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    """The contrasts of ``pairs = [["A + fixed", "B + fixed"], ...]``."""
    for key in table:
        if key != "pairs":
            raise BenchError(
                f"[contrasts] has no '{key}'", where=where, hint=suggest(key, ["pairs"])
            )
    found = []
    pairs = table.get("pairs", ())
    if not isinstance(pairs, list | tuple):
        raise BenchError("'contrasts.pairs' must be a list", where=where)
    for pair in pairs:
        if not (
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(x, str) for x in pair)
        ):
            hint = 'Write it as pairs = [["A + fixed", "B + fixed"]].'
            raise BenchError(f"{pair!r} is not a pair of labels", where=where, hint=hint)
        found.append((pair[0], pair[1]))
    return tuple(found)


def _hearing_loss(ranking: Mapping[str, Any], where: str) -> float | None:
    """``hearing_loss_below`` of [ranking], dB HL."""
    value = ranking.get("hearing_loss_below")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        hint = "Write a hearing loss of the better ear in dB HL, such as hearing_loss_below = 80."
        raise BenchError(f"[ranking] hearing_loss_below is {value!r}", where=where, hint=hint)
    return float(value)


def check_protocol(protocol: str, *, where: str = "protocol") -> None:
    """Raise a BenchError unless `protocol` is one of PROTOCOLS."""
    if protocol not in PROTOCOLS:
        hint = suggest(protocol, list(PROTOCOLS))
        raise BenchError(f"there is no protocol '{protocol}'", where=where, hint=hint)


def parse_training(
    values: Mapping[str, Any], base: TrainingSettings, *, where: str
) -> TrainingSettings:
    """`base` with some settings changed; texts are converted.

    Raises:
        BenchError: an unknown setting, or an invalid value.
    """
    kinds = {f.name: type(getattr(base, f.name)) for f in fields(base)}
    changed: dict[str, Any] = {}
    for key, value in values.items():
        if key not in kinds:
            hint = suggest(key, list(kinds))
            raise BenchError(f"unknown training setting '{key}'", where=where, hint=hint)
        at = f"{where}, training setting '{key}'"
        rule = TRAINING_RULES.get(key, Rule())
        changed[key] = rule.checked(convert(value, kinds[key], where=at), where=at)
    settings = replace(base, **changed)
    if settings.protocol:
        check_protocol(settings.protocol, where=f"{where}, training setting 'protocol'")
    if settings.keep not in KEPT:
        hint = suggest(settings.keep, KEPT)
        raise BenchError(
            f"training cannot keep the epoch '{settings.keep}'", where=where, hint=hint
        )
    if settings.precision not in PRECISIONS:
        hint = suggest(settings.precision, PRECISIONS)
        raise BenchError(f"there is no precision '{settings.precision}'", where=where, hint=hint)
    if settings.schedule not in SCHEDULES:
        hint = suggest(settings.schedule, SCHEDULES)
        raise BenchError(f"there is no schedule '{settings.schedule}'", where=where, hint=hint)
    return settings
