"""The pages on plugins say what is so: code, commands, checks and variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.api import API_VERSION
from bench.plugins import Plugins
from bench.scaffold import next_steps, write_package
from bench.testing import Check, checks_for
from bench.testing.subject import KINDS
from tests.helpers.paths import ROOT

DOCS = ROOT / "docs" / "plugins"


@pytest.mark.parametrize("kind", KINDS)
def test_code_and_command_are_those_of_the_new_package(kind: str, tmp_path: Path) -> None:
    page = (DOCS / f"{kind}.md").read_text(encoding="utf-8")
    folder = write_package(f"my-{kind}", kind, tmp_path, Plugins([]))
    code = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        assert block in code
    assert f"bench plugins new my-{kind} --kind {kind}" in page
    assert next_steps(f"my-{kind}", kind, Path(f"my-{kind}"))[-1] in page


def test_the_first_page_names_every_kind() -> None:
    page = (DOCS / "index.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"| `{kind}` |" in page
        assert f"({kind}.md)" in page


def row(check: Check) -> str:
    others = set(KINDS) - set(check.kinds)
    kinds = {(): "all", ("observer",): "all but observers"}.get(tuple(others), "")
    return f"| `{check.name}` | {kinds or ', '.join(check.kinds)} | {check.expects} |"


def test_every_check_is_on_its_page() -> None:
    page = (DOCS / "checking.md").read_text(encoding="utf-8")
    rows = {row(check) for kind in KINDS for check in checks_for(kind)}
    assert rows - set(page.splitlines()) == set()


def test_compatibility_names_this_version() -> None:
    page = (DOCS / "compatibility.md").read_text(encoding="utf-8")
    assert f"BENCH_API_VERSION = {API_VERSION}\n" in page
    assert f"which is now {API_VERSION}." in page
