"""Files are there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path

import pytest

from bench.runtime import files
from bench.runtime.files import replacing, write_json, write_text


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_appears_when_the_block_ends(tmp_path: Path, durable: bool) -> None:
    target = tmp_path / "new" / "folder" / "a.txt"
    with replacing(target, durable=durable) as draft:
        assert draft.parent == target.parent
        draft.write_text("first half")
        assert not target.exists()
        draft.write_text("whole")
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def break_off(target: Path, error: type[BaseException]) -> None:
    with replacing(target) as draft:
        draft.write_text("half of a new o")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(error):
        break_off(target, error)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_fails_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        break_off(tmp_path / "a.txt", ValueError)
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(target):
        pass
    assert target.read_text() == "old"


def test_readers_of_a_folder_do_not_see_a_draft(tmp_path: Path) -> None:
    """Boards and sets are read by patterns, which leave out hidden names and other suffixes."""
    with replacing(tmp_path / "scores.parquet") as draft:
        draft.write_bytes(b"half")
        assert draft.name.startswith(".scores.parquet.")
        assert str(os.getpid()) in draft.name
        assert list(tmp_path.glob("*.parquet")) == []
        assert list(tmp_path.glob("**/*.parquet")) == []


def test_a_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError), replacing(tmp_path / "file" / "a.txt"):
        pass


def test_what_is_durable_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []
    target = tmp_path / "a.txt"

    def fsync(handle: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{handle}")).name
        synced.append((name, target.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(target, "x")
    (draft, there_before), (folder, there_after) = synced
    assert draft.endswith(".part")
    assert (there_before, there_after) == (False, True)
    assert folder == tmp_path.name
    synced.clear()
    with replacing(target, durable=False) as path:
        path.touch()
    assert synced == []


def test_texts_are_utf_8_and_json_is_indented(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "Bär\n")
    assert (tmp_path / "a.txt").read_bytes() == b"B\xc3\xa4r\n"
    content = {"scene": {"gain": [1, -2.5], "title": "x"}}
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == content
    assert text.splitlines()[1] == '    "scene": {'


def test_who_reads_the_old_file_goes_on_reading_it(tmp_path: Path) -> None:
    """A file is moved over its target: one that were copied would change under a reader."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with target.open("rb") as reader:
        with replacing(target) as draft:
            draft.write_bytes(b"new")
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new"


def test_what_killed_processes_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as draft:
        draft.touch()
        mark = draft.name.removeprefix(".a.txt.").removesuffix(f"{os.getpid()}.part")
    dead = subprocess.Popen(["true"])
    dead.wait()
    folder = tmp_path / "folder"
    folder.mkdir()
    left = folder / f".b.txt.{mark}{dead.pid}.part"
    others = [
        folder / f".b.txt.{mark}{os.getppid()}.part",  # being written
        folder / f".b.txt.01234567-{dead.pid}.part",  # of another machine
        folder / f".b.txt.{dead.pid}.part",
        folder / f"b.txt.{mark}{dead.pid}.part",
        folder / ".big.zip.part",
    ]
    for path in (left, *others):
        path.write_bytes(b"half")
    write_text(folder / "a.txt", "x")
    assert sorted(folder.iterdir()) == sorted([folder / "a.txt", *others])


def test_what_a_library_raises_on_a_full_disk_is_the_systems_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.bin"
    for said, number in (("I/O error (os error 5)", errno.EIO), ("odd position", errno.ENOSPC)):
        if number == errno.ENOSPC:
            monkeypatch.setattr(files, "_FULL", 1 << 62)
        with pytest.raises(OSError, match=os.strerror(number)) as caught, replacing(target):
            raise RuntimeError(said)
        assert (caught.value.errno, caught.value.filename) == (number, str(target))
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match="odd"), replacing(target):
        raise RuntimeError("odd position")


def test_an_error_names_the_file_and_not_its_draft(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    for name in (None, "draft"):
        with pytest.raises(OSError, match="No space left") as caught, replacing(target) as draft:
            raise OSError(errno.ENOSPC, "No space left on device", name and str(draft))
        assert caught.value.filename == str(target)
