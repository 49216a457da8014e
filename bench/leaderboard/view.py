"""Which columns and rows of a leaderboard a table shows, and in what order.

Ranks, differences and p-values stay those of the whole board: what one does not look at counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.board.conditions import parse_conditions
from bench.errors import BenchError, suggest
from bench.leaderboard.model import Leaderboard


def shown(
    table: Leaderboard, *, metric: Sequence[str] = (), sort: str = "", where: Sequence[str] = ()
) -> Leaderboard:
    """The leaderboard as it is to be shown.

    Args:
        table: all of it.
        metric: the metrics to show, with their parts, or single columns as ``"haaqi/left"``; all
            where there are none.
        sort: the column to sort by, best on top; the first one where it is empty.
        where: conditions on runs that must all hold, as ``"separator=hdemucs*"``.

    Raises:
        BenchError: the board has no such metric or column, or a condition is wrong.
    """
    conditions = parse_conditions(where)
    keys = [column.key for column in table.columns]
    known = list(dict.fromkeys([*keys, *(key.partition("/")[0] for key in keys)]))
    for name, option in [
        *((name, "--metric") for name in metric),
        *([(sort, "--sort")] if sort else []),
    ]:
        if name not in (known if option == "--metric" else keys):
            what = f"the board has no scores of '{name}'"
            raise BenchError(what, where=option, hint=suggest(name, known))
    columns = tuple(k for k in keys if k in metric or k.partition("/")[0] in metric)
    rows = tuple(row for row in table.rows if all(one.holds(row.run) for one in conditions))
    systems = {row.system for row in rows}
    notes = list(table.notes)
    if len(rows) < len(table.rows):
        notes.insert(0, f"Shown are {len(rows)} of {len(table.rows)} runs: {', '.join(where)}.")
    if keys and (len(rows) < len(table.rows) or sort not in ("", keys[0]) or columns):
        first = table.columns[0].title
        notes.insert(0, f"Ranks and differences are of {first}, among all rows of the board.")
    return replace(
        table,
        rows=rows,
        summaries=tuple(line for line in table.summaries if line.label in systems),
        shown=columns,
        sort=sort,
        notes=tuple(notes),
    )
