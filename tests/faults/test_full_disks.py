"""Writes that fail: a line says so, nothing is half there, and the same command goes on to the end.

They fail one at a time by an error that is injected, and all from some point on, on a small disk.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.board.store import Board
from bench.data.generate import prepare
from bench.runtime import files
from tests.faults.commands_that_write import COMMANDS, Sources, make_sources
from tests.faults.test_kills import rows
from tests.helpers.command_line import Bench
from tests.helpers.suites import WriteSuite

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)
ROOMS = (0, 4, 16, 64, 256)
"""KiB that are free on a small disk."""
STEPS = {"_sync": files._sync, "_move": files._move, "_remove": files._remove}
"""What every write and every removal goes through."""


@pytest.fixture(scope="module")
def sources(
    small_set: Path, small_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory
) -> Sources:
    return make_sources(tmp_path_factory.mktemp("sources"), small_set, small_suite)


class FailingOnce:
    """Stands for a step of every write; its call of a number fails."""

    def __init__(self, step: Callable[..., Any], number: int, error: int) -> None:
        self.step, self.left, self.error, self.calls = step, number, error, 0

    def __call__(self, path: Path, *more: Any) -> Any:
        self.calls += 1
        if self.calls - 1 == self.left:
            raise OSError(self.error, os.strerror(self.error), str(path))
        return self.step(path, *more)


def tree(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def drafts(folder: Path) -> list[str]:
    return [name for name in tree(folder) if name.endswith(".part")]


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_write_that_fails_is_a_line_and_nothing_is_lost(
    command: str,
    sources: Sources,
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    failed = 0
    for name, step in STEPS.items():
        out = tmp_path / f"whole-{name}"
        sources.begin(command, out)
        counter = FailingOnce(step, -1, 0)
        monkeypatch.setattr(files, name, counter)
        assert bench(*sources.arguments(command, out)) == 0, capsys.readouterr().err
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        for number in range(counter.calls):
            here = tmp_path / f"{name}-{number}"
            sources.begin(command, here)
            failing = FailingOnce(step, number, ERRORS[number % len(ERRORS)])
            monkeypatch.setattr(files, name, failing)
            capsys.readouterr()
            code = bench(*sources.arguments(command, here))
            said = capsys.readouterr().err
            # What is only kept in the cache is made again: nobody need know of it.
            told = os.strerror(failing.error) in said
            assert (code in (1, 2) and told) or code == 0, (number, code, said)
            assert "Traceback" not in said
            assert not drafts(here)
            failed += code != 0
            monkeypatch.setattr(files, name, step)
            again = bench(*sources.arguments(command, here))
            said = capsys.readouterr().err
            assert again == 0 or (command in ("merge", "remove", "new") and again == 2), said
            assert [name for name in tree(out) if name not in tree(here)] == [], number
            if (out / "board").exists():
                Board(here / "board").runs()
                expected = rows(out / "board").reset_index(drop=True)
                found = rows(here / "board").reset_index(drop=True)
                pd.testing.assert_frame_equal(found, expected)
            shutil.rmtree(here)
        monkeypatch.setattr(files, name, step)
    print(f"\n{command}: {failed} writes failed, one at a time")
    assert failed


@pytest.fixture
def small_disk(tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 3 MB, or for sets of music of 30 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    # What is to be left free beside a set is more than these disks have.
    monkeypatch.setattr(prepare, "_SPARE", 0)
    size = 30 if command in ("demo", "prepare") else 3
    options = ("-t", "tmpfs", "-o", f"size={size}m", "tmpfs")
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_is_full_is_a_line(
    command: str,
    sources: Sources,
    bench: Bench,
    small_disk: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = 0
    for room in ROOMS:
        out = small_disk / f"out-{room}"
        out.mkdir()
        sources.begin(command, out)
        ballast = small_disk / "ballast"
        place = os.statvfs(small_disk)
        size = max(0, place.f_bavail * place.f_frsize - 1024 * room)
        ballast.write_bytes(bytes(size))
        capsys.readouterr()
        code = bench(*sources.arguments(command, out))
        said = capsys.readouterr().err
        assert code in (0, 1, 2)
        assert "Traceback" not in said
        if code:
            told += 1
            assert any(word in said for word in ("No space left", "are free")), (room, said)
        assert not drafts(out), room
        ballast.unlink()
        again = bench(*sources.arguments(command, out))
        assert again == 0 or (command in ("merge", "remove", "new") and again == 2), (
            capsys.readouterr().err
        )
        shutil.rmtree(out)
    assert told or command == "remove"
