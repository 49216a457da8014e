"""A leaderboard in one of several formats, for people and for programs.

Names come from data and plugins: each format escapes them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console

from bench.leaderboard.model import Column, Leaderboard, Row, counted
from bench.leaderboard.notes import UNREADABLE
from bench.leaderboard.render import (
    bracket,
    difference_cell,
    heading,
    headroom_text,
    label_text,
    median_text,
    number,
    print_leaderboard,
    rank_text,
    render_text,
    title_of,
)
from bench.leaderboard.statistics import Interval
from bench.tables.markup import csv_text, escape_latex, escape_markdown, json_text
from bench.tables.notebook import Presented, presented, quantity
from bench.tables.sections import Section, finite, render_sections, section_records

CONTRAST_WORDS: Final = "A minus B, of the first column."
CONTRAST_P_WORDS: Final = (
    " p holm is Holm-corrected over all named contrasts, whether or "
    "not their rows are on this board, so further rows do not change it."
)


def render(
    table: Leaderboard,
    format: str = "table",
    sections: Sequence[Section] = (),
    *,
    expand: bool = False,
) -> str:
    """The leaderboard in one of ``bench.tables.FORMATS``, with sections after it.

    CSV holds one kind of rows: those of the sections where there are any. With `expand` a system of
    several seeds has a row for each of them too; the formats for programs always have them.
    """
    if format == "json":
        content = _content(table)
        return json_text(content | ({"sections": section_records(sections)} if sections else {}))
    if format == "csv":
        return render_sections("", sections, "csv") if sections else _csv(table)
    sections = [contrasts_section(table), *sections]
    writers = {"table": render_text, "markdown": _markdown, "latex": _latex}
    after = f"\n{render_sections('', sections, format)}" if any(s.rows for s in sections) else ""
    return writers[format](table, expand=expand) + after


def contrasts_section(table: Leaderboard) -> Section:
    """The contrasts that were named beforehand, with their p-values; without any, no rows."""
    rows = tuple(
        {
            "A": one.ours,
            "B": one.theirs,
            **interval("difference", one.comparison.difference if one.comparison else None),
            "p": finite(one.comparison.p) if one.comparison else None,
            "p_holm": finite(one.p),
        }
        for one in table.contrasts
    )
    words = CONTRAST_WORDS + (CONTRAST_P_WORDS if table.shows_p else "")
    hidden = () if table.shows_p else ("p", "p_holm")
    return Section("Contrasts named beforehand", rows, words, for_programs=hidden)


def show(
    table: Leaderboard,
    format: str = "table",
    sections: Sequence[Section] = (),
    *,
    expand: bool = False,
) -> None:
    """Write the leaderboard to standard output, coloured where that is a terminal."""
    if format == "table" and sys.stdout.isatty():
        print_leaderboard(table, Console(), expand=expand)
        sections = [contrasts_section(table), *sections]
        if sections:
            sys.stdout.write(f"\n{render_sections('', sections, format)}")
    else:
        sys.stdout.write(render(table, format, sections, expand=expand))
    if format in ("csv", "latex"):  # which have no place for notes
        for note in table.notes:
            if note.startswith(UNREADABLE):
                sys.stderr.write(f"note: {note}\n")


def _cells(table: Leaderboard, *, expand: bool) -> tuple[list[str], list[list[str]]]:
    """Header and rows as plain texts, for Markdown and LaTeX."""
    header = ["Rank", "System", "n", *(heading(column) for column in table.shown_columns)]
    has_headroom = any(row.headroom is not None for row in table.lines(expand=expand))
    header += ["Headroom %"] if has_headroom else []
    header += ["To baseline"] if table.baseline else []
    rows = []
    for row in table.lines(expand=expand):
        cells = [rank_text(row), label_text(row).strip(), counted(row)]
        for column in table.shown_columns:
            value = row.values.get(column.key)
            texts = [number(value.mean, column) if value is not None else "–"]
            texts += [bracket(value, column)] if value and column is table.columns[0] else []
            texts += [f"({median})"] if (median := median_text(row, column)) else []
            cells.append(" ".join(filter(None, texts)))
        if has_headroom:
            cells.append(headroom_text(row))
        if table.baseline:
            cells.append(difference_cell(row, table).plain.replace("\n", " "))
        rows.append(cells)
    return header, rows


@presented.register
def _(table: Leaderboard) -> Presented:
    line = (
        f"leaderboard of {table.suite}, split {table.split}, protocol {table.protocol}: "
        f"{quantity(len(table.systems), 'system')}, {quantity(table.songs, 'song')}"
    )
    records = [record(row, table.shown_columns) for row in table.lines(expand=True)]
    return Presented(line, records, [cells_section(table)])


def cells_section(table: Leaderboard) -> Section:
    """The leaderboard as texts for people, its notes below."""
    header, rows = _cells(table, expand=False)
    return Section(
        " ".join(table.verdict),
        tuple(dict(zip(header, row, strict=True)) for row in rows),
        " ".join((*table.shared, table.interval_words, *table.notes)),
    )


def _markdown(table: Leaderboard, *, expand: bool) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(escape_markdown, cells))} |"

    header, rows = _cells(table, expand=expand)
    rule = ["---", "---", *("---:" for _ in header[2:])]
    body = [line(header), f"| {' | '.join(rule)} |", *map(line, rows)]
    words = [table.protocol_words, " ".join(table.shared), table.interval_words]
    notes = [f"- {escape_markdown(note)}" for note in table.notes]
    title = f"**{escape_markdown(title_of(table))}**"
    said = escape_markdown(" ".join(table.verdict))
    parts = [title, said, "\n".join(body), *words, "\n".join(notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _latex(table: Leaderboard, *, expand: bool) -> str:
    def line(cells: Sequence[str]) -> str:
        # Braces keep a cell that begins with a bracket from being read as an option of \\.
        return " & ".join(f"{{{escape_latex(cell)}}}" for cell in cells) + r" \\"

    header, rows = _cells(table, expand=expand)
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
        "seed": None if row.run["seed"] is None else int(row.run["seed"]),
        "seeds": len(row.seeds) or 1,
        "system": row.system or row.label,
        "n": row.n,
        "n_failed": row.n_failed,
        "n_excluded": row.n_excluded,
        "is_baseline": row.is_baseline,
        "name": row.shown,
        "headroom": finite(row.headroom),
    }
    for column in columns:
        values |= interval(column.key, row.values.get(column.key))
        if column.median:
            values[f"{column.key}_median"] = finite(row.medians.get(column.key))
    values |= interval("difference", difference.difference if difference else None)
    values["p"] = finite(difference.p) if difference else None
    values["p_holm"] = finite(row.p)
    values["verified"] = None if row.verification is None else bool(row.verification["agrees"])
    values["run_id"] = row.run["run_id"]
    values["bench_version"] = row.run["bench_version"]
    values["code_hash"] = row.run["code_hash"]
    return values


def _csv(table: Leaderboard) -> str:
    return csv_text([record(row, table.shown_columns) for row in table.lines(expand=True)])


def _content(table: Leaderboard) -> dict[str, Any]:
    return {
        "suite": table.suite,
        "split": table.split,
        "protocol": table.protocol,
        "protocol_in_words": table.protocol_words,
        "intervals_in_words": table.interval_words,
        "songs": table.songs,
        "baseline": table.baseline or None,
        "verdict": list(table.verdict),
        "rows": [record(row, table.shown_columns) for row in table.lines(expand=True)],
        "shared_by_all": list(table.shared),
        "notes": list(table.notes),
        **({"contrasts": list(contrasts_section(table).rows)} if table.contrasts else {}),
        "hearing_loss_below": table.rules.hearing_loss_below,
        "saturated": [list(pair) for pair in table.saturated],
    }


def interval(name: str, value: Interval | None) -> dict[str, float | None]:
    """A mean and its bounds as columns ``name``, ``name_low`` and ``name_high``; None for NaN."""
    bounds = (value.mean, value.low, value.high) if value is not None else (math.nan,) * 3
    names = (name, f"{name}_low", f"{name}_high")
    return {n: finite(b) for n, b in zip(names, bounds, strict=True)}
