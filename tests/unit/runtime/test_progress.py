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
    # Not what $TERM says: nothing is drawn on a "dumb" terminal but the last state.
    progress.console = Console(
        file=text, force_terminal=terminal, width=100, color_system=None,
        _environ={"TERM": "xterm"},
    )  # fmt: skip
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


def test_a_stage_inside_another(clock: Clock) -> None:
    """Validation in a training: a bar below it, or lines while it takes long."""
    progress, text = shown(terminal=True)
    with progress.stage("training", 4) as step:
        with progress.stage("validation", 2) as inner:
            inner("s1", 2)
        step("epoch 1", 4)
        progress.say("epoch 1: fine")
    assert "validation" in text.getvalue()
    assert "epoch 1: fine" in text.getvalue()
    assert "4/4" in text.getvalue()
    progress, text = shown(terminal=False)
    with progress.stage("training", 4) as step:
        with progress.stage("validation", 2) as inner:
            clock.now += 4
            inner("s1", 1)
            clock.now += 8
            inner("s2", 1)
        step("epoch 1", 4)
    lines = text.getvalue().splitlines()
    assert lines == [
        "training: 4 steps",
        "validation: 2/2, 0 s left (s2)",
        "training: 4/4, 0 s left (epoch 1)",
        "training: done in 12 s",
    ]


def test_what_says_its_own_lines_has_no_others(clock: Clock) -> None:
    """A training has a line an epoch where there is no terminal."""
    progress, text = shown(terminal=False)
    for _ in range(2):
        with progress.stage("training", 40) as step:
            progress.say("epoch 0")
            for epoch in range(1, 3):
                for _ in range(20):
                    clock.now += 30
                    step("note", 1)
                with progress.stage("validation", 1) as inner:
                    clock.now += 30
                    inner("s1", 1)
                progress.say(f"epoch {epoch}")
    lines = text.getvalue().splitlines()
    once = ["training: 40 steps", "epoch 0", "epoch 1", "epoch 2", "training: done in 1260 s"]
    assert lines == 2 * once
    with progress.stage("scoring", 2) as step:  # and what says nothing has its own again
        clock.now += 30
        step("s1", 1)
    assert "scoring: 1/2, 30 s left (s1)" in text.getvalue()


def test_names_are_no_markup_in_a_bar() -> None:
    progress, text = shown(terminal=True)
    with progress.stage("[red]scoring[/]", 1) as step:
        step("[bold]s1", 1)
    assert "[red]scoring[/]" in text.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_times_are_never_cut(width: int) -> None:
    progress, text = shown(terminal=True)
    progress.console.width = width
    with progress.stage("training hdemucs-ft + cnn-residual (seed 1)", 50) as step:
        step("epoch 2/10, loss 0.00647, best 0.6327 of epoch 1, gradient: gains 95 % mse", 20)
    assert "20/50 0:00:00 left -:--:-- epoch" in text.getvalue()


def test_it_is_shown_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleProgress().stage("scoring", 1) as step:
        step("s1", 1)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("scoring: 1 steps")
