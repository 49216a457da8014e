"""A leaderboard in one of several formats, for people and for programs.

Names come from data and plugins: each format escapes them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console

from bench.leaderboard.model import INTERVAL_WORDS, Column, Leaderboard, Row
from bench.leaderboard.render import (
    bracket,
    difference_cell,
    heading,
    number,
    print_leaderboard,
    rank_text,
    render_text,
    title_of,
)
from bench.leaderboard.statistics import Interval
from bench.tables.markup import clean, csv_text, escape_latex, escape_markdown, json_text
from bench.tables.sections import Section, finite, render_sections, section_records

FORMATS: Final = ("table", "csv", "json", "markdown", "latex")


def render(table: Leaderboard, format: str = "table", sections: Sequence[Section] = ()) -> str:
    """The leaderboard in one of FORMATS, with sections after it.

    CSV holds one kind of rows: those of the sections where there are any.
    """
    if format == "json":
        content = _content(table)
        return json_text(content | ({"sections": section_records(sections)} if sections else {}))
    if format == "csv":
        return render_sections("", sections, "csv") if sections else _csv(table)
    writers = {"table": render_text, "markdown": _markdown, "latex": _latex}
    after = f"\n{render_sections('', sections, format)}" if any(s.rows for s in sections) else ""
    return writers[format](table) + after


def show(table: Leaderboard, format: str = "table", sections: Sequence[Section] = ()) -> None:
    """Write the leaderboard to standard output, coloured where that is a terminal."""
    if format == "table" and sys.stdout.isatty():
        print_leaderboard(table, Console())
        if sections:
            sys.stdout.write(f"\n{render_sections('', sections, format)}")
    else:
        sys.stdout.write(render(table, format, sections))


def _cells(table: Leaderboard) -> tuple[list[str], list[list[str]]]:
    """Header and rows as plain texts, for Markdown and LaTeX."""
    header = ["Rank", "System", "n", *(heading(column) for column in table.columns)]
    header += ["To baseline"] if table.baseline else []
    rows = []
    for row in table.rows:
        cells = [rank_text(row), clean(row.label), str(row.n)]
        for column in table.columns:
            value = row.values.get(column.key)
            text = number(value.mean, column) if value is not None else "–"
            whole = value is not None and column is table.columns[0]
            cells.append(f"{text} {bracket(value, column)}".strip() if whole and value else text)
        if table.baseline:
            cells.append(difference_cell(row, table).plain.replace("\n", " "))
        rows.append(cells)
    return header, rows


def _markdown(table: Leaderboard) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(escape_markdown, cells))} |"

    header, rows = _cells(table)
    rule = ["---", "---", *("---:" for _ in header[2:])]
    body = [line(header), f"| {' | '.join(rule)} |", *map(line, rows)]
    words = [table.protocol_words, INTERVAL_WORDS]
    notes = [f"- {escape_markdown(note)}" for note in table.notes]
    parts = [f"**{escape_markdown(title_of(table))}**", "\n".join(body), *words, "\n".join(notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _latex(table: Leaderboard) -> str:
    def line(cells: Sequence[str]) -> str:
        # Braces keep a cell that begins with a bracket from being read as an option of \\.
        return " & ".join(f"{{{escape_latex(cell)}}}" for cell in cells) + r" \\"

    header, rows = _cells(table)
    return "\n".join(
        [
            "% needs the package booktabs",
            rf"\begin{{tabular}}{{ll{'r' * (len(header) - 2)}}}",
            r"\toprule",
            line(header),
            r"\midrule",
            *map(line, rows),
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def record(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    """A row as plain values, for programs: scores in the metric's own unit, null where unknown."""
    difference = row.difference
    values: dict[str, Any] = {
        "rank_best": row.rank[0] if row.rank else None,
        "rank_worst": row.rank[1] if row.rank else None,
        "label": row.label,
        "separator": row.run["separator"],
        "gains": row.run["gains"],
        "prescription": row.run["prescription"],
        "status": row.run["status"],
        "unranked_reason": row.unranked_reason,
        "n": row.n,
        "n_failed": row.n_failed,
        "is_baseline": row.is_baseline,
    }
    for column in columns:
        values |= interval(column.key, row.values.get(column.key))
    values |= interval("difference", difference.difference if difference else None)
    values["p"] = finite(difference.p) if difference else None
    values["p_holm"] = finite(row.p)
    values["run_id"] = row.run["run_id"]
    values["bench_version"] = row.run["bench_version"]
    values["code_hash"] = row.run["code_hash"]
    return values


def _csv(table: Leaderboard) -> str:
    return csv_text([record(row, table.columns) for row in table.rows])


def _content(table: Leaderboard) -> dict[str, Any]:
    return {
        "suite": table.suite,
        "split": table.split,
        "protocol": table.protocol,
        "protocol_in_words": table.protocol_words,
        "intervals_in_words": INTERVAL_WORDS,
        "songs": table.songs,
        "baseline": table.baseline or None,
        "rows": [record(row, table.columns) for row in table.rows],
        "notes": list(table.notes),
        "saturated": [list(pair) for pair in table.saturated],
    }


def interval(name: str, value: Interval | None) -> dict[str, float | None]:
    """A mean and its bounds as columns ``name``, ``name_low`` and ``name_high``; None for NaN."""
    bounds = (value.mean, value.low, value.high) if value is not None else (math.nan,) * 3
    names = (name, f"{name}_low", f"{name}_high")
    return {n: finite(b) for n, b in zip(names, bounds, strict=True)}
