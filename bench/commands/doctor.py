"""Diagnose this machine: what works, what is missing, how to get it: ``bench doctor``.

A finding is "ok", "missing" (something that only some runs need) or a "problem". Nothing here
raises for what it finds, downloads anything or changes anything.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from bench.api import API_VERSION
from bench.errors import BenchError
from bench.plugins import Plugins, Registered, installed
from bench.plugins.remedies import missing_extras
from bench.runtime.files import content_problem
from bench.version import __version__

OK: Final = "ok"
MISSING: Final = "missing"
PROBLEM: Final = "problem"

_PACKAGES: Final = (
    *("torch", "torchaudio", "pyclarity", "numba", "numpy", "scipy", "pandas", "pyarrow"),
    *("pluggy", "soundfile", "soxr", "pyloudnorm", "safetensors"),
)


@dataclass(frozen=True)
class Finding:
    """Something that was checked, and the result.

    Attributes:
        name: what it is.
        value: what was found, in words.
        status: OK, MISSING or PROBLEM.
        hint: what to do about it.
    """

    name: str
    value: str
    status: str = OK
    hint: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings by section."""

    sections: Mapping[str, Sequence[Finding]]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that are problems."""
        findings = (one for items in self.sections.values() for one in items)
        return tuple(one for one in findings if one.status == PROBLEM)

    @property
    def ok(self) -> bool:
        """Whether nothing is a problem."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        sections = {title: list(map(asdict, items)) for title, items in self.sections.items()}
        return {"ok": self.ok, "sections": sections}


def doctor(
    plugins: Plugins | None = None, *, scheduler: str = "", root: Path | str | None = None
) -> Diagnosis:
    """Check versions, devices, plugins, files and caches: ``bench doctor``.

    It changes nothing, and imports torch and numba, which takes seconds.

    Args:
        plugins: the plugins to check; the installed ones by default.
        scheduler: of a Dask cluster whose workers are checked too: its address or file.
        root: of a dataset that each of these workers should see.
    """
    plugins = plugins or installed()
    sections: dict[str, Callable[[], Iterator[Finding]]] = {
        "versions": _versions,
        "devices": _devices,
        "plugins": lambda: _plugins(plugins),
        "files": lambda: _files(plugins),
        "caches": _caches,
    }
    if scheduler:
        sections["cluster"] = lambda: _cluster(scheduler, str(root or ""))
    return Diagnosis({title: list(_safely(title, look)) for title, look in sections.items()})


def _safely(title: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Make a section that raises a problem, and continue with the others."""
    try:
        yield from look()
    except (Exception, SystemExit) as error:
        yield Finding(title, f"{type(error).__name__}: {error}", PROBLEM, "Reinstall bench")


def _cluster(scheduler: str, root: str) -> Iterator[Finding]:
    from bench.commands.cluster import inspect_cluster
    from bench.runtime.cluster import connect

    client = connect(scheduler)
    try:
        yield Finding("dashboard", str(client.dashboard_link))
        count = 0
        for name, has, wrong in inspect_cluster(client, root):
            count += 1
            hint = "Install the same bench there, or set the variable where it runs."
            yield Finding(
                name,
                f"{has}: {wrong}" if wrong else has,
                PROBLEM if wrong else OK,
                hint if wrong else "",
            )
        if not count:
            yield Finding("workers", "none", PROBLEM, f"dask worker {scheduler} --nthreads 1")
    finally:
        client.close()


def _versions() -> Iterator[Finding]:
    yield Finding("bench-hearing", f"{__version__}, API version {API_VERSION}")
    yield Finding("python", f"{platform.python_version()}, {sys.executable}")
    for name in _PACKAGES:
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "not installed", PROBLEM, f"pip install {name}")


def _devices() -> Iterator[Finding]:
    import torch

    from bench.runtime.machine import environment

    yield Finding("processor", environment()["hardware"])
    if not torch.cuda.is_available():
        yield Finding("GPU", "none that torch can use; everything runs on the processor")
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        yield Finding(f"GPU {index}", f"{about.name}, {about.total_memory / 2**30:.0f} GiB")


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    items = plugins.every
    owners = Counter((item.distribution, item.version) for item in items)
    owners.update((observer.distribution, observer.version) for observer in plugins.observers)
    for (owner, number), count in sorted(owners.items()):
        yield Finding(f"{owner} {number}", f"{count} plugins")
    for failure in plugins.failures:
        name = f"{failure.plugin} of {failure.distribution}"
        yield Finding(name, failure.reason, PROBLEM, failure.remedy)
    for conflict in plugins.conflicts():
        yield Finding(f"{conflict.kind} {conflict.name}", str(conflict), PROBLEM, conflict.remedy)
    for item in items:
        yield from _target(item)


def _target(item: Registered[Any]) -> Iterator[Finding]:
    """The obstacles to using a plugin."""
    name = f"{item.spec.kind} {item.spec.name} of {item.distribution}"
    extras = missing_extras(item.spec, item.distribution)
    try:
        item.target()
    except BenchError as error:
        status = MISSING if extras else PROBLEM
        yield Finding(name, error.what, status, error.hint)
    except (Exception, SystemExit) as error:
        hint = f"It is for {item.distribution} to fix"
        yield Finding(name, f"{type(error).__name__}: {error}", PROBLEM, hint)
    else:
        for command in extras:
            yield Finding(name, f"needs {', '.join(item.spec.needs)}", MISSING, command)


def _files(plugins: Plugins) -> Iterator[Finding]:
    """The files that plugins read or make, each once."""
    seen: set[Path] = set()
    for item in plugins.every:
        for file in item.files():
            if file.path in seen:
                continue
            seen.add(file.path)
            if file.path.is_file() and (wrong := content_problem(file.path)):
                yield Finding(
                    file.name, f"{file.path}: {wrong}", PROBLEM, f"Delete it: {file.path}"
                )
            elif file.path.exists():
                yield Finding(file.name, f"{_size(_bytes(file.path))}, {file.path}")
            else:
                status = PROBLEM if file.required else MISSING
                yield Finding(file.name, f"not at {file.path}", status, file.remedy)


def _caches() -> Iterator[Finding]:
    import torch

    from bench.runtime.machine import cache_folder

    yield _folder("cache of bench", cache_folder())
    yield _folder("cache of torch", Path(torch.hub.get_dir()))
    yield from _compiled()


def _compiled() -> Iterator[Finding]:
    """The state of HAAQI's kernels, compiled for this machine and this version of them."""
    importlib.import_module("bench.hearing.haaqi.exact.reference")
    from numba.core.dispatcher import Dispatcher

    kernels = {
        id(value): value
        for name, module in list(sys.modules.items())
        if name.startswith("bench.hearing.haaqi.")
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }
    caches = [getattr(kernel, "_cache", None) for kernel in kernels.values()]
    kept: list[Any] = [cache for cache in caches if hasattr(cache, "_cache_file")]
    if not kept:
        hint = "Set NUMBA_CACHE_DIR to a folder that can be written"
        yield Finding("HAAQI", "compiled anew in every process", PROBLEM, hint)
        return
    compiled = sum(bool(cache._cache_file._load_index()) for cache in kept)
    if not compiled:
        hint = "The first score compiles it, in about ten seconds"
        yield Finding("HAAQI", "not compiled yet", MISSING, hint)
    elif compiled < len(kept):
        # Some are of the gradient alone, or of signals at another rate.
        yield Finding("HAAQI", f"compiled: the {compiled} of {len(kept)} kernels used so far")
    else:
        yield Finding("HAAQI", "compiled")
    yield _folder("cache of HAAQI", Path(kept[0].cache_path))


def _folder(name: str, path: Path) -> Finding:
    if not path.is_dir():
        return Finding(name, f"nothing at {path}")
    return Finding(name, f"{_size(_bytes(path))}, {path}")


def _bytes(path: Path) -> int:
    """The size of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    files = (Path(root) / file for root, _, names in os.walk(path) for file in names)
    return sum(file.lstat().st_size for file in files)


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
