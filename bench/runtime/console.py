"""Progress: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from bench.runtime.progress import Step

EVERY = 10.0
"""Seconds between two plain lines."""


class ConsoleProgress:
    """Shows stages of work on standard error, so that standard output holds results only."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Step]:
        """A stage of `total` steps; nothing is shown of one that has nothing to do."""
        if total == 0:
            yield lambda note, done: None
        elif self.console.is_terminal:
            with self._bar(title, total) as step:
                yield step
        else:
            with self._lines(title, total) as step:
                yield step

    @contextmanager
    def _bar(self, title: str, total: int) -> Iterator[Step]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
        )
        with Bar(*columns, console=self.console) as progress:
            task = progress.add_task(title, total=total, note="")

            def step(note: str, done: int) -> None:
                progress.update(task, advance=done, note=note)

            yield step

    @contextmanager
    def _lines(self, title: str, total: int) -> Iterator[Step]:
        started = last = time.monotonic()
        count = 0
        self.say(f"{title}: {total} steps")

        def step(note: str, done: int) -> None:
            nonlocal last, count
            count += done
            now = time.monotonic()
            if count and now - last >= EVERY:
                last = now
                left = (now - started) / count * (total - count)
                self.say(f"{title}: {count}/{total}, {left:.0f} s left ({note})")

        yield step
        self.say(f"{title}: done in {time.monotonic() - started:.0f} s")

    def say(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
