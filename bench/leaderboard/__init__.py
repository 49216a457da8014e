"""Leaderboards: statistics and tables of a board.

Nothing heavy is imported here: `bench.board.store.Board` reads and writes a board,
`bench.leaderboard.table.leaderboard` ranks it, `bench.board.schema` documents its columns.

The package can be called: ``bench.leaderboard("board")`` is :func:`bench.read_leaderboard`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A package whose name is that of a command."""

    def __call__(self, *args: Any, **more: Any) -> Any:
        """Call :func:`bench.read_leaderboard`, which stands above this package."""
        return sys.modules["bench"].read_leaderboard(*args, **more)


sys.modules[__name__].__class__ = _Callable
