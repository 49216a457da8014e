"""What a caller chooses, from Python or on the command line, and what it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

if TYPE_CHECKING:
    from bench.plugins import Plugins
    from bench.spec.run import RunSpec
    from bench.spec.suite import Suite

Sections = Mapping[str, Mapping[str, Any]]


class Choices(TypedDict, total=False):
    """What a run is: the options of ``bench run``, by the same names. What is left out is usual.

    Attributes:
        separator: name of the separator, ``"hdemucs-ft"`` unless given.
        gains: name of the gain strategy, ``"fixed"`` unless given.
        prescription: its name, the suite's unless given.
        loss: an expression, as ``"mse + 0.3*sdr"``; the suite's unless given.
        suite: its name, or the path of a TOML file; ``"demo"`` unless given.
        protocol: ``"challenge"`` or ``"shared-gains"``; the suite's unless given.
        split: the split that is scored; the suite's unless given.
        epochs: of training; the suite's unless given.
        seed: of the run, 0 unless given.
        limit: score only so many pairs, spread evenly; 0, for all, unless given.
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
    options: Mapping[str, str | float | bool | Path]


def resolve(**choices: Unpack[Choices]) -> tuple[Plugins, Suite, RunSpec]:
    """The installed plugins, the suite and the complete, checked spec that choices stand for.

    Raises:
        BenchError: something in them is wrong.
    """
    from bench.options import parse_options

    options = parse_options(f"{key}={value}" for key, value in choices.get("options", {}).items())
    return resolve_sections(options, choices)


def resolve_sections(sections: Sections, choices: Choices) -> tuple[Plugins, Suite, RunSpec]:
    """:func:`resolve`, with the options by section, as of :func:`bench.options.parse_options`."""
    from bench.plugins import installed
    from bench.spec.resolve import make_run_spec
    from bench.spec.suite import load_suite

    plugins = installed()
    suite = load_suite(str(choices.get("suite", "demo")))
    epochs = choices.get("epochs")
    if epochs is not None:
        training = {"epochs": str(epochs), **sections["training"]}
        sections = {**sections, "training": training}
    spec = make_run_spec(
        plugins,
        suite,
        separator=choices.get("separator", "hdemucs-ft"),
        gains=choices.get("gains", "fixed"),
        prescription=choices.get("prescription", ""),
        loss=choices.get("loss", ""),
        protocol=choices.get("protocol", ""),
        split=choices.get("split", ""),
        seed=choices.get("seed", 0),
        limit=choices.get("limit", 0),
        options=sections,
    )
    return plugins, suite, spec
