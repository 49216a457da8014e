"""What a caller chooses, from Python or on the command line, and what it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.leaderboard.store import Board
    from bench.plugins import Plugins
    from bench.spec import RunSpec
    from bench.suites import Suite

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
    from bench.spec import parse_options

    options = parse_options(f"{key}={value}" for key, value in choices.get("options", {}).items())
    return resolve_sections(options, choices)


def resolve_sections(sections: Sections, choices: Choices) -> tuple[Plugins, Suite, RunSpec]:
    """:func:`resolve`, with the options by section, as of :func:`bench.spec.parse_options`."""
    from bench.plugins import installed
    from bench.spec import make_run_spec
    from bench.suites import load_suite

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


def board_folder(out: Path | str | None, suite: str) -> Path:
    """The folder of a suite's board."""
    return Path(out) if out is not None else Path("leaderboards") / Path(suite).stem


def existing_board(
    suite: str, split: str, protocol: str, out: Path | str | None
) -> tuple[Board, Suite, str, str]:
    """The board of a suite, the suite, and the split and protocol to show.

    Raises:
        BenchError: there is no such suite, protocol or board.
    """
    from bench.leaderboard.store import Board
    from bench.suites import check_protocol, load_suite

    loaded = load_suite(suite)
    board = Board(board_folder(out, loaded.name))
    if not board.path.is_dir():
        hint = f"Make one: bench run --suite {suite}"
        raise BenchError("there is no board here", where=str(board.path), hint=hint)
    check_protocol(protocol or loaded.protocol, where="--protocol")
    return board, loaded, split or loaded.split, protocol or loaded.protocol
