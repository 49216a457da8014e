"""Kernels are compiled once, and that is told."""

from __future__ import annotations

import logging
from pathlib import Path


def test_compiling_is_announced_once(tmp_path: Path) -> None:
    from numba.core import event

    from bench.hearing.simd import kernel as compiling

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
    assert records == ["Compiling HAAQI for this machine: about ten seconds, only this once."]


def _doubled(x: float) -> float:
    return 2 * x
