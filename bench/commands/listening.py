"""Listening pages and tests: ``bench listen`` and ``bench listening-test``."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from bench.board.layout import listening_folder
from bench.commands.boards import board_folder, existing_board
from bench.commands.checks import checked
from bench.errors import BenchError
from bench.listening import ANCHORS
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.choices import OptionValue, options_by_section

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.listening.ratings import ImportedRatings
    from bench.listening.render import HeardPair
    from bench.runs.restore import StoredRun

Way = Literal["remix", "amplified", "simulated"]
ReferenceHeard = Literal["clean", "own"]


@dataclass(frozen=True)
class ListeningTest:
    """The result of :func:`make_listening_test`: the page of the test, and its secret key."""

    page: Path
    key: Path


@checked
def listen(
    out: Path | str | None = None,
    *,
    suite: str | Path = "",
    split: str = "",
    protocol: str = "",
    scenes: Sequence[str] = (),
    listeners: Sequence[str] = (),
    runs: Sequence[str] = (),
    seconds: float = 10.0,
    options: Mapping[str, OptionValue] | None = None,
    reference: ReferenceHeard = "clean",
    simulated: bool = True,
    to: Path | str | None = None,
    progress: Progress = NO_PROGRESS,
) -> Path:
    """Write pages to hear the systems of a board side by side: ``bench listen``.

    Args:
        out: folder of the board, ``leaderboards/SUITE`` by default.
        suite: its name, or the path of a TOML file; the board's by default.
        split: the board's by default.
        protocol: the board's by default.
        scenes: ids; by default the one on which the systems differ most.
        listeners: ids; by default the first of each scene.
        runs: ids or labels; by default all of the board.
        seconds: length of the excerpt, from the middle of the scene.
        options: what a board does not keep, as ``{"dataset.root": ...}``.
        reference: ``"clean"``, that of the scores; or ``"own"``, each system's own remix amplified
            by the suite's prescription and not clipped, beside which an output stage is heard.
        simulated: also as the listener's hearing loss leaves it, which takes longest.
        to: folder to write, ``listening/`` in the board by default.
        progress: notified of how far it is.

    Returns:
        The first page.

    Raises:
        BenchError: there is no such board, run, scene or listener.
    """
    from bench.listening.page import write_pages
    from bench.listening.render import WAYS

    board, chosen, heard = _rendered(
        out, suite, split, protocol, scenes, listeners, runs, seconds, options or {}, reference,
        WAYS if simulated else WAYS[:2], progress,
    )  # fmt: skip
    return write_pages(board, Path(to or listening_folder(board.path)), chosen, heard)


@checked
def make_listening_test(
    to: Path | str,
    out: Path | str | None = None,
    *,
    suite: str | Path = "",
    split: str = "",
    protocol: str = "",
    scenes: Sequence[str] = (),
    listeners: Sequence[str] = (),
    runs: Sequence[str] = (),
    seconds: float = 10.0,
    options: Mapping[str, OptionValue] | None = None,
    reference: ReferenceHeard = "clean",
    heard: Way = "remix",
    anchors: Sequence[float] = ANCHORS,
    mixture: bool = False,
    seed: int | None = None,
    progress: Progress = NO_PROGRESS,
) -> ListeningTest:
    """Write a blind MUSHRA test (BS.1534-3): ``bench listening-test make``.

    Args:
        to: folder to write.
        out: folder of the board, ``leaderboards/SUITE`` by default.
        suite: as of :func:`listen`.
        split: as of :func:`listen`.
        protocol: as of :func:`listen`.
        scenes: as of :func:`listen`.
        listeners: as of :func:`listen`.
        runs: as of :func:`listen`.
        seconds: as of :func:`listen`.
        options: as of :func:`listen`.
        reference: as of :func:`listen`.
        heard: before amplification, amplified for the listener, or as the listener hears that.
        anchors: cut-off frequencies of the low-pass anchors, Hz.
        mixture: whether the unprocessed mixture is rated, too.
        seed: of the codes; a new one by default.
        progress: notified of how far it is.

    Raises:
        BenchError: there is no such board, run, scene or listener.
    """
    from bench.listening.mushra import make_test

    _, chosen, pairs = _rendered(
        out, suite, split, protocol, scenes, listeners, runs, seconds, options or {}, reference,
        (heard,), progress,
    )  # fmt: skip
    page, key = make_test(
        Path(to),
        pairs,
        chosen,
        way=heard,
        anchors=anchors,
        with_mixture=mixture,
        seed=secrets.randbits(48) if seed is None else seed,
    )
    return ListeningTest(page, key)


def import_ratings(
    ratings: Sequence[Path | str], key: Path | str, out: Path | str | None = None
) -> ImportedRatings:
    """Bring the ratings of a listening test into a board: ``bench listening-test import``.

    Args:
        ratings: the files that participants sent.
        key: the test's ``key.json``.
        out: folder of the board, ``leaderboards/SUITE`` by default.

    Raises:
        BenchError: a file is wrong, or there is no board.
    """
    from bench.board.store import Board
    from bench.listening import ratings as module

    board = Board(board_folder(out, str(module.read_key(Path(key)).get("suite", ""))))
    if not board.path.is_dir():
        raise BenchError("there is no board here", where=str(board.path), hint="Give --out.")
    return module.import_ratings(board, Path(key), [Path(path) for path in ratings])


def _rendered(
    out: Path | str | None,
    suite: str | Path,
    split: str,
    protocol: str,
    scenes: Sequence[str],
    listeners: Sequence[str],
    runs: Sequence[str],
    seconds: float,
    options: Mapping[str, OptionValue],
    reference: ReferenceHeard,
    ways: Sequence[str],
    progress: Progress,
) -> tuple[Board, list[StoredRun], list[HeardPair]]:
    """The board, the chosen runs, and every chosen pair rendered."""
    if reference not in get_args(ReferenceHeard):
        raise BenchError(f"'{reference}' is no reference", hint="It is clean or own.")
    from bench.listening.selection import choose, choose_runs, render_all
    from bench.plugins import installed

    plugins = installed()
    board, loaded, split, protocol = existing_board(suite, split, protocol, out, known=True)
    own = options_by_section(options)
    found = choose_runs(board, tuple(runs), loaded, split, protocol, plugins, own)
    chosen = choose(board, found, list(scenes), list(listeners), plugins)
    heard = render_all(
        chosen,
        plugins,
        seconds=seconds,
        ways=ways,
        own_reference=reference == "own",
        progress=progress,
    )
    return board, found, heard
