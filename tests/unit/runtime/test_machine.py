"""This machine: threads, cores, and the folder of the cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.runtime import machine
from bench.runtime.causes import cause_of
from bench.runtime.machine import cache_folder, cores, environment, one_thread, processor


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_one_thread_inside_the_block_and_as_before_after_it() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_threads_are_as_before_after_an_error_too() -> None:
    with pytest.raises(ValueError, match="broke"), one_thread():
        raise ValueError("it broke")
    assert torch.get_num_threads() == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="not on Linux")
def test_cores_are_those_that_the_process_was_given() -> None:
    given = os.sched_getaffinity(0)
    assert cores() == len(given)
    os.sched_setaffinity(0, {min(given)})
    try:
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, given)


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache"
    assert not cache_folder().exists()
    monkeypatch.setenv("BENCH_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert cache_folder().name == "bench"
    assert cache_folder() != tmp_path / "cache"


def test_what_a_run_is_computed_on_names_no_host() -> None:
    found = environment()
    assert set(found) == {"hardware", "python_version", "torch_version"}
    assert found["torch_version"] == torch.__version__
    assert processor() in found["hardware"]
    assert f"{os.cpu_count()} cores" in found["hardware"]
    assert "GiB" in found["hardware"]


def test_the_cache_in_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BENCH_CACHE", "~/x")
    assert cache_folder() == tmp_path / "x"


def test_a_relative_cache_is_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the process goes afterwards, and its workers with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", "x/y")
    assert cache_folder() == tmp_path / "x" / "y"
    monkeypatch.chdir("/")
    assert cache_folder() == tmp_path / "x" / "y"


@pytest.mark.parametrize("value", ["", " ", "relative/cache"])
def test_what_does_not_count_of_the_desktops_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """By its specification $XDG_CACHE_HOME counts where it is an absolute path."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("BENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == tmp_path / ".cache" / "bench"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "BENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert cache_folder().is_absolute()


def test_long_signals_where_the_cache_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from bench.runtime import memory

    monkeypatch.setenv("BENCH_CACHE", "/dev/null/cache")
    monkeypatch.setattr(memory, "MAPPED_FROM", 1000)
    signal = memory.empty((2, 1000), torch.float32)
    signal.fill_(1.0)
    assert float(signal.sum()) == 2000.0


@pytest.mark.parametrize(("memory", "expected"), [(80, 16), (24, 6), (8, 2), (2, 1)])
def test_a_gpus_memory_bounds_the_processes_that_score(
    monkeypatch: pytest.MonkeyPatch, memory: int, expected: int
) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 16)
    assert machine.scoring_processes() == 16
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    of_gpu = SimpleNamespace(total_memory=memory * 10**9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: of_gpu)
    assert machine.scoring_processes() == expected


def test_a_gpu_without_memory_is_told_as_such() -> None:
    try:
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB"
        )
    except torch.OutOfMemoryError as error:
        reason = cause_of(error).reason
    said = "CUDA out of memory. Tried to allocate 2.00 GiB"
    assert reason.startswith(f"the GPU has too little memory ({said}): try --workers 1 (")
