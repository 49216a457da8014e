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
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from bench.leaderboard.model import Column, Leaderboard, Row, counted
from bench.leaderboard.statistics import Interval
from bench.tables.markup import clean as clean
from bench.tables.numbers import interval_text, number_text, p_value_text
from bench.tables.widths import line_width, wrapped

_SYSTEM: Final = "System"
_HEADROOM: Final = "Headroom %"
_NARROWEST_LABEL: Final = 16


def render_text(table: Leaderboard, width: int = 0, *, expand: bool = False) -> str:
    """The leaderboard as plain text; with `expand` each seed has a row.

    Args:
        table: the leaderboard.
        width: columns of a line; by default :func:`bench.tables.widths.line_width`.
        expand: whether the runs of several seeds have a row each.
    """
    console = Console(file=io.StringIO(), width=width or line_width(), color_system=None)
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
        for sentence in table.shared:
            console.print(Text(clean(sentence)))
        console.print(Text(table.interval_words, style="dim"))
    for note in table.notes:
        console.print(Text(f"- {clean(note)}"))


def _print_rows(table: Leaderboard, console: Console, rows: Sequence[Row]) -> None:
    kept = list(table.shown_columns)
    cells = _cells_of(table, kept, rows)
    left_out: list[str] = []
    while _width(cells) > console.width:
        # The ears go first and together: the headlines of all metrics say more.
        ears = [column for column in kept if "/" in column.key]
        if ears or len(kept) > 1:
            gone = ears or kept[-1:]
            kept = [column for column in kept if column not in gone]
            names = [heading(column) for column in gone]
        elif extra := next((name for name in (_HEADROOM, "n", "Rank") if name in cells), ""):
            names = [extra]
        else:
            break
        left_out += names
        for name in names:
            cells.pop(name, None)
    grid = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, leading=1)
    room = console.width - (_width(cells) - _NARROWEST_LABEL)
    fits = room >= _NARROWEST_LABEL
    natural = _widest(_SYSTEM, cells[_SYSTEM])
    for title, texts in cells.items():
        if title == _SYSTEM:
            width = min(natural, max(room, _NARROWEST_LABEL))
            cells[title] = [_wrapped(text, width) for text in texts]
            grid.add_column(title, width=width)
        else:
            left = title == "Rank"
            width = _widest(title, texts)
            justify: JustifyMethod = "left" if left else "right"
            # A width that is known need not be measured; where there is no room, it must give way.
            grid.add_column(
                Text(title), justify=justify, min_width=width, width=width if fits else None
            )
    for line in zip(*cells.values(), strict=True):
        grid.add_row(*line)
    console.print(grid)
    order = [heading(column) for column in table.shown_columns] + [_HEADROOM, "n", "Rank"]
    if left_out:
        names = sorted(left_out, key=order.index)
        wider = f"Columns left out for lack of width: {', '.join(names)} (--format csv has them)."
        console.print(Text(wider, style="dim"))


def _cells_of(
    table: Leaderboard, columns: Sequence[Column], rows: Sequence[Row]
) -> dict[str, list[Text]]:
    """The texts of each column of the grid, by its heading."""
    cells = {
        "Rank": [Text(rank_text(row)) for row in rows],
        _SYSTEM: [_system_cell(row) for row in rows],
        "n": [Text(_counted(row)) for row in rows],
    }
    for column in columns:
        whole = column is table.columns[0]
        cells[heading(column)] = [_value_cell(row, column, whole=whole) for row in rows]
    if any(row.headroom is not None for row in rows):
        cells[_HEADROOM] = [Text(headroom_text(row)) for row in rows]
    if table.baseline:
        cells["to baseline"] = [difference_cell(row, table) for row in rows]
    return cells


def _system_cell(row: Row) -> Text:
    """A system's name, what differs on the line below, which the intervals leave free."""
    indent = "  " if row.system else ""
    cell = Text(f"{indent}{clean(row.parts.head)}", style=_style(row))
    seeds = [f"{len(row.seeds)} seeds"] if row.seeds else []
    below = [*row.parts.details, *seeds, *_verified(row)]
    if below:
        cell.append(f"\n{indent}{clean(', '.join(below))}", style="dim")
    return cell


def _wrapped(cell: Text, width: int) -> Text:
    """The cell in lines that fit, each in the style of its own."""
    head, *below = cell.plain.split("\n")
    found = Text(wrapped(head, width), style=cell.style)
    for line in below:
        found.append(f"\n{wrapped(line, width)}", style="dim")
    return found


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
    """A row's name, with the number of its seeds where it is of several; a seed is indented.

    What others scored again here is marked as verified, or as disputed where it did not agree.
    """
    if row.seeds:
        return f"{clean(row.shown)}, {len(row.seeds)} seeds"
    marked = ", ".join([clean(row.shown), *_verified(row)])
    return f"  {marked}" if row.system else marked


def _verified(row: Row) -> list[str]:
    if row.verification is None:
        return []
    return ["verified" if row.verification["agrees"] else "disputed"]


def headroom_text(row: Row) -> str:
    """How far a row got from the untouched mixture to the clean stems, in percent."""
    return "–" if row.headroom is None else f"{round(100 * row.headroom)}"


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
