"""Small tables with titles, such as the parts of a comparison, in every format.

A row is a mapping by column. In the formats for people a column and its ``_low`` and ``_high``
become one, ``0.512 [0.480, 0.543]``; those for programs keep plain values. Names come from data and
plugins: each format escapes them.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.tables.markup import clean, csv_text, escape_latex, escape_markdown, json_text
from bench.tables.numbers import interval_text, number_text, p_value_text
from bench.tables.widths import line_width, longest_word, shared_out, wrapped

_NARROWEST: Final = 12
_UNBROKEN: Final = 16
"""Cells of the longest word that is never broken, such as a run's id."""

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A table: `rows` with the same keys, and a `note` of what they mean.

    Numbers are written with `decimals`. Where the line is too short, the columns of `least` are
    left out, the first one first. Columns of `for_programs` stand in CSV and JSON alone.
    """

    title: str
    rows: tuple[Record, ...]
    note: str = ""
    decimals: int = 3
    least: tuple[str, ...] = ()
    for_programs: tuple[str, ...] = ()


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
        width: columns of a text; by default :func:`bench.tables.widths.line_width`.
    """
    filled = [section for section in sections if section.rows]
    writers: dict[str, Callable[[str, Sequence[Section], Sequence[str]], str]] = {
        "table": partial(_text, width or line_width()),
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


def _text(width: int, title: str, sections: Sequence[Section], words: Sequence[str]) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, color_system=None)
    for line in (title, *words):
        if line:
            console.print(Text(clean(line)))
    for number, section in enumerate(sections):
        gap = "\n" if number or title else ""
        console.print(Text(f"{gap}{clean(section.title)}"))
        columns, left_out = _fitting(section, width)
        # Rather a line that is too long than a number that is cut off.
        wide = max(width, _needed(columns))
        Console(file=text, width=wide, color_system=None).print(_grid(columns, width))
        if left_out:
            names = ", ".join(name.replace("_", " ") for name in left_out)
            console.print(
                Text(f"Columns left out for lack of width: {names} (--format csv has them).")
            )
        if section.note:
            console.print(Text(clean(section.note)))
    return "\n".join(line.rstrip() for line in text.getvalue().split("\n"))


@dataclass(frozen=True)
class _TextColumn:
    """A column of a text table: its heading, its cells, and whether they are numbers."""

    heading: str
    cells: tuple[str, ...]
    numeric: bool

    @property
    def widest(self) -> int:
        lines = (line for cell in (self.heading, *self.cells) for line in cell.split("\n"))
        return max(cell_len(line) for line in lines)

    @property
    def least(self) -> int:
        """Its narrowest form: numbers, the words of a heading and short words are never broken."""
        words = longest_word(self.heading)
        lines = (cell_len(line) for cell in self.cells for line in cell.split("\n"))
        widest = max(lines, default=0)
        if self.numeric:
            return max(words, widest)
        lengths = (cell_len(word) for cell in self.cells for word in cell.split())
        unbroken = max((length for length in lengths if length <= _UNBROKEN), default=0)
        return max(words, min(widest, _NARROWEST), unbroken)


def _fitting(section: Section, width: int) -> tuple[list[_TextColumn], list[str]]:
    """The columns that lines have room for, and the names of those left out.

    Where it is narrow, intervals stand below their numbers first.
    """
    left_out: list[str] = []
    filled = {key for row in section.rows for key, value in row.items() if value not in (None, "")}
    filled -= set(section.for_programs)
    for key in ("", *section.least):
        if key in filled:
            rows = tuple({k: v for k, v in row.items() if k != key} for row in section.rows)
            section = replace(section, rows=rows)
            left_out.append(key)
        for below in (False, True):
            columns = _columns(section, intervals_below=below)
            if _needed(columns) <= width:
                return columns, left_out
    return columns, left_out


def _columns(section: Section, *, intervals_below: bool) -> list[_TextColumn]:
    header, rows = section_cells(section)
    found = []
    for index, (name, numeric) in enumerate(header.items()):
        cells = (cells[index] for cells in rows)
        if numeric and intervals_below:
            cells = (cell.replace(" [", "\n[") for cell in cells)
        found.append(_TextColumn(name, tuple(cells), numeric))
    return found


def _needed(columns: Sequence[_TextColumn]) -> int:
    """Cells that the narrowest form of a table needs."""
    return sum(column.least for column in columns) + _around(len(columns))


def _around(columns: int) -> int:
    """Cells between so many columns, three each, and at both edges."""
    return 3 * (columns - 1) + 2


def _grid(columns: Sequence[_TextColumn], width: int) -> Table:
    room = width - _around(len(columns))
    widths = shared_out([c.widest for c in columns], [c.least for c in columns], room)
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    texts = []
    for column, wide in zip(columns, widths, strict=True):
        justify: Literal["left", "right"] = "right" if column.numeric else "left"
        grid.add_column(Text(column.heading), justify=justify, width=wide)
        texts.append([cell if column.numeric else wrapped(cell, wide) for cell in column.cells])
    for cells in zip(*texts, strict=True):
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
    told = filled - set(section.for_programs)
    shown = [key for key in keys if key in told and not _is_bound(key, keys)]
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
