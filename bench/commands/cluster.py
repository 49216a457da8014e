"""Clusters: the executor that does the work, and the state of its workers."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.spec.defaults import DATA_ROOT

if TYPE_CHECKING:
    from distributed import Client

    from bench.runtime.executors import Executor


@dataclass(frozen=True)
class WorkerState:
    """The state of a worker of a cluster.

    Attributes:
        name: of the worker, as the scheduler knows it.
        host: of its machine.
        threads: jobs that it does at a time.
        memory: bytes of its machine.
        gpus: names of its GPUs.
        code: hash of its bench's source.
        plugins: version of each distribution of plugins.
        data: ``$BENCH_DATA_ROOT``; empty where it is not set.
        has_data: whether that is a folder.
        has_root: whether it sees the requested data root, there or at ``data``.
        resources: what it was started with, as ``{"GPU": 1}``.
    """

    name: str
    host: str
    threads: int
    memory: int
    gpus: tuple[str, ...]
    code: str
    plugins: Mapping[str, str]
    data: str
    has_data: bool
    has_root: bool = True
    resources: Mapping[str, float] = field(default_factory=dict)


@contextmanager
def executing(executor: Executor | Client | str | None) -> Iterator[None]:
    """Run the parallel work of the block by an executor.

    Args:
        executor: a ``distributed.Client``; the address of a scheduler, as ``tcp://HOST:8786``, or
            its file; an :class:`bench.runtime.executors.Executor`; None or ``"local"`` for
            processes of this machine.

    Raises:
        BenchError: no scheduler answers, or a worker's code or plugins differ from this machine's.

    Example:
        >>> with executing("local"):
        ...     pass
    """
    from bench.runtime.executors import using

    if executor is None or executor == "local":
        yield
        return
    if hasattr(executor, "run") and hasattr(executor, "workers"):
        with using(executor):
            yield
        return
    from bench.runtime.cluster import Cluster, connect

    client = connect(executor) if isinstance(executor, str) else executor
    try:
        refuse_others(client)
        with using(Cluster(client, partial(check_here, *_versions()))):
            yield
    finally:
        if isinstance(executor, str):
            client.close()


def workers_of(client: Client, root: str = "") -> list[WorkerState]:
    """What each worker of a cluster has, by name.

    Args:
        client: of the cluster.
        root: a data root that each worker should see; empty for none.

    Raises:
        BenchError: a worker lacks bench, or does not answer.
    """
    known = client.scheduler_info(n_workers=-1)["workers"]
    found = []
    for address, about in client.run(_look, root, on_error="return").items():
        own = known.get(address, {})
        name = f"{own.get('name', address)} ({address})"
        if isinstance(about, Exception):
            hint = "Install the same bench where its workers run."
            raise BenchError(f"worker {name}: {about}", where="cluster", hint=hint)
        given = {key: float(value) for key, value in own.get("resources", {}).items()}
        threads = int(own.get("nthreads", 1))
        found.append(WorkerState(name=name, threads=threads, resources=given, **about))
    return sorted(found, key=lambda worker: worker.name)


def differences_of(worker: WorkerState) -> list[str]:
    """How a worker's code and plugins differ from this machine's."""
    code, plugins = _versions()
    return _differences(code, plugins, worker.code, worker.plugins)


def refuse_others(client: Client) -> None:
    """Refuse workers whose code or plugins differ from this machine's: scores would differ.

    Raises:
        BenchError: there are such workers; it names them.
    """
    for worker in workers_of(client):
        for difference in differences_of(worker):
            hint = "Give all the same installation: bench doctor --scheduler ... shows them all."
            raise BenchError(f"worker {worker.name} has {difference}", where="cluster", hint=hint)


def check_here(code: str, plugins: Mapping[str, str]) -> None:
    """Refuse to work here where code or plugins differ from those of the caller.

    Raises:
        BenchError: they are.
    """
    for difference in _differences(code, plugins, *_versions()):
        where = f"worker on {platform.node()}"
        raise BenchError(f"it has {difference}", where=where, hint="Install the same everywhere.")


def inspect_cluster(client: Client, root: str = "") -> Iterator[tuple[str, str, str]]:
    """The name of each worker, its state, and what is wrong with it."""
    for worker in workers_of(client, root):
        gpus = f", {', '.join(worker.gpus)}" if worker.gpus else ", no GPU"
        gpus += "".join(f", {name}={n:g}" for name, n in worker.resources.items())
        data = f", data at {worker.data}" if worker.data else ""
        has = (
            f"{worker.threads} threads, {worker.memory / 2**30:.0f} GiB{gpus}, code {worker.code}"
            f"{data}"
        )
        wrong = differences_of(worker)
        if worker.data and not worker.has_data:
            wrong.append(f"no folder {worker.data} (${DATA_ROOT})")
        if not worker.has_root:
            wrong.append(f"no data root: neither {root} nor a folder in ${DATA_ROOT} is there")
        yield worker.name, has, "; ".join(wrong)


def _versions() -> tuple[str, dict[str, str]]:
    from bench.plugins import installed
    from bench.spec.identity import code_hash

    return code_hash(), {item.distribution: item.version for item in installed().every}


def _differences(
    code: str, plugins: Mapping[str, str], its_code: str, its_plugins: Mapping[str, str]
) -> list[str]:
    found = []
    if its_code != code:
        found.append(f"a different bench: source {its_code}, here {code}")
    for name in sorted({*plugins, *its_plugins}):
        here, there = plugins.get(name, "none"), its_plugins.get(name, "none")
        if here != there:
            found.append(f"a different {name}: {there}, here {here}")
    return found


def _look(root: str = "") -> dict[str, Any]:
    """What this machine has, as fields of :class:`WorkerState`."""
    import torch

    code, plugins = _versions()
    data = os.environ.get(DATA_ROOT, "")
    return {
        "host": platform.node(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": tuple(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())),
        "code": code,
        "plugins": plugins,
        "data": data,
        "has_data": bool(data) and Path(data).is_dir(),
        "has_root": not root or any(Path(at).is_dir() for at in (root, data) if at),
    }
