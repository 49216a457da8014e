"""Small tables, as aligned text, CSV, JSON or Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

Rows = Sequence[Mapping[str, Any]]


def echo_sections(sections: Mapping[str, Rows], format: str, *, err: bool = False) -> None:
    """Print tables with a title each; an absent or None value is left empty.

    Args:
        sections: rows by title.
        format: "table", "csv" (with a first column "section"), "json" or "markdown".
        err: print on standard error.
    """
    if format == "json":
        click.echo(
            json.dumps({title: list(rows) for title, rows in sections.items()}, indent=2), err=err
        )
        return
    if format == "csv":
        click.echo(_csv(sections), nl=False, err=err)
        return
    for index, (title, rows) in enumerate(sections.items()):
        if index:
            click.echo(err=err)
        click.echo(
            f"## {title}\n" if format == "markdown" else click.style(title, bold=True), err=err
        )
        click.echo(_grid(rows, markdown=format == "markdown"), err=err)


def _columns(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) >= 0.01 else f"{value:.5f}"
    return str(value)


def _csv(sections: Mapping[str, Rows]) -> str:
    rows = [{"section": title, **row} for title, part in sections.items() for row in part]
    out = io.StringIO()
    writer = csv.DictWriter(out, _columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _grid(rows: Rows, markdown: bool) -> str:
    """First column to the left, the others to the right."""
    columns = _columns(rows)
    cells = [columns, *([_text(row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        [cell.ljust(width) if not index else cell.rjust(width) for index, (cell, width) in pairs]
        for pairs in (list(enumerate(zip(line, widths, strict=True))) for line in cells)
    ]
    if not markdown:
        return "\n".join("  " + "  ".join(line).rstrip() for line in lines)
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))
