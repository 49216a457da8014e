"""Remedies for a plugin that cannot be used.

Nothing here imports a plugin: it reads what the installed distributions say of themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, version

import pluggy

from bench.api import API_VERSION, OLDEST_API_VERSION, PluginSpec
from bench.errors import suggest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
_HOOK = re.compile(r"unknown hook '(\w+)'")


class WrongApiVersion(Exception):
    """A plugin that says it was built for a version of the API which this bench does not have."""

    def __init__(self, declared: object) -> None:
        self.declared = declared
        super().__init__(f"it was built for API version {declared!r}; this bench has {_ours()}")


def check_api_version(declared: object) -> None:
    """Raise :class:`WrongApiVersion` unless `declared` is a version that this bench serves."""
    known = isinstance(declared, int) and OLDEST_API_VERSION <= declared <= API_VERSION
    if not known or isinstance(declared, bool):
        raise WrongApiVersion(declared)


def remedy(error: BaseException, entry: EntryPoint, hooks: Iterable[str]) -> str:
    """The remedy for an entry point that failed to load with `error`."""
    owner = entry.dist.name if entry.dist else "its distribution"
    if isinstance(error, WrongApiVersion):
        return _other_api(owner, error.declared)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module(error.name, entry, owner)
    if isinstance(error, ImportError) and _is_ours(error.name):
        return _other_api(owner, None)
    if isinstance(error, pluggy.PluginValidationError):
        found = _HOOK.search(str(error))
        if found:
            match = suggest(found[1], sorted(hooks))
            return f"{match} Every hook is in bench/hookspecs.py."
        return "Give the hook the arguments that bench/hookspecs.py has, by the same names."
    return (
        f"It is for {owner} to fix: BENCH_STRICT_PLUGINS=1 bench --debug plugins list shows where;"
        f" pip uninstall {owner} silences it"
    )


def missing_extras(spec: PluginSpec, owner: str) -> list[str]:
    """A command for each extra in the plugin's needs of which something is not installed."""
    try:
        requirements = distribution(owner).requires or []
    except PackageNotFoundError:
        return []
    missing = []
    for need in spec.needs:
        wanted = [_name(r) for r in requirements if _extra(r) == need]
        if not all(map(_is_installed, wanted)):
            missing.append(f"pip install '{owner}[{need}]'")
    return missing


def _ours() -> str:
    if OLDEST_API_VERSION == API_VERSION:
        return str(API_VERSION)
    return f"{OLDEST_API_VERSION} to {API_VERSION}"


def _other_api(owner: str, declared: object) -> str:
    if isinstance(declared, int) and declared < OLDEST_API_VERSION:
        return f"pip install --upgrade {owner}, or ask its authors for a newer version"
    if isinstance(declared, int) and declared > API_VERSION:
        return f"pip install --upgrade bench-hearing, or an older version of {owner}"
    return f"bench-hearing and {owner} do not fit: pip install --upgrade bench-hearing {owner}"


def _is_ours(module: str | None) -> bool:
    return (module or "").partition(".")[0] == "bench"


def _missing_module(module: str, entry: EntryPoint, owner: str) -> str:
    top = module.partition(".")[0]
    if _is_ours(module):
        return _other_api(owner, None)
    if top == entry.module.partition(".")[0]:
        return f"The entry point names a module that is not there: pip install --force {owner}"
    # Of the standard library or of its backport, which puts itself in its place when imported.
    requirements = (entry.dist.requires if entry.dist else None) or []
    for requirement in requirements:
        if _name(requirement).replace("-", "_") == top.lower():
            extra = _extra(requirement)
            return f"pip install '{owner}[{extra}]'" if extra else f"pip install {top}"
    return (
        f"Install the package that provides the module '{top}'; {owner} does not "
        "declare that it needs it"
    )


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def _extra(requirement: str) -> str:
    found = _EXTRA.search(requirement)
    return found[1] if found else ""


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
