"""A digest of a plugin's code: an edited plugin is a different one, whatever its version."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from bench.runtime.digests import digest_of, digests_of, tree_digest

_OWN: Final = "bench"
_INSTALLED: Final = ("site-packages", "dist-packages")


def source_digest(owner: str, modules: Iterable[str]) -> str:
    """A digest of a distribution's packages, of those that hold `modules`, and of what they import.

    Whole packages count, with all files in them. Of what they import only code that is not
    installed counts, as a module beside an editable package; what is installed has a version. A
    file that the code names and that lies beside it counts too. The code of bench has a digest of
    its own and does not.

    Args:
        owner: name of the distribution.
        modules: full names, of the entry point and the target.

    Returns:
        16 hexadecimal digits, or an empty text where there is no code to be found.
    """
    todo = sorted({*modules, *_packages(owner)})
    found: dict[str, list[str]] = {}
    while todo:
        places = _places(todo.pop())
        for place in (str(place) for place in places if str(place) not in found):
            files = _files(Path(place))
            content = digests_of(files)
            named = {name for file in files for name in _named(file, content[file])}
            found[place] = [_digest(Path(place)), repr(sorted(named))]
            imported = {name for file in files for name in _imports(file, content[file])}
            todo += sorted(name for name in imported if _is_local(name))
    if not found:
        return ""
    # Where the code lies does not matter.
    told = sorted((Path(place).name, said) for place, said in found.items())
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _packages(owner: str) -> Iterator[str]:
    """The top-level modules that were installed with a distribution."""
    with contextlib.suppress(PackageNotFoundError):
        for path in distribution(owner).files or ():
            if path.suffix == ".py" and path.parts[0] != "..":
                yield path.parts[0].removesuffix(".py")


def _places(module: str) -> list[Path]:
    """The folder or the file of the package that holds a module; it is not imported.

    Several distributions may share a namespace: there it is the first package below it.
    """
    names = module.split(".")
    if names[0] in (_OWN, ""):
        return []
    for depth in range(1, len(names) + 1):
        spec = None
        with contextlib.suppress(ImportError, ValueError, AttributeError):
            spec = importlib.util.find_spec(".".join(names[:depth]))
        if spec is None:
            return []
        if spec.submodule_search_locations is None:
            return [Path(spec.origin)] if spec.origin and Path(spec.origin).is_file() else []
        if spec.origin is not None:
            return [Path(place) for place in spec.submodule_search_locations]
    return [Path(place) for place in spec.submodule_search_locations or ()] if spec else []


def _is_local(module: str) -> bool:
    """Whether an imported module is code that lies where it is written."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == _OWN:
        return False
    return any(not set(place.parts) & set(_INSTALLED) for place in _places(module))


def _files(place: Path) -> list[Path]:
    """The source files of a package, or the one of a module."""
    if place.is_dir():
        return [p for p in sorted(place.rglob("*.py")) if not p.name.startswith(".")]
    return [place]


def _digest(place: Path) -> str:
    return tree_digest(place) if place.is_dir() else digest_of(place)


def _named(file: Path, digest: str) -> Iterator[tuple[str, str]]:
    """The files that a source file names and that lie beside it, each with its digest."""
    beside = []
    for name in _names(file, digest)[1]:
        with contextlib.suppress(OSError, ValueError):
            # Of a module, as importlib is given it, the suffix is left out.
            for path in (file.parent / name, file.parent / f"{name}.py"):
                if path.is_file() and path != file:
                    beside.append(path)
    return ((path.name, content) for path, content in digests_of(beside).items())


def _imports(file: Path, digest: str) -> tuple[str, ...]:
    return _names(file, digest)[0]


@lru_cache(maxsize=4096)
def _names(file: Path, digest: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The modules that a source file imports, and the texts in it that may name a file."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return (), ()
    modules, texts = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # What is taken of a namespace may be a module of it.
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and 0 < len(node.value) < 200
            and "\n" not in node.value
        ):
            texts.add(node.value)
    return tuple(sorted(modules)), tuple(sorted(texts))
