"""Shared boards: ``bench board list|show|merge|remove|verify``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.errors import BenchError
from bench.runtime.progress import NO_PROGRESS, Progress

if TYPE_CHECKING:
    from distributed import Client

    from bench.board.merge import Merged
    from bench.runs.verify import Verification
    from bench.runtime.executors import Executor

_DEEPEST: Final = 3
"""Folders below a named one in which boards are listed."""


@dataclass(frozen=True)
class BoardSummary:
    """A board as a whole.

    Attributes:
        folder: where it is.
        views: what it holds, in words, by suite, split and protocol.
        runs: its runs.
        bytes: of its files, checkpoints included.
        checkpoints: bytes of the checkpoints.
        verified: a row each time that a share of a run was scored again: ``run_id``, then as in
            ``schema.VERIFIED``.
        damaged: files that cannot be read, with the reason.
    """

    folder: Path
    views: Sequence[str]
    runs: int
    bytes: int
    checkpoints: int
    verified: Sequence[Mapping[str, Any]] = ()
    damaged: Mapping[str, str] | None = None


def list_boards(folder: Path | str = "leaderboards") -> list[BoardSummary]:
    """The boards in and below a folder: ``bench board list``.

    Args:
        folder: a board, or a folder of boards.

    Raises:
        BenchError: there is no such folder.
    """
    from bench.board.find import boards_below, is_board

    root = Path(folder)
    if not root.is_dir():
        raise BenchError("there is no such folder", where=str(root), hint="Make one: bench run")
    places = [root] if is_board(root) else boards_below(root, _DEEPEST)
    return [_summary(path) for path in places]


def show_board(out: Path | str | None = None, *, suite: str | Path = "") -> BoardSummary:
    """The contents of a board, and who verified which runs: ``bench board show``.

    Args:
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        suite: whose board; needed only without `out`.

    Raises:
        BenchError: there is no such board.
    """
    from bench.commands.boards import open_board

    return _summary(open_board(out, suite).path)


def merge_boards(into: Path | str, others: Sequence[Path | str]) -> list[Merged]:
    """Copy the runs of boards into one of the same suite: ``bench board merge``.

    Args:
        into: folder of the board that gets them; made where it is not there.
        others: folders of the boards that they come from, which stay as they are.

    Raises:
        BenchError: there is no board in one of the folders, they are of different suites, or
            scores of one run differ. Boards before it in the list are merged.
    """
    from bench.board.find import find_board
    from bench.board.merge import merge
    from bench.board.store import Board

    sources = [Board(find_board(Path(other))) for other in others]
    if any(source.path.resolve() == Path(into).resolve() for source in sources):
        raise BenchError("a board cannot be merged into itself", where=str(into))
    return [merge(Board(into), source) for source in sources]


def remove_run(run: str, out: Path | str | None = None, *, suite: str | Path = "") -> str:
    """Remove a run and everything that its board has of it: ``bench board remove``.

    Args:
        run: its id or label; of several runs of one label the newest.
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        suite: whose board; needed only without `out`.

    Returns:
        The id of the run that was removed.

    Raises:
        BenchError: there is no such board or run.
    """
    from bench.commands.boards import row_on_board

    board, row = row_on_board(run, suite, out)
    run_id = str(row["run_id"])
    board.forget(run_id)
    return run_id


def verify_run(
    run: str,
    out: Path | str | None = None,
    *,
    suite: str | Path = "",
    share: float = 0.05,
    within: float = 1e-3,
    by: str = "",
    seed: int | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int = 0,
    executor: Executor | Client | str | None = None,
    progress: Progress = NO_PROGRESS,
) -> Verification:
    """Rescore a random share of a run on this machine: ``bench board verify``.

    The result is kept on the board.

    Args:
        run: its id or label.
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        suite: the run's suite, where bench has none of that name: its TOML file.
        share: of the run's pairs, above 0 and at most 1; one pair at least.
        within: how far a score may be off and still agree, in its metric's unit.
        by: who verifies; the user's name unless given.
        seed: of the draw of pairs; another draw every time unless given.
        options: what a board does not keep: ``{"dataset.root": PATH, "separator.weights": PATH}``.
        workers: processes; 0 for one per core.
        executor: as of :func:`bench.run`.
        progress: notified of progress.

    Raises:
        BenchError: there is no such board or run, it cannot be reproduced with what is installed
            here, its weights are missing, or the data are others.
    """
    from bench.commands.boards import board_of_run
    from bench.commands.cluster import executing
    from bench.plugins import installed
    from bench.runs.restore import row_of, stored_run
    from bench.runs.verify import verify
    from bench.spec.choices import options_by_section

    if not (0.0 < share <= 1.0 and within >= 0.0):
        hint = "share must be above 0 and at most 1, and within not below 0."
        raise BenchError("these values do not describe a verification", where="verify", hint=hint)
    board, of_suite, run_id = board_of_run(run, suite, out)
    plugins = installed()
    stored = stored_run(board, run_id, of_suite, plugins, options_by_section(options or {}))
    row = row_of(board, stored.run_id)
    with executing(executor):
        return verify(
            stored, row, board, plugins,
            share=share, within=within, by=by, seed=seed, workers=workers, progress=progress,
        )  # fmt: skip


def _summary(folder: Path) -> BoardSummary:
    from bench.board.find import views_of
    from bench.board.store import Board

    board = Board(folder)
    views = views_of(board)
    run_ids = list(board.runs()["run_id"])
    verified = [
        {"run_id": run_id, **row} for run_id in run_ids for row in board.verifications(run_id)
    ]
    return BoardSummary(
        folder=folder,
        views=[view.words for view in views],
        runs=len(run_ids),
        bytes=_bytes(folder),
        checkpoints=_bytes(folder / "checkpoints"),
        verified=sorted(verified, key=lambda row: str(row["when"])),
        damaged={str(path): why for path, why in board.damaged.items()},
    )


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
