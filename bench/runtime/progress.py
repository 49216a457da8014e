"""Progress: one protocol for all that takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final, Protocol

Step = Callable[[str, int], None]
"""Called with a note and the number of steps that have been done since the last call."""


def no_step(note: str, done: int) -> None:
    """Show nothing of a step."""


class Progress(Protocol):
    """Shows how far the work is, as :mod:`bench.runtime.console` does on a terminal."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Step]:
        """A stage of `total` steps, for as long as the block lasts."""

    def say(self, text: str) -> None:
        """Show a line that stays, as the result of an epoch."""


class NoProgress:
    """Shows nothing."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Step]:
        """A stage of which nothing is shown."""
        return nullcontext(no_step)

    def say(self, text: str) -> None:
        """Show nothing."""


NO_PROGRESS: Final = NoProgress()

_current: ContextVar[Progress] = ContextVar("progress", default=NO_PROGRESS)


def current_progress() -> Progress:
    """The progress of the current command, for code too deep to receive it as an argument."""
    return _current.get()


@contextmanager
def reporting(progress: Progress) -> Iterator[None]:
    """Inside the block :func:`current_progress` is `progress`."""
    token = _current.set(progress)
    try:
        yield
    finally:
        _current.reset(token)
