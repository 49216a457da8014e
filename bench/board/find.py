"""Find a board and its contents; folders above and below a board are recognised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.errors import BenchError, first_few

if TYPE_CHECKING:
    from bench.board.store import Board

_DEEPEST: Final = 2
"""Folders below a named one in which boards are looked for."""
_HIGHEST: Final = 3
"""Folders above a named one that may be the board it belongs to."""


@dataclass(frozen=True, order=True)
class View:
    """Runs of a board that may be compared: those of one suite, split and protocol."""

    suite: str
    split: str
    protocol: str
    runs: int = 0

    @property
    def words(self) -> str:
        """In a few words, as ``demo, split valid, protocol challenge: 3 runs``."""
        count = "1 run" if self.runs == 1 else f"{self.runs} runs"
        return f"{self.suite}, split {self.split}, protocol {self.protocol}: {count}"


def is_board(folder: Path) -> bool:
    """Whether a folder holds runs of a board."""
    return any(path.match("run_id=*.parquet") for path in _entries(folder / "runs"))


def find_board(folder: Path) -> Path:
    """The board that a folder is, lies in, or holds.

    Args:
        folder: the board, a folder inside of it (its report, the scores of a run), or a folder of
            boards that holds one.

    Raises:
        BenchError: there is none, or there are several below.
    """
    if is_board(folder):
        return folder
    above = [parent for parent in list(folder.absolute().parents)[:_HIGHEST] if is_board(parent)]
    if above and folder.exists():
        return above[0]
    below = list(boards_below(folder, _DEEPEST))
    if len(below) == 1:
        return below[0]
    if below:
        names = first_few([str(path) for path in below])
        raise BenchError(
            f"{len(below)} boards are below it", where=str(folder), hint=f"Give one of {names}"
        )
    what = "there is no board here" if not folder.is_dir() else "there are no runs here yet"
    raise BenchError(what, where=str(folder), hint=_hint(folder))


def boards_below(folder: Path, depth: int) -> Iterator[Path]:
    """The boards in the folders below a folder, at most so many levels deep."""
    if depth == 0:
        return
    for child in sorted(path for path in _entries(folder) if path.name[0] != "."):
        if is_board(child):
            yield child
        else:
            yield from boards_below(child, depth - 1)


def _entries(folder: Path) -> list[Path]:
    """What a folder holds; nothing where it is no folder, or may not be read."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _hint(folder: Path) -> str:
    near = list(boards_below(folder.parent, 1)) or list(boards_below(Path("leaderboards"), 1))
    boards = first_few([str(path) for path in near])
    there = sorted(path.name for path in _entries(folder))
    holds = f"It holds {first_few(there)}. " if there else ""
    return holds + (f"Boards: {boards}" if boards else "Make one: bench run")


def views_of(board: Board) -> list[View]:
    """The contents of a board, by suite, split and protocol."""
    rows = board.runs()[["suite", "split", "protocol"]].itertuples(index=False, name=None)
    counts = Counter((str(suite), str(split), str(protocol)) for suite, split, protocol in rows)
    return sorted(View(*key, number) for key, number in counts.items())


def choose_view(
    views: Sequence[View], wanted: View, preferred: View, where: str, unread: str = ""
) -> View:
    """Choose the requested view.

    Args:
        views: of the board.
        wanted: what was named; an empty text where nothing was.
        preferred: decides where the board has several splits or protocols of a suite that was
            named.
        where: the board's folder.
        unread: what to say of files that could not be read, where the board has nothing else.

    Raises:
        BenchError: the board has no such view, or several.
    """
    names = ("suite", "split", "protocol")
    fits = [
        view
        for view in views
        if all(getattr(wanted, name) in ("", getattr(view, name)) for name in names)
    ]
    there = "\n".join(f"  {view.words}" for view in views)
    if not fits:
        asked = ", ".join(f"{n} {getattr(wanted, n)}" for n in names if getattr(wanted, n))
        what = f"there are no runs of {asked}" if asked else "there are no runs here yet"
        raise BenchError(what, where=where, hint=f"It has runs of:\n{there}" if views else unread)
    if len(fits) == 1:
        return fits[0]
    if wanted.suite:
        by_default = [
            view
            for view in fits
            if (wanted.split or preferred.split, wanted.protocol or preferred.protocol)
            == (view.split, view.protocol)
        ]
        if by_default:
            return by_default[0]
    differ = [name for name in names if len({getattr(view, name) for view in fits}) > 1]
    options = " and ".join(f"--{name}" for name in differ)
    several = "\n".join(f"  {view.words}" for view in fits)
    what = f"it holds several {' and '.join(f'{name}s' for name in differ)}"
    raise BenchError(what, where=where, hint=f"Give {options}:\n{several}")
