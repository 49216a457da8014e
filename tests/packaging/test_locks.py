"""What `make` installs: a lock for each supported Python, whose licences are listed."""

from __future__ import annotations

import re
import runpy
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "locks").glob("python*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements() -> list[Requirement]:
    """What this package, its extras and the packages under plugins/ ask for."""
    found = [*PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        found += [need for need in extra if not need.startswith("bench-hearing")]
    for path in ROOT.glob("plugins/*/pyproject.toml"):
        found += tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]
    named = [Requirement(text) for text in found]
    return [need for need in named if canonicalize_name(need.name) != "bench-hearing"]


def locked(path: Path) -> dict[str, Version]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    return {name: Version(version) for name, version in (line.split("==") for line in lines)}


def test_every_supported_python_has_a_lock() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (versions,) = re.findall(r"^PYTHONS := (.+)$", makefile, re.MULTILINE)
    assert [path.stem.removeprefix("python") for path in LOCKS] == versions.split()
    prefix = "Programming Language :: Python :: "
    classified = [c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix)]
    assert classified == versions.split()


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_all_that_is_asked_for(path: Path) -> None:
    """Fails where a dependency was added or its range changed: `make lock`."""
    versions = locked(path)
    for need in requirements():
        version = versions.get(canonicalize_name(need.name))
        assert version is not None, f"{need.name} is not in {path.name}: make lock"
        assert need.specifier.contains(version), f"{need} in {path.name}: make lock"


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_names_no_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--" not in text.replace("    make lock", "")


def test_the_wheel_keeps_ranges() -> None:
    """A wheel of pins would be no neighbour to others; torch and pyclarity have their reasons."""
    pinned = [need.name for need in map(Requirement, PROJECT["dependencies"]) if "==" in str(need)]
    assert set(pinned) == {"pyclarity", "torch", "torchaudio"}


def dependencies() -> set[str]:
    """All that the installed package needs, its dependencies' own included."""
    found: set[str] = set()
    left = [need.name for need in map(Requirement, PROJECT["dependencies"])]
    while left:
        name = canonicalize_name(left.pop())
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                left.append(need.name)
    return found


def test_the_licences_of_all_dependencies_are_listed() -> None:
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:] for line in page.splitlines() if line.startswith("|")]
    listed: dict[str, str] = {canonicalize_name(row[0].strip()): row[2].strip() for row in rows}
    missing = dependencies() - set(listed)
    assert not missing, f"make licences: {', '.join(sorted(missing))}"
    unknown = {name for name in dependencies() if listed[name] in ("", "UNKNOWN")}
    assert unknown <= {"cuda-toolkit"}, "the page says why of this one alone"


def test_the_page_keeps_what_only_another_python_needs() -> None:
    rows = "| Old_one | 1 | MIT | u |\n| gone | 1 | MIT | u |\n"
    before = f"Text.\n\n| Name | Version |\n|---|---|\n{rows}"
    new = [{"Name": "b", "Version": "2", "License": "BSD", "URL": "v"}]
    new.append({"Name": "extra", "Version": "3", "License": "MIT", "URL": "w"})
    path = ROOT / "docs" / "licences.py"
    code = runpy.run_path(str(path))
    page = code["merged"](before, new, {"b", "old-one"})
    assert page.splitlines()[-2:] == ["| b | 2 | BSD | v |", "| Old_one | 1 | MIT | u |"]
    assert page.startswith("Text.\n\n| Name | Version | License | URL |\n")
