"""Writes a package with a working plugin: what ``bench plugins new`` does."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bench.api import API_VERSION
from bench.errors import BenchError, suggest
from bench.plugins import KINDS, OBSERVER, Plugins
from bench.plugins.kinds import OBSERVER_USE
from bench.runtime.files import write_text
from bench.version import __version__

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_COMMON: Final = {
    "pyproject.toml.j2": "pyproject.toml",
    "README.md.j2": "README.md",
    "gitignore.j2": ".gitignore",
    "workflow.yml.j2": ".github/workflows/test.yml",
    "conftest.py.j2": "tests/conftest.py",
}


def write_package(name: str, kind: str, out: Path, plugins: Plugins) -> Path:
    """Write the package of a new plugin into a folder of its own name.

    Args:
        name: of the plugin and its distribution, such as ``my-separator``.
        kind: of plugin, or "observer".
        out: where the folder is made.
        plugins: the installed ones, whose names are taken.

    Returns:
        The folder, which is there whole or not at all.

    Raises:
        BenchError: the name cannot be used, the folder exists, or it cannot be written.
    """
    if kind not in (*KINDS, OBSERVER):
        raise BenchError(
            f"there is no kind of plugin '{kind}'", hint=suggest(kind, (*KINDS, OBSERVER))
        )
    _check_name(name, plugins)
    folder = out / name
    if folder.exists() or folder.is_symlink():
        raise BenchError("already exists", where=str(folder), hint="Give another name, or --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=out))
        try:
            for path, text in _files(name, kind):
                write_text(draft / path, text)
            draft.chmod(0o755)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise BenchError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    return folder


def next_steps(name: str, kind: str, folder: Path) -> list[str]:
    """The commands from the new package to a row on a board."""
    return [f"pip install -e {folder}", f"bench plugins check {name}", _use(name, kind, folder)]


def _use(name: str, kind: str, folder: Path | str) -> str:
    use = OBSERVER_USE if kind == OBSERVER else KINDS[kind].use
    return use.format(name=name, folder=folder, environment=_module(name).upper())


def _module(name: str) -> str:
    return name.replace("-", "_")


def _check_name(name: str, plugins: Plugins) -> None:
    where = f"name '{name}'"
    if not _NAME.fullmatch(name):
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")
        hint = f"For example: bench plugins new {plain}" if plain else ""
        rule = "lower-case letters and digits, with single hyphens between, a letter first"
        raise BenchError(f"a plugin's name is made of {rule}", where=where, hint=hint)
    for item in plugins.every:
        if item.spec.name == name:
            what = f"a {item.spec.kind} of that name exists already, in {item.distribution}"
            raise BenchError(what, where=where)
    if any(item.name == name for item in plugins.observers):
        raise BenchError("an observer of that name exists already", where=where)
    module = _module(name)
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        raise BenchError("it is a keyword of Python", where=where, hint=f"For example: my-{name}")
    taken = module in sys.stdlib_module_names or find_spec(module) is not None
    if taken or _is_distribution(name):
        what = f"an installed package is called {module if taken else name}"
        raise BenchError(what, where=where, hint=f"For example: my-{name}")


def _is_distribution(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _files(name: str, kind: str) -> Iterator[tuple[str, str]]:
    """Paths in the package's folder, and what is in them."""
    import jinja2

    loader = jinja2.PackageLoader("bench.scaffold")
    environment = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    module = _module(name)
    values: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "module": module,
        "environment": module.upper(),
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "use": _use(name, kind, "."),
        "version": __version__,
        "api_version": API_VERSION,
    }
    files = dict(_COMMON)
    for entry in resources.files(__name__).joinpath("templates", kind).iterdir():
        file = entry.name.removesuffix(".j2")
        place = {"suite.toml": "suite.toml", "test_plugin.py": f"tests/test_{module}.py"}
        files[f"{kind}/{entry.name}"] = place.get(file, os.path.join("src", module, file))
    for template, path in sorted(files.items()):
        yield path, environment.get_template(template).render(values)
