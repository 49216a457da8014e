"""Kernels are compiled once, and that is told."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.hearing.simd.kernel import kernel


def test_compiling_is_announced_once(tmp_path: Path) -> None:
    from numba.core import event

    import bench.hearing.simd.kernel as compiling

    compiling.kernel(_doubled)  # what it says does not depend on what it compiles
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("bench.hearing.haaqi")
    log.addHandler(handler)
    try:
        listener = compiling._Announcement()

        class Dispatcher:
            py_func = compiling.kernel

        for _ in range(2):
            listener.notify(
                event.Event("numba:compile", event.EventStatus.START, {"dispatcher": Dispatcher})
            )
    finally:
        log.removeHandler(handler)
    assert records == ["Compiling HAAQI for this machine (about ten seconds, only once)."]


def _doubled(x: float) -> float:
    return 2 * x


WITHOUT_A_CACHE = """
from numba.core import caching
caching.CacheImpl._locator_classes = []
import torch
from bench.hearing.loudness import integrated_loudness
from bench.builtin.prescriptions import nalr_compressor
from bench.hearing.fitting import limiter
print(float(integrated_loudness(torch.ones(2, 44100).numpy(), 44100)) < 10)
"""


def test_nothing_needs_a_place_to_keep_kernels() -> None:
    """A read-only installation, used by somebody without a home."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_CACHE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n"


def test_every_kernel_is_compiled_by_the_one_way() -> None:
    folder = Path(bench.__file__).parent
    others = [path for path in folder.rglob("*.py") if "cache=True" in path.read_text("utf-8")]
    assert others == []


@pytest.mark.parametrize("failing", ["save", "load"])
def test_a_cache_that_fails_costs_a_compilation(
    monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    from numba.core.caching import FunctionCache

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device") if failing == "save" else EOFError("half")

    monkeypatch.setattr(FunctionCache, f"{failing}_overload", fail)
    assert kernel(_plus_one)(1.0) == 2.0


def _plus_one(value: float) -> float:
    return value + 1.0
