"""What works on this machine, what is missing, and what to do about it.

A finding is "ok", "missing" (something that only some runs need) or a "problem". Nothing here
raises for what it finds, downloads anything or changes anything.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from bench import __version__
from bench.api import API_VERSION
from bench.errors import BenchError
from bench.plugins import KINDS, Plugins, Registered
from bench.remedies import missing_extras

OK: Final = "ok"
MISSING: Final = "missing"
PROBLEM: Final = "problem"

_PACKAGES: Final = (
    *("torch", "torchaudio", "pyclarity", "numba", "numpy", "scipy", "pandas", "pyarrow"),
    *("pluggy", "soundfile", "soxr", "pyloudnorm", "safetensors"),
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

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


def examine(plugins: Plugins) -> dict[str, list[Finding]]:
    """All findings by section. It imports torch and numba, which takes seconds."""
    sections: dict[str, Callable[[], Iterator[Finding]]] = {
        "versions": _versions,
        "devices": _devices,
        "plugins": lambda: _plugins(plugins),
        "weights": _weights,
        "caches": _caches,
    }
    return {title: list(_safely(title, look)) for title, look in sections.items()}


def as_dict(found: dict[str, list[Finding]]) -> dict[str, Any]:
    """For JSON."""
    sections = {title: [asdict(finding) for finding in items] for title, items in found.items()}
    return {"ok": not problems(found), "sections": sections}


def problems(found: dict[str, list[Finding]]) -> list[Finding]:
    """The findings that are problems."""
    return [one for items in found.values() for one in items if one.status == PROBLEM]


def _safely(title: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A section that cannot be looked at is a problem, and the others are still looked at."""
    try:
        yield from look()
    except (Exception, SystemExit) as error:
        yield Finding(title, f"{type(error).__name__}: {error}", PROBLEM, "Install bench again")


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

    from bench.execute import environment

    yield Finding("processor", environment()["hardware"])
    if not torch.cuda.is_available():
        yield Finding("GPU", "none that torch can use; everything runs on the processor")
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        yield Finding(f"GPU {index}", f"{about.name}, {about.total_memory / 2**30:.0f} GiB")


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    items = [item for kind in KINDS for item in plugins.all(kind)]
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


def _target(item: Registered) -> Iterator[Finding]:
    """What keeps a plugin from being used, where something does."""
    name = f"{item.spec.kind} {item.spec.name} of {item.distribution}"
    extras = missing_extras(item.spec, item.distribution)
    try:
        item.target()
    except BenchError as error:
        status = MISSING if extras else PROBLEM
        yield Finding(name, error.what, status, error.hint)
    except (Exception, SystemExit) as error:
        hint = f"It is for {item.distribution} to mend"
        yield Finding(name, f"{type(error).__name__}: {error}", PROBLEM, hint)
    else:
        for command in extras:
            yield Finding(name, f"needs {', '.join(item.spec.needs)}", MISSING, command)


def _weights() -> Iterator[Finding]:
    import torch

    from bench.hearing.haaqi_net.light import BUNDLED_FILE
    from bench.separators.weights import _BUNDLES, _URL, BUNDLED

    again = "Install bench again: the file comes with it"
    yield _file("hdemucs weights=bundled", BUNDLED, PROBLEM, again)
    yield _file("haaqi-net weights=bundled", BUNDLED_FILE, PROBLEM, again)
    folder = Path(torch.hub.get_dir()) / "torchaudio" / "models"
    for name, file in _BUNDLES.items():
        hint = f"The first run with them downloads 335 MB; or put {_URL}{file} into {folder}"
        yield _file(f"hdemucs weights={name}", folder / file, MISSING, hint)


def _file(name: str, path: Path, status: str, hint: str) -> Finding:
    if path.is_file():
        return Finding(name, f"{_size(path.stat().st_size)}, {path}")
    return Finding(name, f"not at {path}", status, hint)


def _caches() -> Iterator[Finding]:
    import torch

    from bench.data import demo_root

    demo = demo_root()
    if demo.is_dir():
        yield Finding("demo songs", "made")
    else:
        yield Finding("demo songs", "not yet made", MISSING, "The first run of the demo makes them")
    yield _folder("cache of bench", demo.parent)
    yield _folder("cache of torch", Path(torch.hub.get_dir()))
    yield from _compiled()


def _compiled() -> Iterator[Finding]:
    """Whether HAAQI's kernels are there as compiled for this machine and this version of them."""
    importlib.import_module("bench.hearing.haaqi.model")
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
    files = (Path(root) / file for root, _, names in os.walk(path) for file in names)
    return Finding(name, f"{_size(sum(f.lstat().st_size for f in files))}, {path}")


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
