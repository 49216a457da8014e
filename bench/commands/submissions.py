"""The challenge's files: ``bench submit``, and ``bench score FOLDER``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bench.commands.boards import board_folder, board_of_run, suite_leaderboard
from bench.commands.checks import checked
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.choices import Choices, options_by_section, resolve
from bench.spec.defaults import CLEAN_SEPARATOR, READY_SEPARATOR

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.leaderboard.model import Leaderboard
    from bench.plugins import Plugins
    from bench.runs.restore import StoredRun


@dataclass(frozen=True)
class Submission:
    """The result of :func:`submit`.

    Attributes:
        folder: that holds ``enhanced_signals``.
        label: of the system.
        suite: whose scenes it was given.
        failed: what could not be written, with the reason.
        notes: what is to be known of the system.
    """

    folder: Path
    label: str
    suite: str
    failed: Sequence[str]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class ScoredSubmission:
    """The result of :func:`score_folder`.

    Attributes:
        board: that has the row.
        run_id: of the row.
        failed: reasons by (scene, listener).
        leaderboard: the rows that may be compared with it.
    """

    board: Board
    run_id: str
    failed: Mapping[tuple[str, str], str]
    leaderboard: Leaderboard


@checked
def submit(
    folder: Path | str,
    *,
    run: str = "",
    out: Path | str | None = None,
    workers: int = 0,
    time_limit: float | None = None,
    progress: Progress = NO_PROGRESS,
    **choices: Unpack[Choices],
) -> Submission:
    """Write the challenge's files of a system: ``bench submit``.

    Files that are there are kept: an interrupted call continues where it stopped.

    Args:
        folder: to write ``enhanced_signals/SCENE_LISTENER_remix.flac`` into.
        run: id or label of a trained run; without it the system is that of the choices.
        out: folder of the board that has the run, ``leaderboards/SUITE`` by default.
        workers: processes; 0 for one per core.
        time_limit: as of :func:`bench.run`.
        progress: notified of progress.
        **choices: see :class:`Choices`; the separator is ``"hdemucs"`` by default. With a run,
            only `suite`, `limit` and `options` count.

    Raises:
        BenchError: the system is not trained, or the folder holds another one's files.
    """
    from bench.spec.resolve import open_dataset
    from bench.submission.write import submit as write

    plugins, stored = _stored(run, out, choices)
    dataset = open_dataset(stored.spec, plugins)
    failed = write(
        stored, Path(folder), plugins, dataset,
        workers=workers, time_limit=time_limit, progress=progress,
    )  # fmt: skip
    caution = stored.caution(plugins) if stored.spec.caution else ""
    return Submission(
        Path(folder), stored.label, stored.spec.suite, failed, (caution,) if caution else ()
    )


@checked
def score_folder(
    folder: Path | str,
    *,
    trained_on: Sequence[str] = (),
    out: Path | str | None = None,
    workers: int = 0,
    time_limit: float | None = None,
    progress: Progress = NO_PROGRESS,
    **choices: Unpack[Choices],
) -> ScoredSubmission:
    """Score a folder of submitted files as a row of a board: ``bench score FOLDER``.

    Args:
        folder: holds the files, or a folder ``enhanced_signals`` with them.
        trained_on: data that the system was trained on; without it the row is not ranked.
        out: folder of the board, ``leaderboards/SUITE`` by default.
        workers: processes; 0 for one per core.
        time_limit: as of :func:`bench.run`.
        progress: notified of progress.
        **choices: see :class:`Choices`; parts of a system do not count, and the row's `name` is
            the folder's by default.

    Raises:
        BenchError: there are no such files at all, or the protocol is not the challenge's.
    """
    from bench.board.store import Board
    from bench.spec.resolve import open_dataset
    from bench.submission import folder as submitted

    name = choices.pop("name", "")
    choices["separator"] = CLEAN_SEPARATOR
    choices.pop("gains", None)
    plugins, suite, spec = resolve(**choices)
    board = Board(board_folder(out, suite.name))
    scored = submitted.score_folder(
        Path(folder),
        spec,
        board,
        suite,
        plugins,
        open_dataset(spec, plugins),
        name=name or Path(folder).resolve().name,
        trained_on=trained_on,
        workers=workers,
        time_limit=time_limit,
        progress=progress,
    )
    table = suite_leaderboard(board, suite, spec.split, spec.protocol)
    return ScoredSubmission(board, scored.run_id, scored.failed, table)


def _stored(run: str, out: Path | str | None, choices: Choices) -> tuple[Plugins, StoredRun]:
    """The installed plugins, and the run or the system that is chosen."""
    from bench.plugins import installed
    from bench.runs.restore import StoredRun, stored_run

    if run:
        plugins = installed()
        board, suite, run_id = board_of_run(run, choices.get("suite") or "", out)
        options = options_by_section(choices.get("options") or {})
        stored = stored_run(board, run_id, suite, plugins, options)
        limit = choices.get("limit") or stored.spec.limit
        return plugins, replace(stored, spec=replace(stored.spec, limit=limit))
    choices["separator"] = choices.get("separator") or READY_SEPARATOR
    plugins, _, spec = resolve(**choices)
    return plugins, StoredRun("", spec.label, spec, None)
