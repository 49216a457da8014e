"""The choices of a caller, from Python or on the command line, and the run that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

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
        separator: name of the separator, ``"hdemucs-ft"`` by default.
        gains: name of the gain strategy, ``"fixed"`` by default.
        prescription: its name; the suite's by default.
        loss: an expression, as ``"mse + 0.3*sdr"``; the suite's by default.
        suite: its name, or the path of a TOML file; ``"demo"`` by default.
        protocol: ``"challenge"`` or ``"shared-gains"``; the suite's by default.
        split: the split that is scored; the suite's by default.
        epochs: of training; the suite's by default.
        seed: of the run, 0 by default.
        limit: score only so many pairs, spread evenly; 0, for all, by default.
        options: of plugins and training by ``"section.name"``, as
            ``{"separator.weights": "musdb"}``.
    """

    separator: str
    gains: str
    prescription: str
    loss: str
    suite: str | Path
    protocol: str
    split: str
    epochs: int | None
    seed: int
    limit: int
    options: Mapping[str, OptionValue]


def options_by_section(options: Mapping[str, OptionValue]) -> dict[str, dict[str, Any]]:
    """Options by section and name.

    Raises:
        BenchError: there is no such section.

    Example:
        >>> options_by_section({"separator.weights": "musdb"})["separator"]
        {'weights': 'musdb'}
    """
    from bench.options import parse_options

    return dict(parse_options(f"{key}={value}" for key, value in options.items()))


def resolve(**choices: Unpack[Choices]) -> tuple[Plugins, Suite, RunSpec]:
    """The installed plugins, the suite and the complete, checked spec that choices stand for.

    Raises:
        BenchError: something in them is wrong.
    """
    from bench.plugins import installed
    from bench.spec.resolve import make_run_spec
    from bench.spec.suite import load_suite

    sections = options_by_section(choices.get("options") or {})
    plugins = installed()
    suite = load_suite(str(choices.get("suite") or DEFAULT_SUITE))
    epochs = choices.get("epochs")
    if epochs is not None:
        sections["training"] = {"epochs": str(epochs), **sections["training"]}
    spec = make_run_spec(
        plugins,
        suite,
        separator=choices.get("separator") or DEFAULT_SEPARATOR,
        gains=choices.get("gains") or DEFAULT_GAINS,
        prescription=choices.get("prescription", ""),
        loss=choices.get("loss", ""),
        protocol=choices.get("protocol", ""),
        split=choices.get("split", ""),
        seed=choices.get("seed", 0),
        limit=choices.get("limit", 0),
        options=sections,
    )
    return plugins, suite, spec
