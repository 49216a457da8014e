"""Listening pages and tests: ``bench listen`` and ``bench listening-test``."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from bench.board.layout import listening_folder
from bench.commands.boards import board_folder, existing_board
from bench.commands.checks import checked
from bench.errors import BenchError, suggest
from bench.listening import ANCHORS
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.choices import OptionValue, options_by_section

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.listening.blind import MadeTest
    from bench.listening.ratings import ImportedRatings
    from bench.listening.render import HeardPair
    from bench.runs.restore import StoredRun

Way = Literal["remix", "amplified", "simulated"]
ReferenceHeard = Literal["clean", "own"]


Method = Literal["mushra", "abx"]


@dataclass(frozen=True)
class ListeningTest:
    """The result of :func:`make_listening_test`.

    Attributes:
        page: of the test.
        key: its secret key.
        trials: that a participant takes, without the training.
        notes: what was left out, in words.
    """

    page: Path
    key: Path
    trials: int = 0
    notes: tuple[str, ...] = ()


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
    """Write pages for comparing the systems of a board by ear: ``bench listen``.

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
            The page then leaves out what comes before amplification, where nothing differs.
        simulated: also as the listener's hearing loss leaves it, which takes longest.
        to: folder to write, ``listening/`` in the board by default.
        progress: notified of progress.

    Returns:
        The first page.

    Raises:
        BenchError: there is no such board, run, scene or listener.
    """
    from bench.listening.page import write_pages
    from bench.listening.render import WAYS

    # Before amplification each system is its own reference.
    left_out = {"remix"} if reference == "own" else set()
    ways = [way for way in (WAYS if simulated else WAYS[:2]) if way not in left_out]
    board, chosen, heard = _rendered(
        out, suite, split, protocol, scenes, listeners, runs, seconds, options or {}, reference,
        ways, progress,
    )  # fmt: skip
    return write_pages(board, Path(to or listening_folder(board.path)), chosen, heard, progress)


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
    method: Method = "mushra",
    anchors: Sequence[float] | None = None,
    mixture: bool = False,
    repeats: int | None = None,
    questions: Path | str | None = None,
    checks: bool = True,
    post: str = "",
    seed: int | None = None,
    progress: Progress = NO_PROGRESS,
) -> ListeningTest:
    """Write a blind test, MUSHRA (BS.1534-3) or ABX: ``bench listening-test make``.

    A system that is the reference itself, to the bit, is left out of a trial.

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
        method: ``"mushra"``, ratings beside an open reference; or ``"abx"``, whether a system can
            be distinguished from its reference.
        anchors: of MUSHRA, cut-off frequencies of the low-pass anchors in Hz; 3500 and 7000 by
            default.
        mixture: of MUSHRA, whether the unprocessed mixture is rated, too.
        repeats: of ABX, how often each comparison is asked; 8 by default.
        questions: a TOML file of questions that are asked at the end.
        checks: whether the volume is set and the headphones are checked first.
        post: address that the page sends the ratings to; without one they are saved as a file.
        seed: of the codes; a new one by default.
        progress: notified of progress.

    Raises:
        BenchError: there is no such board, run, scene or listener; the questions are not as they
            should be; or no system differs from the reference.
    """
    from bench.listening.abx import REPEATS
    from bench.listening.blind import METHODS, make_test
    from bench.listening.questions import read_questions

    if method not in METHODS:
        hint = suggest(method, METHODS)
        raise BenchError(f"there is no method '{method}'", where="listening test", hint=hint)
    given = {
        "mushra": {"anchors": anchors is not None, "mixture": mixture},
        "abx": {"repeats": repeats is not None},
    }
    for name, is_given in given["mushra" if method == "abx" else "abx"].items():
        if is_given:
            raise BenchError(f"{method} has no {name}", where="listening test")
    asked = read_questions(Path(questions)) if questions else ()

    _, chosen, pairs = _rendered(
        out, suite, split, protocol, scenes, listeners, runs, seconds, options or {}, reference,
        (heard,), progress,
    )  # fmt: skip
    made = make_test(
        Path(to),
        pairs,
        chosen,
        way=heard,
        method=method,
        anchors=ANCHORS if anchors is None else anchors,
        with_mixture=mixture,
        repeats=REPEATS if repeats is None else repeats,
        questions=asked,
        checks=checks,
        post=post,
        seed=secrets.randbits(48) if seed is None else seed,
    )
    return ListeningTest(made.page, made.key, made.trials, _left_out_words(made, len(pairs)))


def _left_out_words(made: MadeTest, pairs: int) -> tuple[str, ...]:
    """What a test leaves out, one line per system."""
    counts = Counter(one.label for one in made.left_out)
    return tuple(
        f"{label} equals the reference bit for bit in {count} of {pairs} excerpts: left out there"
        for label, count in counts.items()
    )


def import_ratings(
    ratings: Sequence[Path | str], key: Path | str, out: Path | str | None = None
) -> ImportedRatings:
    """Import the ratings of a listening test into a board: ``bench listening-test import``.

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
        raise BenchError(f"'{reference}' is not a reference", hint="It is clean or own.")
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
