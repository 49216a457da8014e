"""Files that can be made again: how many are kept."""

from __future__ import annotations

import os
from pathlib import Path

from bench.runtime.kept import KeptFiles


def put(kept: KeptFiles, name: str, size: int, age: int) -> None:
    path = kept.folder / name

    def write(draft: Path) -> None:
        draft.write_bytes(bytes(size))

    kept.put(path, write)
    if path.exists():
        os.utime(path, (1e9 - age, 1e9 - age))


def names(kept: KeptFiles) -> list[str]:
    return sorted(path.name for path in kept.folder.iterdir())


def test_the_least_recently_used_give_way(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, 100)
    put(kept, "a", 40, age=30)
    put(kept, "b", 40, age=20)
    kept.used(tmp_path / "a")
    put(kept, "c", 40, age=0)
    assert names(kept) == ["a", "c"]


def test_files_of_another_process_and_of_before_count(tmp_path: Path) -> None:
    put(KeptFiles(tmp_path, 100), "before", 40, age=30)
    ours, theirs = KeptFiles(tmp_path, 100), KeptFiles(tmp_path, 100)
    put(ours, "a", 20, age=20)
    put(theirs, "b", 40, age=10)
    put(ours, "c", 70, age=0)
    assert names(ours) == ["c"]


def test_what_is_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, 100)
    put(kept, "a", 101, age=0)
    assert names(kept) == []
