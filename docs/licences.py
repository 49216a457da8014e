"""``make licences``: the table of docs/licences.md, from pip-licenses' JSON on standard input.

Packages that only another supported version of Python needs are not installed here: their rows stay
as they are, as long as a lock names them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
COLUMNS = ("Name", "Version", "License", "URL")


def merged(page: str, installed: list[dict[str, str]], locked: set[str]) -> str:
    """The page with the rows of locked packages: of those that are installed, anew."""
    before, _, table = page.partition("\n|")
    rows: dict[str, tuple[str, ...]] = {}
    for line in table.splitlines()[2:]:
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        rows[canonicalize_name(cells[0])] = cells
    rows |= {
        canonicalize_name(row["Name"]): tuple(row[name] for name in COLUMNS) for row in installed
    }
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(rows[name])} |" for name in sorted(locked & set(rows))]
    return before + "\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Write the page anew."""
    locks = (path.read_text(encoding="utf-8") for path in (ROOT / "locks").glob("*.txt"))
    named = re.findall(r"^([A-Za-z0-9._-]+)==", "\n".join(locks), re.MULTILINE)
    installed = json.load(sys.stdin)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        merged(page, installed, {canonicalize_name(name) for name in named}), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
