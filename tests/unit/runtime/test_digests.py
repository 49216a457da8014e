"""Digests of whole files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import cli
from bench.commands.checks import checked
from bench.runtime import digests
from bench.runtime.digests import digest_of, digests_of, tree_digest
from bench.runtime.progress import NO_PROGRESS, Progress, Step


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "_KEPT_FROM", 10)
    monkeypatch.setattr(digests, "_SETTLED", -1.0)


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []
    own = digests._hash
    monkeypatch.setattr(digests, "_hash", lambda path: read.append(path) or own(path))
    return read


def test_a_digest_is_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    content = bytearray(os.urandom(300_000))
    path.write_bytes(content)
    assert digest_of(path) == hashlib.sha256(content).hexdigest()
    # Neither at its head nor in its middle or tail.
    content[60_000] ^= 1
    with path.open("r+b") as file:
        file.seek(60_000)
        file.write(bytes([content[60_000]]))
    assert digest_of(path) == hashlib.sha256(content).hexdigest()
    assert digest_of(tmp_path / "none") == "missing"


def test_what_did_not_change_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / f"{n}.wav" for n in range(5)]
    for number, path in enumerate(files):
        path.write_bytes(bytes([number]) * 1000)
    read = count_reads(monkeypatch)
    first = digests_of(files, of=tmp_path)
    assert len(read) == 5
    assert digests_of(files, of=tmp_path) == first
    assert len(read) == 5
    status = files[2].stat()
    files[2].write_bytes(b"x" * 1000)
    # Its size is what it was, and its time is set back.
    os.utime(files[2], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digests_of(files, of=tmp_path)[files[2]] == hashlib.sha256(b"x" * 1000).hexdigest()
    assert read[5:] == [files[2]]


def test_a_damaged_cache_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"y" * 100)
    expected = digest_of(path)
    (kept,) = (tmp_path / "cache" / "digests").iterdir()
    for content in ("", "{", "[]", f'{{"{path}": 1}}', f'{{"{path}": [[1], 2]}}'):
        kept.write_text(content)
        assert digest_of(path) == expected


def test_a_file_changed_a_moment_ago_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED", 60.0)
    path = tmp_path / "a.wav"
    path.write_bytes(b"y" * 100)
    read = count_reads(monkeypatch)
    digest_of(path)
    digest_of(path)
    assert len(read) == 2


def test_a_tree_is_its_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "a.py").write_text("x = 1")
    found = [tree_digest(folder)]
    (folder / "__pycache__" / "a.pyc").write_text("compiled")
    assert tree_digest(folder) == found[0]
    (folder / "a.py").write_text("x = 2")
    found.append(tree_digest(folder))
    (folder / "a.py").rename(folder / "b.py")
    found.append(tree_digest(folder))
    assert len(set(found)) == 3


class Told:
    """Progress that notes what it is told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.done = 0

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Step]:
        self.stages.append((title, total))

        def step(note: str, done: int) -> None:
            self.done += done

        yield step

    def say(self, text: str) -> None:
        raise AssertionError(text)


def test_commands_show_that_large_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SHOWN_FROM", 1 << 20)
    paths = [tmp_path / f"{number}.wav" for number in range(3)]
    for path in paths:
        path.write_bytes(bytes(700 << 10))

    @checked
    def command(*, progress: Progress = NO_PROGRESS) -> None:
        digests_of(paths)

    told = Told()
    command(progress=told)
    assert told.stages == [(f"reading {tmp_path.name}, MB", 2)]
    assert told.done == 2


def test_the_command_line_shows_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(digests, "_SHOWN_FROM", 10)
    (tmp_path / "a.wav").write_bytes(bytes(1 << 20))
    monkeypatch.setattr(cli.group, "main", lambda **_: digest_of(tmp_path / "a.wav") and None)
    with pytest.raises(SystemExit):
        cli.main(["plan"])
    assert f"reading {tmp_path.name}, MB: done" in capsys.readouterr().err


def test_what_was_read_before_it_was_broken_off_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}.wav" for number in range(3)]
    for path in paths:
        path.write_bytes(b"a song that is long enough")

    def broken_off(path: Path) -> str:
        if path == paths[2]:
            raise KeyboardInterrupt
        return hashlib.sha256(path.read_bytes()).hexdigest()

    with monkeypatch.context() as patch:
        patch.setattr(digests, "_hash", broken_off)
        with pytest.raises(KeyboardInterrupt):
            digests_of(paths)
    read = count_reads(monkeypatch)
    digests_of(paths)
    assert read == [paths[2]]
