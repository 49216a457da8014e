"""Every write of a run fails once: a line says so, and the same command goes on to the end."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.board.store import Board
from bench.runtime import files
from tests.faults.test_kills import rows
from tests.helpers.command_line import Bench
from tests.helpers.suites import WriteSuite

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)


class FailingOnce:
    """Stands for a step of every write; its call of a number fails."""

    def __init__(self, step: Callable[..., None], number: int, error: int) -> None:
        self.step, self.left, self.error, self.calls = step, number, error, 0

    def __call__(self, path: Path) -> None:
        self.calls += 1
        if self.calls - 1 == self.left:
            raise OSError(self.error, os.strerror(self.error), str(path))
        self.step(path)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_write_that_fails_is_a_line_and_nothing_is_lost(
    bench: Bench,
    small_suite: WriteSuite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    suite = small_suite(metrics=("lufs", "clipping"))
    arguments = ("run", "--suite", suite, "--separator", "mixture", "--workers", 1, "--no-report")
    step = files._sync
    counter = FailingOnce(step, -1, 0)
    monkeypatch.setattr(files, "_sync", counter)
    assert bench(*arguments, "--out", tmp_path / "whole") == 0
    expected = rows(tmp_path / "whole").reset_index(drop=True)
    assert counter.calls > 3
    for number in range(counter.calls):
        board = tmp_path / f"board-{number}"
        failing = FailingOnce(step, number, ERRORS[number % len(ERRORS)])
        monkeypatch.setattr(files, "_sync", failing)
        capsys.readouterr()
        code = bench(*arguments, "--out", board)
        said = capsys.readouterr().err
        assert code in (1, 2), (number, code)
        assert os.strerror(failing.error) in said, (number, said)
        assert "Traceback" not in said
        assert not list(board.rglob("*.part"))
        Board(board).runs()
        monkeypatch.setattr(files, "_sync", step)
        assert bench(*arguments, "--out", board) == 0, number
        pd.testing.assert_frame_equal(rows(board).reset_index(drop=True), expected)
    print(f"\n{counter.calls} writes failed, one at a time")
