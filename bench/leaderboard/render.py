"""A leaderboard as text, CSV, JSON, Markdown or LaTeX.

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

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.leaderboard.model import INTERVAL_WORDS, Column, Leaderboard, Row
from bench.leaderboard.statistics import Interval

FORMATS: Final = ("table", "csv", "json", "markdown", "latex")
FILE_WIDTH: Final = 100
"""Columns of a text table that is not written to a terminal."""
_NARROWEST_LABEL: Final = 16


def render(table: Leaderboard, format: str = "table") -> str:
    """The leaderboard in one of FORMATS."""
    if format == "table":
        console = Console(file=io.StringIO(), width=FILE_WIDTH, color_system=None)
        print_leaderboard(table, console)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()
    writers = {"csv": _csv, "json": _json, "markdown": _markdown, "latex": _latex}
    return writers[format](table)


def show(table: Leaderboard, format: str = "table") -> None:
    """Write the leaderboard to standard output, coloured where that is a terminal."""
    if format == "table" and sys.stdout.isatty():
        print_leaderboard(table, Console())
    else:
        sys.stdout.write(render(table, format))


def print_leaderboard(table: Leaderboard, console: Console) -> None:
    """Print the leaderboard with its notes; where it is narrow, the least columns are left out."""
    console.print(Text(_title(table), style="bold"))
    console.print(Text(table.protocol_words))
    if not table.rows:
        console.print(Text("No runs yet."))
    else:
        _print_rows(table, console)
        console.print(Text(INTERVAL_WORDS, style="dim"))
    for note in table.notes:
        console.print(Text(f"- {clean(note)}"))


def _print_rows(table: Leaderboard, console: Console) -> None:
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, leading=1)
    grid.add_column("Rank", no_wrap=True)
    grid.add_column("System", min_width=_NARROWEST_LABEL, overflow="fold", ratio=1)
    grid.add_column("n", justify="right", no_wrap=True)
    kept = _columns_that_fit(table, console.width)
    for column in kept:
        grid.add_column(Text(heading(column)), justify="right", no_wrap=True)
    has_baseline = bool(table.baseline)
    if has_baseline:
        grid.add_column("to baseline", justify="right", no_wrap=True)
    for row in table.rows:
        cells = [_value_cell(row, column, whole=column is table.columns[0]) for column in kept]
        difference = [_difference_cell(row, table)] if has_baseline else []
        style = "bold" if row.rank and row.rank[0] == 1 else ""
        counted = Text(str(row.n) if not row.n_failed else f"{row.n}\n{row.n_failed} failed")
        label = Text(clean(row.label), style=style)
        grid.add_row(Text(rank_text(row)), label, counted, *cells, *difference)
    console.print(grid)
    left_out = [heading(column) for column in table.columns if column not in kept]
    if left_out:
        wider = f"Left out for want of width: {', '.join(left_out)} (--format csv has them)."
        console.print(Text(wider, style="dim"))


def _columns_that_fit(table: Leaderboard, width: int) -> list[Column]:
    """Columns from the left, HAAQI's ears last: the headlines of all metrics say more."""
    if not table.columns:
        return []
    first, *others = table.columns
    order = sorted(others, key=lambda column: "/" in column.key)
    fixed = 5 + 1 + 8 + (17 if table.baseline else 0)
    left = width - fixed - max(_NARROWEST_LABEL + 1, 16) - 15
    kept = [first]
    for column in order:
        needed = max(len(heading(column)), 6) + 1
        if needed <= left:
            kept.append(column)
            left -= needed
    return [column for column in table.columns if column in kept]


def _value_cell(row: Row, column: Column, *, whole: bool) -> Text:
    value = row.values.get(column.key)
    if value is None:
        return Text("–")
    cell = Text(number(value.mean, column))
    if whole and not math.isnan(value.low):
        cell.append(f"\n{bracket(value, column)}", style="dim")
    return cell


def _difference_cell(row: Row, table: Leaderboard) -> Text:
    if row.is_baseline:
        return Text("baseline")
    if row.difference is None or row.p is None:
        return Text("–")
    first = table.columns[0]
    cell = Text(f"{number(row.difference.difference.mean, first, sign=True)} {p_text(row.p)}")
    if not math.isnan(row.difference.difference.low):
        cell.append(f"\n{bracket(row.difference.difference, first, sign=True)}", style="dim")
    return cell


# --- pieces that every format for people uses ----------------------------------------------------


def clean(text: str) -> str:
    """`text` on one line, without characters that steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def heading(column: Column) -> str:
    """A column's title with its unit."""
    return clean(f"{column.title} {column.unit}".strip())


def number(value: float, column: Column, *, sign: bool = False) -> str:
    """A score for people, in the column's decimals."""
    if math.isnan(value):
        return "–"
    return f"{value * column.scale:{'+' if sign else ''}.{column.decimals}f}"


def bracket(value: Interval, column: Column, *, sign: bool = False) -> str:
    """An interval, ``[0.512, 0.643]``; empty where there is none."""
    if math.isnan(value.low):
        return ""
    return f"[{number(value.low, column, sign=sign)}, {number(value.high, column, sign=sign)}]"


def rank_text(row: Row) -> str:
    """``1``, ``2–3``, or a dash where the row is not ranked."""
    if row.rank is None:
        return "–"
    best, worst = row.rank
    return str(best) if best == worst else f"{best}–{worst}"


def p_text(p: float | None) -> str:
    """``p 0.012``, or nothing."""
    if p is None or math.isnan(p):
        return ""
    return "p <.001" if p < 0.001 else f"p {p:.3f}".replace("0.", ".")


def _title(table: Leaderboard) -> str:
    return clean(f"{table.suite}, split {table.split}, protocol {table.protocol}")


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
            cells.append(_difference_cell(row, table).plain.replace("\n", " "))
        rows.append(cells)
    return header, rows


# --- formats -------------------------------------------------------------------------------------


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
    parts = [f"**{escape(_title(table))}**", "\n".join(body), *words, "\n".join(notes)]
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
