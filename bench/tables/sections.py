"""Small tables with titles, such as the parts of a comparison, in every format.

A row is a mapping by column. In the formats for people a column and its ``_low`` and ``_high``
become one, ``0.512 [0.480, 0.543]``; those for programs keep plain values. Names come from data and
plugins: each format escapes them.
"""

from __future__ import annotations

import io
import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bench.tables.markup import clean, csv_text, escape_latex, escape_markdown, json_text
from bench.tables.numbers import interval_text, number_text, p_value_text

WIDTH: Final = 100
"""Columns of a text table."""

_NARROWEST: Final = 14

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A table: `rows` with the same keys, and a `note` of what they mean.

    Numbers are written with `decimals`. Where the line is too short, the columns of `least` are
    left out, the first one first.
    """

    title: str
    rows: tuple[Record, ...]
    note: str = ""
    decimals: int = 3
    least: tuple[str, ...] = ()


def finite(value: float | None) -> float | None:
    """The value, or None where there is none.

    Example:
        >>> finite(0.5), finite(float("nan")), finite(None)
        (0.5, None, None)
    """
    return value if value is not None and math.isfinite(value) else None


def render_sections(
    title: str,
    sections: Sequence[Section],
    format: str,
    *,
    words: Sequence[str] = (),
    width: int = 0,
) -> str:
    """Sections under a title, in one of ``bench.tables.FORMATS``.

    Args:
        title: of the whole; may be empty.
        sections: those without rows are left out.
        format: the format.
        words: sentences that stand under the title.
        width: columns of a text; by default those of the terminal, or WIDTH without one.
    """
    filled = [section for section in sections if section.rows]
    writers: dict[str, Callable[[str, Sequence[Section], Sequence[str]], str]] = {
        "table": partial(_text, width or terminal_width()),
        "markdown": _markdown,
        "latex": _latex,
    }
    if format == "json":
        records = section_records(sections)
        return json_text({"title": title, "words": list(words), "sections": records})
    if format == "csv":
        return csv_text([{"section": s.title, **row} for s in filled for row in s.rows])
    return writers[format](title, filled, words)


def section_records(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Sections as plain values, for programs."""
    return [{"title": s.title, "note": s.note, "rows": list(s.rows)} for s in sections if s.rows]


def terminal_width() -> int:
    """Columns of the terminal that standard output is, or WIDTH."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH


def _text(width: int, title: str, sections: Sequence[Section], words: Sequence[str]) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, color_system=None)
    for line in (title, *words):
        if line:
            console.print(Text(clean(line)))
    for number, section in enumerate(sections):
        gap = "\n" if number or title else ""
        console.print(Text(f"{gap}{clean(section.title)}"))
        section, left_out = _fitting(section, width)
        # Rather a line that is too long than a number that is cut off.
        wide = max(width, _needed(section))
        Console(file=text, width=wide, color_system=None).print(_grid(section))
        if left_out:
            names = ", ".join(name.replace("_", " ") for name in left_out)
            console.print(
                Text(f"Left out, as the line is too short: {names} (--format csv has them).")
            )
        if section.note:
            console.print(Text(clean(section.note)))
    return "\n".join(line.rstrip() for line in text.getvalue().split("\n"))


def _fitting(section: Section, width: int) -> tuple[Section, list[str]]:
    """The section without the columns that its lines have no room for, and their names."""
    left_out: list[str] = []
    filled = {key for row in section.rows for key, value in row.items() if value not in (None, "")}
    for key in section.least:
        if _needed(section) <= width:
            break
        if key in filled:
            rows = tuple({k: v for k, v in row.items() if k != key} for row in section.rows)
            section = replace(section, rows=rows)
            left_out.append(key)
    return section, left_out


def _needed(section: Section) -> int:
    """Columns that the narrowest form of a table needs."""
    wide = Console(file=io.StringIO(), width=10 * WIDTH, color_system=None)
    return Measurement.get(wide, wide.options, _grid(section)).minimum


def _grid(section: Section) -> Table:
    header, rows = section_cells(section)
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for index, (name, numeric) in enumerate(header.items()):
        widest = max(cell_len(cells[index]) for cells in rows)
        grid.add_column(
            Text(name),
            justify="right" if numeric else "left",
            # Numbers are never broken; long names are, where the line is too short for them.
            min_width=widest if numeric else min(widest, _NARROWEST),
            overflow="fold",
        )
    for cells in rows:
        grid.add_row(*map(Text, cells))
    return grid


def _markdown(title: str, sections: Sequence[Section], words: Sequence[str]) -> str:
    parts = [f"**{escape_markdown(title)}**"] if title else []
    parts += map(escape_markdown, words)
    for section in sections:
        header, rows = section_cells(section)
        rules = ["---:" if numeric else "---" for numeric in header.values()]
        lines = [list(header), *rows]
        table = [f"| {' | '.join(map(escape_markdown, cells))} |" for cells in lines]
        table.insert(1, f"| {' | '.join(rules)} |")
        parts += [f"### {escape_markdown(section.title)}", "\n".join(table)]
        parts += [escape_markdown(section.note)] if section.note else []
    return "\n\n".join(parts) + "\n"


def _latex(title: str, sections: Sequence[Section], words: Sequence[str]) -> str:
    parts = ["% needs the package booktabs"]
    parts += [f"% {escape_latex(line)}" for line in (title, *words) if line]
    for section in sections:
        header, rows = section_cells(section)
        kinds = "".join("r" if numeric else "l" for numeric in header.values())
        lines = [list(header), *rows]
        table = [" & ".join(f"{{{escape_latex(cell)}}}" for cell in cells) for cells in lines]
        table = [f"{line} \\\\" for line in table]
        parts += [
            f"% {escape_latex(section.title)}",
            *([f"% {escape_latex(section.note)}"] if section.note else []),
            rf"\begin{{tabular}}{{{kinds}}}",
            r"\toprule",
            table[0],
            r"\midrule",
            *table[1:],
            r"\bottomrule",
            r"\end{tabular}",
        ]
    return "\n".join(parts) + "\n"


def section_cells(section: Section) -> tuple[dict[str, bool], list[list[str]]]:
    """Headings, each with whether it is of numbers, and the texts of the rows, for people."""
    keys = list(dict.fromkeys(key for row in section.rows for key in row))
    filled = {key for row in section.rows for key, value in row.items() if value not in (None, "")}
    shown = [key for key in keys if key in filled and not _is_bound(key, keys)]
    header = {
        key.replace("_", " "): not any(isinstance(row.get(key), str) for row in section.rows)
        for key in shown
    }
    return header, [[_cell(row, key, section.decimals) for key in shown] for row in section.rows]


def _is_bound(key: str, keys: Sequence[str]) -> bool:
    name = key.removesuffix("_low").removesuffix("_high")
    return name != key and name in keys


def _cell(row: Record, key: str, decimals: int) -> str:
    value = row.get(key)
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    text = _one(value, key, decimals)
    if low is None or high is None:
        return text
    return f"{text} {interval_text(low, high, decimals, sign=_signed(key))}"


def _one(value: Any, key: str, decimals: int) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return clean(str(value))
    if key in ("p", "p_holm"):
        return p_value_text(value)
    return number_text(value, decimals, sign=_signed(key))


def _signed(key: str) -> bool:
    return key.startswith("difference")
