"""The choices of a caller, from Python or on the command line, and the run that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack, cast

from bench.errors import BenchError, suggest
from bench.options import convert, parse_options, whole_number
from bench.spec.defaults import DEFAULT_GAINS, DEFAULT_SEPARATOR, DEFAULT_SUITE

if TYPE_CHECKING:
    from bench.plugins import Plugins
    from bench.spec.run import RunSpec
    from bench.spec.suite import Suite

OptionValue = str | float | bool | Path
Sections = Mapping[str, Mapping[str, Any]]


class Choices(TypedDict, total=False):
    """The options of ``bench run``, by the same names, each with a default.

    Attributes:
        separator: name of the separator, ``"hdemucs-ft"`` by default; or an object of your own, an
            instance or class of :class:`bench.api.Separator`, which is scored as local code.
        gains: name of the gain strategy, ``"fixed"`` by default; or an object, too.
        prescription: its name; the suite's by default; or an object, too.
        max_loudness_loss: how much quieter than NAL-R's clipped output the prescription may make an
            ear, LU: the option of that name of ``nalr-headroom`` and those that follow it; the
            prescription's own by default.
        loss: an expression, as ``"mse + 0.3*sdr"``; the suite's by default.
        suite: its name, or the path of a TOML file; ``"demo"`` by default.
        protocol: ``"challenge"`` or ``"shared-gains"``; the suite's by default.
        split: the split that is scored; the suite's by default.
        epochs: of training; the suite's by default.
        seed: of the run, 0 by default.
        limit: score only this many pairs, evenly spaced; 0, for all, by default.
        metrics: names of further metrics, besides the suite's, as ``["haaqi-light"]``; or one text
            with commas. The baselines get them, too.
        name: of the run on its board, in place of ``separator + gains``; no score depends on it.
        options: of plugins and training by ``"section.name"``, as
            ``{"separator.weights": "musdb"}``.
    """

    separator: str | Any
    gains: str | Any
    prescription: str | Any
    max_loudness_loss: float | None
    loss: str
    suite: str | Path
    protocol: str
    split: str
    epochs: int | None
    seed: int
    limit: int
    metrics: str | Sequence[str]
    name: str
    options: Mapping[str, OptionValue]


def check_choices(choices: Mapping[str, Any]) -> Choices:
    """The choices, each of its type; a number may be given as text, as on a command line.

    Raises:
        BenchError: a name is unknown, or a value is invalid.

    Example:
        >>> check_choices({"seed": "3", "limit": 2})
        {'seed': 3, 'limit': 2}
    """
    found: dict[str, Any] = {}
    for name, value in choices.items():
        if name not in Choices.__annotations__:
            hint = suggest(name, sorted(Choices.__annotations__))
            raise BenchError(f"there is no option '{name}'", hint=hint)
        if name == "options":
            options_by_section(value or {})
            found[name] = value
        elif name == "metrics":
            found[name] = names_of(value, name)
        elif name in _NUMBERS:
            given = value is not None or name != "epochs"
            found[name] = whole_number(value, name, least=_NUMBERS[name]) if given else None
        elif name == LOUDNESS_LIMIT:
            found[name] = None if value is None else convert(value, float, where=name)
        elif isinstance(value, str) or (name == "suite" and isinstance(value, PathLike)):
            found[name] = convert(value, str, where=name)
        elif value is None:
            # What is not chosen, as an empty text.
            found[name] = ""
        elif name in _PARTS and not isinstance(value, Real | bytes | Sequence | Mapping):
            # An object of the caller's own code: whether it is such a part is seen later.
            found[name] = value
        else:
            raise BenchError(f"{value!r} is not a name", where=name)
    return cast(Choices, found)


_PARTS: Final = ("separator", "gains", "prescription")
LOUDNESS_LIMIT: Final = "max_loudness_loss"
"""The choice, and the option of prescriptions, that says how much quieter an ear may become."""
_NUMBERS: Final = {"epochs": 0, "seed": -(2**63), "limit": 0}
"""Whole numbers, with the least that each may be."""


def names_of(value: Any, where: str) -> tuple[str, ...]:
    """Names, each once, from a list of them or from a text with commas.

    Raises:
        BenchError: it is neither.

    Example:
        >>> names_of("haaqi-light, sdr", "metrics")
        ('haaqi-light', 'sdr')
    """
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",") if name.strip()]
    if not isinstance(value, Sequence | None) or isinstance(value, bytes):
        raise BenchError(f"{value!r} is not a list of names", where=where)
    for name in value or ():
        if not isinstance(name, str) or not name:
            raise BenchError(f"{name!r} is not a name", where=where)
    return tuple(dict.fromkeys(value or ()))


def options_by_section(options: Mapping[str, OptionValue]) -> dict[str, dict[str, Any]]:
    """Options by section and name.

    Raises:
        BenchError: there is no such section, or a value is neither text, number nor path.

    Example:
        >>> options_by_section({"separator.weights": "musdb"})["separator"]
        {'weights': 'musdb'}
    """
    if not isinstance(options, Mapping):
        hint = 'Write it as options={"separator.weights": "musdb"}'
        raise BenchError(f"{options!r} is not a mapping of options", where="options", hint=hint)
    for key, value in options.items():
        if not isinstance(key, str) or not isinstance(value, str | Real | PathLike):
            flat = {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, Mapping) else {}
            raise BenchError(
                f"{value!r} cannot be an option's value",
                where=f"options, {key}",
                hint=f"Write it as options={flat}" if flat else "",
            )
    return dict(parse_options(f"{key}={value}" for key, value in options.items()))


def named_parts(plugins: Plugins, parts: Mapping[str, Any]) -> tuple[Plugins, dict[str, str]]:
    """The names of a system's parts, and the plugins with those that are objects among them.

    Raises:
        BenchError: an object is not a separator, gain strategy or prescription.
    """
    from bench.plugins import KINDS, with_local

    names = {}
    for kind in ("separator", "gains", "prescription"):
        part = parts.get(kind)
        if part is None or isinstance(part, str):
            names[kind] = part or ""
            continue
        plugins, local = with_local(plugins, KINDS[kind].spec, part)
        names[kind] = local.full_name
    return plugins, names


def check_loudness_limit(plugins: Plugins, prescriptions: Sequence[str]) -> None:
    """Refuse a limit of the loudness lost where no prescription has one.

    Raises:
        BenchError: none of them has the option; the message names those that have it.
    """
    from bench.api import PrescriptionSpec

    def is_limited(name: str) -> bool:
        options = plugins.get(PrescriptionSpec, name).spec.options
        return options is not None and LOUDNESS_LIMIT in {f.name for f in fields(options)}

    if not any(map(is_limited, prescriptions)):
        what = f"{', '.join(prescriptions)} has no limit of the loudness that is lost"
        those = filter(is_limited, plugins.names(PrescriptionSpec))
        raise BenchError(what, where="max_loudness_loss", hint=f"Have one: {', '.join(those)}")


def resolve(**choices: Unpack[Choices]) -> tuple[Plugins, Suite, RunSpec]:
    """The installed plugins, the suite and the complete, checked spec that choices stand for.

    Raises:
        BenchError: something in them is wrong.
    """
    from bench.plugins import installed
    from bench.spec.resolve import make_run_spec
    from bench.spec.suite import load_suite

    choices = check_choices(choices)
    sections = options_by_section(choices.get("options") or {})
    plugins, names = named_parts(installed(), choices)
    suite = load_suite(str(choices.get("suite") or DEFAULT_SUITE))
    suite = suite.with_baseline_options(sections.pop("baseline"))
    suite = suite.with_metrics(names_of(choices.get("metrics"), "metrics"))
    epochs = choices.get("epochs")
    if epochs is not None:
        sections["training"] = {"epochs": str(epochs), **sections["training"]}
    limit = choices.get(LOUDNESS_LIMIT)
    if limit is not None:
        check_loudness_limit(plugins, [names["prescription"] or suite.prescription])
        sections["prescription"] = {LOUDNESS_LIMIT: limit, **sections["prescription"]}
    spec = make_run_spec(
        plugins,
        suite,
        separator=names["separator"] or DEFAULT_SEPARATOR,
        gains=names["gains"] or DEFAULT_GAINS,
        prescription=names["prescription"],
        loss=choices.get("loss", ""),
        protocol=choices.get("protocol", ""),
        split=choices.get("split", ""),
        seed=choices.get("seed", 0),
        limit=choices.get("limit", 0),
        name=choices.get("name", ""),
        options=sections,
    )
    return plugins, suite, spec
