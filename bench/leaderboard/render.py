"""A leaderboard as a text table for a terminal or a file, and the pieces of text in it.

Names come from data and plugins: none of them reaches a terminal with control characters.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.leaderboard.model import Column, Leaderboard, Row, counted
from bench.leaderboard.statistics import Interval
from bench.tables.markup import clean as clean
from bench.tables.numbers import interval_text, number_text, p_value_text

FILE_WIDTH: Final = 100
"""Columns of a text table that is not written to a terminal."""
_SYSTEM: Final = "System"
_NARROWEST_LABEL: Final = 16


def render_text(table: Leaderboard, width: int = FILE_WIDTH, *, expand: bool = False) -> str:
    """The leaderboard as plain text of so many columns; with `expand` each seed has a row."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_leaderboard(table, console, expand=expand)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def print_leaderboard(table: Leaderboard, console: Console, *, expand: bool = False) -> None:
    """Print the leaderboard with its notes; where it is narrow, the least columns are left out."""
    console.print(Text(title_of(table), style="bold"))
    for sentence in table.verdict:
        console.print(Text(sentence, style="bold"))
    console.print(Text(table.protocol_words))
    if not table.rows:
        console.print(Text("No runs yet."))
    else:
        _print_rows(table, console, table.lines(expand=expand))
        console.print(Text(table.interval_words, style="dim"))
    for note in table.notes:
        console.print(Text(f"- {clean(note)}"))


def _print_rows(table: Leaderboard, console: Console, rows: Sequence[Row]) -> None:
    kept = list(table.shown_columns)
    while len(kept) > 1 and _width(_cells_of(table, kept, rows)) > console.width:
        # The ears go first and together: the headlines of all metrics say more.
        ears = [column for column in kept if "/" in column.key]
        kept = [column for column in kept if column not in (ears or kept[-1:])]
    grid = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, leading=1)
    cells = _cells_of(table, kept, rows)
    for title, texts in cells.items():
        if title == _SYSTEM:
            grid.add_column(title, min_width=_NARROWEST_LABEL, overflow="fold")
        else:
            left = title == "Rank"
            width = _widest(title, texts)
            grid.add_column(Text(title), justify="left" if left else "right", min_width=width)
    for line in zip(*cells.values(), strict=True):
        grid.add_row(*line)
    console.print(grid)
    left_out = [heading(column) for column in table.shown_columns if column not in kept]
    if left_out:
        wider = (
            f"Left out, as the line is too short: {', '.join(left_out)} (--format csv has them)."
        )
        console.print(Text(wider, style="dim"))


def _cells_of(
    table: Leaderboard, columns: Sequence[Column], rows: Sequence[Row]
) -> dict[str, list[Text]]:
    """The texts of each column of the grid, by its heading."""
    cells = {
        "Rank": [Text(rank_text(row)) for row in rows],
        _SYSTEM: [Text(label_text(row), style=_style(row)) for row in rows],
        "n": [Text(_counted(row)) for row in rows],
    }
    for column in columns:
        whole = column is table.columns[0]
        cells[heading(column)] = [_value_cell(row, column, whole=whole) for row in rows]
    if table.baseline:
        cells["to baseline"] = [difference_cell(row, table) for row in rows]
    return cells


def _width(cells: Mapping[str, Sequence[Text]]) -> int:
    """Characters that the grid needs, the systems' names at their narrowest."""
    others = [_widest(title, texts) for title, texts in cells.items() if title != _SYSTEM]
    return _NARROWEST_LABEL + sum(others) + len(cells) + 1


def _widest(title: str, texts: Sequence[Text]) -> int:
    return max(cell_len(line) for text in [title, *texts] for line in str(text).split("\n"))


def _style(row: Row) -> str:
    return "bold" if row.rank and row.rank[0] == 1 else ""


def _counted(row: Row) -> str:
    return f"{counted(row)}\n{row.n_failed} failed" if row.n_failed else counted(row)


def _value_cell(row: Row, column: Column, *, whole: bool) -> Text:
    value = row.values.get(column.key)
    if value is None:
        return Text("–")
    cell = Text(number(value.mean, column))
    if whole and not math.isnan(value.low):
        cell.append(f"\n{bracket(value, column)}", style="dim")
    if median := median_text(row, column):
        cell.append(f"\n{median}", style="dim")
    return cell


def difference_cell(row: Row, table: Leaderboard) -> Text:
    """The first score's difference to the baseline, its p-value and interval."""
    if row.is_baseline:
        return Text("baseline")
    if row.difference is None or row.p is None:
        return Text("–")
    first = table.columns[0]
    mean = number(row.difference.difference.mean, first, sign=True)
    p = p_text(row.p) if table.shows_p else ""
    cell = Text(f"{mean} {p}".rstrip())
    if not math.isnan(row.difference.difference.low):
        cell.append(f"\n{bracket(row.difference.difference, first, sign=True)}", style="dim")
    return cell


# --- pieces that every format for people uses ----------------------------------------------------


def heading(column: Column) -> str:
    """A column's title with its unit."""
    return clean(f"{column.title} {column.unit}".strip())


def direction(column: Column) -> str:
    """An arrow the way in which a column's values are better; none where values near 0 are.

    Example:
        >>> direction(Column("clipping", "Clipped", better=-1))
        '↓'
    """
    return {1: "↑", -1: "↓"}.get(column.better, "")


def label_text(row: Row) -> str:
    """A row's label, with the number of its seeds where it is of several; a seed is indented.

    What others scored again here is marked as verified, or as disputed where it did not agree.
    """
    mark = ""
    if row.verification is not None:
        mark = ", verified" if row.verification["agrees"] else ", disputed"
    if row.seeds:
        return f"{clean(row.label)}, {len(row.seeds)} seeds"
    return f"  {clean(row.label)}{mark}" if row.system else f"{clean(row.label)}{mark}"


def median_text(row: Row, column: Column) -> str:
    """``M 8.51``, the median over songs, of a column that shows it; else nothing."""
    if not column.median or math.isnan(row.medians.get(column.key, math.nan)):
        return ""
    return f"M {number(row.medians[column.key], column)}"


def number(value: float, column: Column, *, sign: bool = False) -> str:
    """A score for people, in the column's decimals."""
    return number_text(value * column.scale, column.decimals, sign=sign)


def bracket(value: Interval, column: Column, *, sign: bool = False) -> str:
    """An interval, ``[0.512, 0.643]``; empty where there is none."""
    low, high = value.low * column.scale, value.high * column.scale
    return interval_text(low, high, column.decimals, sign=sign)


def rank_text(row: Row) -> str:
    """``1``, ``2–3``, or a dash where the row is not ranked."""
    if row.rank is None:
        return "–"
    best, worst = row.rank
    return str(best) if best == worst else f"{best}–{worst}"


def p_text(p: float | None) -> str:
    """``p 0.012``, or nothing.

    Example:
        >>> p_text(0.0421), p_text(0.0004)
        ('p .042', 'p <.001')
    """
    if p is None or math.isnan(p):
        return ""
    return f"p {p_value_text(p)}"


def title_of(table: Leaderboard) -> str:
    """Suite, split and protocol."""
    return clean(f"{table.suite}, split {table.split}, protocol {table.protocol}")
