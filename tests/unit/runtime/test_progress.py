"""Progress: nothing, lines, or a bar, all told of by one protocol."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.runtime import console
from bench.runtime.console import ConsoleProgress
from bench.runtime.progress import NO_PROGRESS, NoProgress, Progress


class Clock:
    """A clock that goes by the seconds that it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(console, "time", found)
    return found


def shown(*, terminal: bool) -> tuple[ConsoleProgress, io.StringIO]:
    text = io.StringIO()
    progress = ConsoleProgress()
    progress.console = Console(file=text, force_terminal=terminal, width=100, color_system=None)
    return progress, text


def test_no_progress_takes_any_step(capsys: pytest.CaptureFixture[str]) -> None:
    progress: Progress = NO_PROGRESS
    assert isinstance(progress, NoProgress)
    with progress.stage("scoring", 3) as step:
        step("s1", 2)
        step("s2", 1)
    assert capsys.readouterr() == ("", "")


def test_lines_say_how_long_the_rest_will_take(clock: Clock) -> None:
    progress, text = shown(terminal=False)
    with progress.stage("scoring", 20) as step:
        clock.now += 4
        step("s1", 2)  # not yet ten seconds
        clock.now += 8
        step("s2", 2)  # 4 of 20 in 12 s: the other 16 take 48 s
        clock.now += 9
        step("s3", 10)
        clock.now += 1
        step("s4", 5)  # ten seconds after the line before; 19 of 20 in 22 s
        clock.now += 3
    assert text.getvalue().splitlines() == [
        "scoring: 20 steps",
        "scoring: 4/20, 48 s left (s2)",
        "scoring: 19/20, 1 s left (s4)",
        "scoring: done in 25 s",
    ]


def test_a_step_that_did_nothing_says_nothing(clock: Clock) -> None:
    progress, text = shown(terminal=False)
    with progress.stage("training", 5) as step:
        clock.now += 60
        step("waiting", 0)
    assert text.getvalue().splitlines() == ["training: 5 steps", "training: done in 60 s"]


def test_a_stage_that_fails_is_not_done(clock: Clock) -> None:
    progress, text = shown(terminal=False)
    with pytest.raises(ValueError, match="broke"), progress.stage("scoring", 2):
        raise ValueError("it broke")
    assert "done" not in text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_to_do_shows_nothing(terminal: bool) -> None:
    progress, text = shown(terminal=terminal)
    with progress.stage("scoring", 0) as step:
        step("none", 0)
    assert text.getvalue() == ""


def test_names_are_no_markup(clock: Clock) -> None:
    progress, text = shown(terminal=False)
    with progress.stage("[red]scoring[/]", 1) as step:
        clock.now += 10
        step("[bold]s1", 1)
    assert "[red]scoring[/]: 1/1, 0 s left ([bold]s1)" in text.getvalue()


def test_a_terminal_gets_a_bar() -> None:
    progress, text = shown(terminal=True)
    with progress.stage("scoring", 4) as step:
        step("s1", 3)
        step("s2", 1)
    assert "scoring" in text.getvalue()
    assert "4/4" in text.getvalue()


def test_it_is_shown_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleProgress().stage("scoring", 1) as step:
        step("s1", 1)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("scoring: 1 steps")
