"""Pictures of README and docs: small, made by `make pictures`, and one in each how-to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

DOCS = ROOT / "docs"
ASSETS = DOCS / "assets"
HOW_TOS = re.findall(
    r": (\S+\.md)$",
    (ROOT / "mkdocs.yml").read_text("utf-8").partition("- How to:")[2].partition("- Plugins:")[0],
    re.MULTILINE,
)


def drawn() -> set[str]:
    """The names in the table of docs/pictures.py."""
    tree = ast.parse((DOCS / "pictures.py").read_text("utf-8"))
    (table,) = (f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == "pictures")
    (returned,) = (node for node in ast.walk(table) if isinstance(node, ast.Dict))
    return {str(ast.literal_eval(key)) for key in returned.keys if key is not None}


def shown(page: Path) -> list[Path]:
    found = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", page.read_text("utf-8"))
    assert all(len(alternative) > 10 for alternative, _ in found), page
    return [(page.parent / path).resolve() for _, path in found]


def test_every_picture_is_made_by_the_command_and_small() -> None:
    there = {path.stem: path for path in ASSETS.glob("*.png")}
    assert set(there) == drawn()
    assert [name for name, path in there.items() if path.stat().st_size > 200_000] == []
    assert not [*ASSETS.glob("*.webp"), *ASSETS.glob("*.jp*g")]


def test_readme_shows_a_report_and_a_listening_page() -> None:
    names = [path.name for path in shown(ROOT / "README.md")]
    assert names == ["report.png", "listening-page.png"]


def test_every_picture_is_shown_somewhere_and_is_there() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    used = {path for page in pages for path in shown(page)}
    assert [path for path in used if not path.is_file()] == []
    pictures = {path for path in ASSETS.iterdir() if path.suffix in (".png", ".svg")}
    assert pictures - used == set()


@pytest.mark.parametrize("page", HOW_TOS)
def test_every_how_to_has_a_figure(page: str) -> None:
    assert shown(DOCS / page)
