"""Progress: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.table import Column

from bench.runtime.progress import Step

EVERY = 10.0
"""Seconds between two plain lines."""


class ConsoleProgress:
    """Shows stages of work on standard error, so that standard output holds results only.

    A stage inside another is a bar below it. Where there is no terminal it has lines only while it
    takes long, and a stage that says lines of its own, as a training one an epoch, has no others.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._bars: Bar | None = None
        self._depth = 0
        self._said = 0
        self._said_before = 0  # lines that were said before the outermost stage began

    def __reduce__(self) -> tuple[type[ConsoleProgress], tuple[()]]:
        """In another process it shows its work on that one's standard error, which is ours."""
        return ConsoleProgress, ()

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
        outer = self._bars
        bars = outer or Bar(*_columns(self.console.width), console=self.console, expand=True)
        with nullcontext() if outer else bars:
            self._bars = bars
            task = bars.add_task(escape(title), total=total, note="")

            def step(note: str, done: int) -> None:
                bars.update(task, advance=done, note=escape(note))

            try:
                yield step
            finally:
                self._bars = outer
                if outer:
                    bars.remove_task(task)

    @contextmanager
    def _lines(self, title: str, total: int) -> Iterator[Step]:
        started = last = time.monotonic()
        count, is_inner = 0, self._depth > 0
        if not is_inner:
            self._said_before = self._said
            self._print(f"{title}: {total} steps")

        def step(note: str, done: int) -> None:
            nonlocal last, count
            count += done
            now = time.monotonic()
            if count and now - last >= EVERY and self._said == self._said_before:
                last = now
                left = (now - started) / count * (total - count)
                self._print(f"{title}: {count}/{total}, {left:.0f} s left ({note})")

        self._depth += 1
        try:
            yield step
        finally:
            self._depth -= 1
        if not is_inner:
            self._print(f"{title}: done in {time.monotonic() - started:.0f} s")

    def say(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        self._said += 1
        self._print(text)

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _columns(width: int) -> tuple[ProgressColumn, ...]:
    """The columns of a bar: where it is narrow, names and notes are cut, and never the times."""

    def fixed(least: int) -> Column:
        return Column(no_wrap=True, min_width=least)

    def cut(share: int) -> Column:
        return Column(no_wrap=True, overflow="ellipsis", ratio=share)

    return (
        TextColumn("{task.description}", table_column=cut(2)),
        BarColumn(bar_width=max(6, width // 10), table_column=fixed(6)),
        MofNCompleteColumn(table_column=fixed(3)),
        TimeElapsedColumn(table_column=fixed(7)),
        TextColumn("left", table_column=fixed(4)),
        TimeRemainingColumn(table_column=fixed(7)),
        TextColumn("[dim]{task.fields[note]}", table_column=cut(3)),
    )
