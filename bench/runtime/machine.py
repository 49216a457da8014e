"""This machine: cores, device, cache folder, and what a run was computed on."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

if TYPE_CHECKING:
    import torch


GPU_MEMORY: Final = 4 * 10**9
"""Bytes of a GPU's memory for each process that scores: weights, 10 s of separation, a context."""


def cores() -> int:
    """The cores that this process may use, which a cluster's grant or taskset may make fewer.

    Example:
        >>> cores() >= 1
        True
    """
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def scoring_processes() -> int:
    """The processes that a machine's cores, and the memory of its GPU where it has one, allow.

    Each of them has the systems in the GPU's memory, and what it computes.
    """
    import torch

    if not torch.cuda.is_available():
        return cores()
    memory = int(torch.cuda.get_device_properties(0).total_memory)
    return max(1, min(cores(), memory // GPU_MEMORY))


def processor() -> str:
    """The processor's model and its number of cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        model = platform.machine()
    return f"{model}, {os.cpu_count()} cores"


def device() -> torch.device:
    """The GPU where there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes with one thread inside the block, so that values do not depend on the load."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def cache_folder() -> Path:
    """``$BENCH_CACHE``, or the user's cache; an absolute path, not made here.

    A relative ``$BENCH_CACHE`` is taken from where the first process was started, also by its
    workers. Where there is no home, it is the folder of temporary files.
    """
    given = os.environ.get("BENCH_CACHE", "").strip()
    if given:
        folder = Path(os.path.expanduser(given)).absolute()
        os.environ["BENCH_CACHE"] = str(folder)
        return folder
    try:
        folder = Path(platformdirs.user_cache_dir("bench"))
    except RuntimeError:  # there is no home
        folder = Path()
    if not folder.is_absolute():  # of $XDG_CACHE_HOME, where it does not count
        folder = Path(os.path.expanduser("~/.cache")) / "bench"
    return folder if folder.is_absolute() else Path(tempfile.gettempdir()) / f"bench-{os.getuid()}"


def hub_folder() -> Path:
    """The folder of ``torch.hub``, without importing torch."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return Path(torch.hub.get_dir())
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or os.path.join(cache, "torch")
    return Path(home).expanduser() / "hub"


def environment() -> dict[str, str]:
    """The machine and the versions of a run, as columns of a board; never a host's name."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [processor(), f"{memory:.0f} GiB"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return {
        "hardware": ", ".join(parts),
        "python_version": platform.python_version(),
        "torch_version": str(torch.__version__),
    }
