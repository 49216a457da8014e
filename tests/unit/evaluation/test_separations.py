"""Separated stems that are kept on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.evaluation import separations
from bench.evaluation.separations import Separations, limit_from_environment

FRAMES = 500
SIZE = 4 * 2 * FRAMES * 4 + 32


@pytest.fixture
def mixture() -> torch.Tensor:
    return torch.randn(2, FRAMES, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def stems() -> torch.Tensor:
    return torch.randn(4, 2, FRAMES, generator=torch.Generator().manual_seed(1))


def test_what_was_kept_is_found_to_the_bit(
    tmp_path: Path, mixture: torch.Tensor, stems: torch.Tensor
) -> None:
    kept = Separations(tmp_path, 10**9)
    key = kept.key("hdemucs", mixture)
    assert kept.get(key, FRAMES) is None
    kept.put(key, stems)
    found = Separations(tmp_path, 10**9).get(key, FRAMES)
    assert found is not None
    assert torch.equal(found, stems)
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [SIZE]


def test_another_mixture_or_separator_is_another_key(mixture: torch.Tensor) -> None:
    kept = Separations(Path("nowhere"), 1)
    moved = mixture.clone()
    moved[1, 7] += 1e-6
    keys = {
        kept.key("a", mixture),
        kept.key("b", mixture),
        kept.key("a", moved),
        kept.key("a", mixture[:, 1:]),
        kept.key("a", mixture.flip(0)),
    }
    assert len(keys) == 5
    assert kept.key("a", mixture.clone()) == kept.key("a", mixture)


@pytest.mark.parametrize("damage", ["truncated", "longer", "flipped", "empty"])
def test_a_damaged_file_is_never_trusted(
    tmp_path: Path, mixture: torch.Tensor, stems: torch.Tensor, damage: str
) -> None:
    kept = Separations(tmp_path, 10**9)
    key = kept.key("hdemucs", mixture)
    kept.put(key, stems)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[SIZE // 2] ^= 1
    else:
        content = {"truncated": content[:-4], "longer": content + b"x", "empty": b""}[damage]
    path.write_bytes(content)
    assert kept.get(key, FRAMES) is None
    assert not path.exists()
    kept.put(key, stems)
    assert kept.get(key, FRAMES) is not None


def test_a_file_that_is_too_short_is_not_made_whole_by_what_memory_held(
    tmp_path: Path, stems: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Separations(tmp_path, 10**9)
    kept.put("a", stems)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-4])
    monkeypatch.setattr(separations, "empty", lambda shape, dtype: stems.clone())
    assert kept.get("a", FRAMES) is None
    assert not path.exists()


def test_the_least_recently_used_give_way(tmp_path: Path, stems: torch.Tensor) -> None:
    kept = Separations(tmp_path, 2 * SIZE)
    for age, key in ((30, "a"), (20, "b")):
        kept.put(key, stems)
        path = tmp_path / f"{key}.stems"
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    assert kept.get("a", FRAMES) is not None  # used now
    kept.put("c", stems)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "c"]


def test_nothing_is_kept_where_there_is_no_room(tmp_path: Path, stems: torch.Tensor) -> None:
    Separations(tmp_path / "none", 0).put("a", stems)
    assert not (tmp_path / "none").exists()
    blocked = tmp_path / "file"
    blocked.write_text("")
    kept = Separations(blocked, 10**9)
    kept.put("a", stems)
    assert kept.get("a", FRAMES) is None


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf"])
def test_a_limit_that_is_none_is_an_error(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE_GB", text)
    with pytest.raises(BenchError, match="BENCH_CACHE_GB"):
        limit_from_environment()
    monkeypatch.setenv("BENCH_CACHE_GB", "0.5")
    assert limit_from_environment() == 5 * 10**8


def test_stems_that_are_too_many_by_themselves_take_no_others_place(
    tmp_path: Path, stems: torch.Tensor
) -> None:
    small = stems[..., :10]
    kept = Separations(tmp_path, SIZE - 1)
    kept.put("small", small)
    kept.put("large", stems)
    assert [path.stem for path in tmp_path.iterdir()] == ["small"]
    Separations(tmp_path, SIZE).put("large", stems)
    assert [path.stem for path in tmp_path.iterdir()] == ["large"]
