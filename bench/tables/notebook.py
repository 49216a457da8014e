"""Results that display themselves: a table in a notebook, a frame, one line in a shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING, Any

from bench.tables.markup import clean
from bench.tables.sections import Section, section_cells

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Presented:
    """What a result shows.

    Attributes:
        line: what it is, in a line.
        records: its rows as plain values, in the metrics' own units.
        sections: the tables that a notebook shows.
    """

    line: str
    records: Sequence[Mapping[str, Any]] = ()
    sections: Sequence[Section] = ()


@singledispatch
def presented(result: object) -> Presented:
    """What a result shows; the module that writes its tables registers how."""
    return Presented(type(result).__name__)


def quantity(count: int, word: str) -> str:
    """A number of things, in words.

    Example:
        >>> quantity(1, "run"), quantity(2, "run")
        ('1 run', '2 runs')
    """
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


class Shown:
    """What results have in common: :meth:`to_frame`, a line as ``repr``, a table in a notebook."""

    def to_frame(self) -> pd.DataFrame:
        """The rows as a pandas frame, in the metrics' own units."""
        import pandas as pd

        return pd.DataFrame(list(presented(self).records))

    def __repr__(self) -> str:
        return f"<{clean(presented(self).line)}>"

    def _repr_html_(self) -> str:
        shown = presented(self)
        title = f"<p><b>{escape(clean(shown.line))}</b></p>"
        return title + "".join(html_table(section) for section in shown.sections if section.rows)


def html_table(section: Section) -> str:
    """A section as a table in HTML, escaped.

    Example:
        >>> html_table(Section("", ({"a": "<x>", "b": 0.5},)))[-53:]
        '<td>&lt;x&gt;</td><td>0.500</td></tr></tbody></table>'
    """
    header, rows = section_cells(section)
    head = "".join(f"<th>{escape(clean(name))}</th>" for name in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(clean(cell))}</td>' for cell in cells)}</tr>" for cells in rows
    )
    title = f"<p>{escape(clean(section.title))}</p>" if section.title else ""
    note = f"<p><small>{escape(clean(section.note))}</small></p>" if section.note else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"{title}{table}{note}"
