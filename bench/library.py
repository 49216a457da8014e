"""bench from Python: what the commands do, each in a call. All of it is in ``bench`` itself.

The command line calls the same functions. Importing this is cheap; a call imports what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from bench.errors import BenchError, near_match

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

    from bench.enhancement import Enhanced
    from bench.execute import Outcome, PlannedRun, Show
    from bench.leaderboard.model import Leaderboard
    from bench.leaderboard.store import Board
    from bench.plugins import Plugins
    from bench.spec import RunSpec
    from bench.suites import Suite
    from bench.system import System

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


@dataclass(frozen=True)
class Ran:
    """What :func:`run` has done.

    Attributes:
        board: where everything is kept: ``board.scores()`` is a pandas frame of every score.
        runs: the run, last, and the baselines before it.
        outcome: what failed; ``outcome.ok`` where nothing did.
        leaderboard: the rows that may be compared with the run.
    """

    board: Board
    runs: Sequence[PlannedRun]
    outcome: Outcome
    leaderboard: Leaderboard


def run(
    *,
    out: Path | str | None = None,
    baselines: bool = True,
    workers: int = 0,
    fresh: bool = False,
    show: Show | None = None,
    **choices: Unpack[Choices],
) -> Ran:
    """Train a system, score it beside the baselines, and keep every row: ``bench run``.

    What the board has already is not done again; an interrupted run goes on where it stopped.

    Args:
        out: folder of the board, ``leaderboards/SUITE`` unless given.
        baselines: whether the suite's baselines are scored beside it.
        workers: scoring processes; 0 for one a core. A script that uses several needs the usual
            ``if __name__ == "__main__":``, since they import it.
        fresh: forget what the board has of these runs.
        show: progress, as ``bench.cli.progress.ConsoleShow()``.
        **choices: see :class:`Choices`.

    Raises:
        BenchError: something in the choices, the data or the weights is wrong. A scene that
            fails is a failed row instead.
    """
    from bench.execute import execute, plan_runs
    from bench.leaderboard.store import Board
    from bench.leaderboard.table import leaderboard
    from bench.spec import open_dataset

    plugins, suite, spec = resolve(**choices)
    dataset = open_dataset(spec, plugins)
    board = Board(board_folder(out, suite.name))
    runs = plan_runs(spec, suite, plugins, dataset, baselines=baselines)
    outcome = execute(runs, board, plugins, dataset, workers=workers, fresh=fresh, show=show)
    table = leaderboard(board, suite.name, spec.split, spec.protocol, baseline=suite.baseline)
    return Ran(board, runs, outcome, table)


def plan(*, baselines: bool = True, **choices: Unpack[Choices]) -> list[PlannedRun]:
    """The run and its baselines with their ids, as :func:`run` would do them. Runs nothing.

    Raises:
        BenchError: something in the choices or the data is wrong.
    """
    from bench.execute import plan_runs
    from bench.spec import open_dataset

    plugins, suite, spec = resolve(**choices)
    dataset = open_dataset(spec, plugins)
    return plan_runs(spec, suite, plugins, dataset, baselines=baselines)


def read_leaderboard(
    out: Path | str | None = None,
    *,
    suite: str | Path = "demo",
    split: str = "",
    protocol: str = "",
    baseline: str = "",
) -> Leaderboard:
    """The rows of a board that may be compared, best first: ``bench leaderboard``.

    Args:
        out: folder of the board, ``leaderboards/SUITE`` unless given.
        suite: its name, or the path of a TOML file.
        split: the suite's unless given.
        protocol: the suite's unless given.
        baseline: row that the others are compared with, the suite's unless given.

    Raises:
        BenchError: there is no such suite, protocol or board.
    """
    from bench.leaderboard.table import leaderboard

    board, loaded, split, protocol = existing_board(str(suite), split, protocol, out)
    return leaderboard(board, loaded.name, split, protocol, baseline=baseline or loaded.baseline)


def write_report(
    out: Path | str | None = None,
    *,
    to: Path | str | None = None,
    suite: str | Path = "demo",
    split: str = "",
    protocol: str = "",
) -> Path:
    """Write a board's report, and return its page: ``bench report``.

    Args:
        out: folder of the board, ``leaderboards/SUITE`` unless given.
        to: folder of the report, ``report/`` in the board unless given.
        suite: its name, or the path of a TOML file.
        split: the suite's unless given.
        protocol: the suite's unless given.

    Raises:
        BenchError: there is no such suite, protocol or board, or the report cannot be written.
    """
    from bench.report import page

    board, loaded, split, protocol = existing_board(str(suite), split, protocol, out)
    folder = Path(to) if to is not None else board.path / "report"
    return page.write_report(board, folder, loaded.name, split, protocol)


def make_listener(left: str, right: str = "", *, id: str = "audiogram") -> Listener:
    """A listener from audiograms as a user types them.

    Args:
        left: ``"250:20,500:25,1000:40"`` (Hz:dB HL), or a standard audiogram as ``"N3"``.
        right: the same; as the left one where it is empty.
        id: of the listener.

    Raises:
        BenchError: a text is no audiogram.
    """
    from clarity.utils.audiogram import Listener

    from bench.hearing.audiograms import parse_audiogram

    return Listener(parse_audiogram(left), parse_audiogram(right or left), id)


def enhance(
    song: Path | str,
    output: Path | str,
    listener: Listener,
    *,
    run: str = "",
    out: Path | str | None = None,
    requested: Mapping[str, float] | None = None,
    sample_rate: int = 44_100,
    show: Show | None = None,
    **choices: Unpack[Choices],
) -> Enhanced:
    """A song through a system, for one listener: ``bench enhance``.

    Args:
        song: any audio file that soundfile reads, stereo or mono, of any rate and length.
        output: a .flac or .wav file to write, 16 bit.
        listener: from :func:`make_listener`, or pyclarity's own.
        run: id or label of a run whose trained system is to be used; without it the system is
            that of the choices, with the weights that it starts from.
        out: folder of the board that has the run, ``leaderboards/SUITE`` unless given.
        requested: gains asked for in dB by stem, as ``{"vocals": 6}``; 0 dB for the others.
        sample_rate: of the output, Hz.
        show: progress.
        **choices: see :class:`Choices`; the separator is ``"hdemucs"`` unless given. With a run,
            only `suite` and `options` count.

    Raises:
        BenchError: the song, the run or a choice is wrong.
    """
    from bench.enhancement import enhance_file

    wanted = requested_gains(requested or {})
    system, notes = _system(run, out, choices)
    done = enhance_file(
        Path(song), Path(output), system, listener,
        requested=wanted, sample_rate=sample_rate, show=show,
    )  # fmt: skip
    return replace(done, notes=(*notes, *done.notes))


def requested_gains(by_stem: Mapping[str, float]) -> tuple[float, ...]:
    """Gains in dB in the order of STEMS.

    Raises:
        BenchError: there is no such stem.
    """
    from bench.api import STEMS

    for stem in by_stem:
        if stem not in STEMS:
            hint = near_match(stem, STEMS)
            raise BenchError(f"there is no stem '{stem}'", where="requested gains", hint=hint)
    return tuple(float(by_stem.get(stem, 0.0)) for stem in STEMS)


def _system(run: str, out: Path | str | None, choices: Choices) -> tuple[System, tuple[str, ...]]:
    """The system of a run or of choices, on the GPU where there is one; notes."""
    from bench.evaluation.worker import device
    from bench.plugins import installed
    from bench.spec import parse_options
    from bench.stored import stored_run
    from bench.system import build_system

    notes: tuple[str, ...] = ()
    if run:
        board, suite, _, _ = existing_board(str(choices.get("suite", "demo")), "", "", out)
        options = parse_options(
            f"{key}={value}" for key, value in choices.get("options", {}).items()
        )
        system = stored_run(board, run, suite, installed(), options).system(installed())
    else:
        choices.setdefault("separator", "hdemucs")
        plugins, _, spec = resolve(**choices)
        system = build_system(spec, plugins)
        system.train(False)
        if spec.trains:
            notes = (f"{spec.label} is used as training would start from it, without a run",)
    return system.to(device()), notes


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
