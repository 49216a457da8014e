"""A leaderboard in one of several formats, for people and for programs.

Names come from data and plugins: each format escapes them.
"""

from __future__ import annotations

import csv
import html
import io
import json
import math
import sys
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console

from bench.leaderboard.model import INTERVAL_WORDS, Column, Leaderboard, Row
from bench.leaderboard.render import (
    bracket,
    clean,
    difference_cell,
    heading,
    number,
    print_leaderboard,
    rank_text,
    render_text,
    title_of,
)
from bench.leaderboard.statistics import Interval

FORMATS: Final = ("table", "csv", "json", "markdown", "latex")


def render(table: Leaderboard, format: str = "table") -> str:
    """The leaderboard in one of FORMATS."""
    writers = {
        "table": render_text,
        "csv": _csv,
        "json": _json,
        "markdown": _markdown,
        "latex": _latex,
    }
    return writers[format](table)


def show(table: Leaderboard, format: str = "table") -> None:
    """Write the leaderboard to standard output, coloured where that is a terminal."""
    if format == "table" and sys.stdout.isatty():
        print_leaderboard(table, Console())
    else:
        sys.stdout.write(render(table, format))


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
    def escape(text: str) -> str:
        plain = html.escape(text, quote=False)
        for character in "\\`*_[]|":
            plain = plain.replace(character, f"\\{character}")
        return plain

    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(escape, cells))} |"

    header, rows = _cells(table)
    rule = ["---", "---", *("---:" for _ in header[2:])]
    body = [line(header), f"| {' | '.join(rule)} |", *map(line, rows)]
    words = [table.protocol_words, INTERVAL_WORDS]
    notes = [f"- {escape(clean(note))}" for note in table.notes]
    parts = [f"**{escape(title_of(table))}**", "\n".join(body), *words, "\n".join(notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _latex(table: Leaderboard) -> str:
    specials = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    specials |= {c: f"\\{c}" for c in "&%$#_{}"} | {"–": "--", "<": "$<$", ">": "$>$"}

    def line(cells: Sequence[str]) -> str:
        escaped = ("".join(specials.get(c, c) for c in cell) for cell in cells)
        # Braces keep a cell that begins with a bracket from being read as an option of \\.
        return " & ".join(f"{{{cell}}}" for cell in escaped) + r" \\"

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
        values |= _interval(column.key, row.values.get(column.key))
    values |= _interval("difference", difference.difference if difference else None)
    values["p"] = _finite(difference.p) if difference else None
    values["p_holm"] = _finite(row.p) if row.p is not None else None
    values["run_id"] = row.run["run_id"]
    values["bench_version"] = row.run["bench_version"]
    values["code_hash"] = row.run["code_hash"]
    return values


def _interval(name: str, value: Interval | None) -> dict[str, float | None]:
    if value is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    bounds = (_finite(value.mean), _finite(value.low), _finite(value.high))
    return dict(zip((name, f"{name}_low", f"{name}_high"), bounds, strict=True))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _csv(table: Leaderboard) -> str:
    records = [record(row, table.columns) for row in table.rows]
    text = io.StringIO()
    if records:
        writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return text.getvalue()


def _json(table: Leaderboard) -> str:
    content = {
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
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
